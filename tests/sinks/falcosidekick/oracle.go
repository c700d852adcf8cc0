// Reads alerts, writes what falcosidekick's outputs make of them: with Go's own encoding/json,
// over types and steps as its documented behaviour has them.
//
// In, a line each: {"uuid": "...", "body": "<base64 of the JSON that Falco posts>", "settings": {...}}
// Out: {"canonical": "...", ...}, or {} for what falcosidekick refuses.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"text/template"
	"time"
)

type priority int

var names = []string{"", "Debug", "Informational", "Notice", "Warning", "Error", "Critical", "Alert", "Emergency"}

func (p priority) MarshalJSON() ([]byte, error) { return json.Marshal(names[p]) }

func (p *priority) UnmarshalJSON(text []byte) error {
	var name string
	if err := json.Unmarshal(text, &name); err != nil {
		return err
	}
	*p = 0
	if strings.EqualFold(name, "info") {
		name = "Informational"
	}
	for rank, known := range names {
		if strings.EqualFold(name, known) {
			*p = priority(rank)
		}
	}
	return nil
}

type alert struct {
	UUID     string                 `json:"uuid"`
	Output   string                 `json:"output"`
	Priority priority               `json:"priority"`
	Rule     string                 `json:"rule"`
	Time     time.Time              `json:"time"`
	Fields   map[string]interface{} `json:"output_fields"`
	Source   string                 `json:"source"`
	Tags     []string               `json:"tags,omitempty"`
	Hostname string                 `json:"hostname,omitempty"`
}

// Of falcosidekick's configuration what changes alerts on their way in.
type settings struct {
	Customfields, Templatedfields      map[string]string
	Customtags                         []string
	Bracketreplacer, Outputfieldformat string
}

func pairs(fields map[string]string) string {
	var told []string
	for key, value := range fields {
		told = append(told, key+"="+value)
	}
	sort.Strings(told) // falcosidekick has them in any order
	return strings.Join(told, " ")
}

// Custom and templated fields, tags; gives the texts of both kinds of fields.
func (s settings) add(a *alert) (string, string) {
	if a.Fields == nil {
		a.Fields = map[string]interface{}{}
	}
	for key, value := range s.Customfields {
		a.Fields[key] = value
	}
	a.Tags = append(a.Tags, s.Customtags...)
	templated := map[string]string{}
	for key, text := range s.Templatedfields {
		var made strings.Builder
		template.Must(template.New("").Parse(text)).Execute(&made, a.Fields)
		templated[key] = made.String()
	}
	for key, text := range templated {
		a.Fields[key] = text
	}
	return pairs(s.Customfields), pairs(templated)
}

var falcoOutput = regexp.MustCompile(`(?i)[0-9:]+\.[0-9]+: (Debug|Informational|Notice|Warning|Error|Critical|Alert|Emergency) .*`)

func (s settings) rewrite(a *alert, custom, templated string) {
	for _, key := range keys(a) {
		if s.Bracketreplacer != "" && strings.Contains(key, "[") {
			value := a.Fields[key]
			delete(a.Fields, key)
			a.Fields[strings.NewReplacer("]", "", "[", s.Bracketreplacer).Replace(key)] = value
		}
	}
	words := strings.Split(a.Output, " ")
	if s.Outputfieldformat == "" || !falcoOutput.MatchString(a.Output) || len(words) < 3 {
		return
	}
	text := strings.NewReplacer(
		"<timestamp>", strings.TrimSuffix(words[0], ":"), "<priority>", names[a.Priority],
		"<output>", strings.Join(words[2:], " "), "<custom_fields>", custom,
		"<templated_fields>", templated, "<tags>", strings.Join(a.Tags, ","),
	).Replace(s.Outputfieldformat)
	for _, end := range []string{" ", "( )", "()", " "} {
		text = strings.TrimSuffix(text, end)
	}
	a.Output = text
}

func read(body []byte, uuid string, s settings) *alert {
	var a alert
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&a) != nil {
		return nil
	}
	custom, templated := s.add(&a)
	if a.Priority == 0 || a.Rule == "" || a.Time.IsZero() || len(a.Fields) == 0 {
		return nil
	}
	if a.Source == "" {
		a.Source = "syscalls"
	}
	if a.Rule == "Test rule" {
		a.Source = "internal"
	}
	a.UUID = uuid
	sort.Strings(a.Tags)
	s.rewrite(&a, custom, templated)
	if whole, _ := json.Marshal(a); len(whole) > 4096 {
		shorten(&a)
	}
	return &a
}

// The names of fields in order; falcosidekick goes through them in any.
func keys(a *alert) []string {
	var found []string
	for key := range a.Fields {
		found = append(found, key)
	}
	sort.Strings(found)
	return found
}

func shorten(a *alert) {
	for _, key := range keys(a) {
		if text, is := a.Fields[key].(string); is && len(text) > 512 {
			short := text[:507] + "[...]"
			a.Fields[key] = short
			a.Output = strings.ReplaceAll(a.Output, text, short)
		}
	}
}

func canonical(a *alert) string {
	text, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func elasticsearch(a *alert) string {
	flat := *a
	flat.Fields = map[string]interface{}{}
	for _, key := range keys(a) {
		flat.Fields[strings.ReplaceAll(key, ".", "_")] = a.Fields[key]
	}
	text, _ := json.Marshal(struct {
		alert
		Timestamp time.Time `json:"@timestamp"`
	}{flat, a.Time})
	return string(text)
}

type field struct {
	Title string `json:"title"`
	Value string `json:"value"`
	Short bool   `json:"short"`
}

type attachment struct {
	Fallback string  `json:"fallback"`
	Color    string  `json:"color"`
	Text     string  `json:"text,omitempty"`
	Fields   []field `json:"fields"`
	Footer   string  `json:"footer,omitempty"`
}

type message struct {
	Text        string       `json:"text,omitempty"`
	Username    string       `json:"username,omitempty"`
	IconURL     string       `json:"icon_url,omitempty"`
	Channel     string       `json:"channel,omitempty"`
	Attachments []attachment `json:"attachments,omitempty"`
}

var colors = []string{"", "#ccfff2", "#68c2ff", "#5bffb5", "#ffc700", "#e20b0b", "#ff5400", "#ff5400", "#e20b0b"}
var mrkdwn = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func slack(a *alert, content string) string {
	made := attachment{Fallback: mrkdwn.Replace(a.Output), Color: colors[a.Priority]}
	add := func(title, value string, short bool) {
		made.Fields = append(made.Fields, field{mrkdwn.Replace(title), mrkdwn.Replace(value), short})
	}
	if content != "text" {
		add("rule", a.Rule, true)
		add("priority", names[a.Priority], true)
		add("source", a.Source, true)
		if a.Hostname != "" {
			add("hostname", a.Hostname, true)
		}
		if len(a.Tags) > 0 {
			add("tags", strings.Join(a.Tags, ", "), true)
		}
		for _, key := range keys(a) {
			if text, is := a.Fields[key].(string); is {
				add(key, text, len([]rune(text)) < 36)
			}
		}
		add("time", a.Time.String(), false)
		made.Footer = "from falco"
	}
	if content != "fields" {
		made.Text = mrkdwn.Replace(a.Output)
	}
	return line(message{Username: "Falcosidekick", Attachments: []attachment{made}})
}

func line(value interface{}) string {
	var text bytes.Buffer
	if err := json.NewEncoder(&text).Encode(value); err != nil {
		panic(err)
	}
	return text.String()
}

type stream struct {
	Stream map[string]string `json:"stream"`
	Values [][]string        `json:"values"`
}

func loki(a *alert, content string) string {
	labels := map[string]string{"rule": a.Rule, "source": a.Source, "priority": names[a.Priority]}
	plain := strings.NewReplacer(".", "_", "[", "", "]", "")
	for _, key := range []string{"k8s.ns.name", "k8s.pod.name", "proc.name"} {
		if text, is := a.Fields[key].(string); is {
			labels[plain.Replace(key)] = strings.ReplaceAll(text, `"`, "")
		}
	}
	if a.Hostname != "" {
		labels["hostname"] = a.Hostname
	}
	if len(a.Tags) > 0 {
		labels["tags"] = strings.Join(a.Tags, ",")
	}
	told := a.Output
	if content == "json" {
		told = canonical(a)
	}
	pushed := stream{labels, [][]string{{strconv.FormatInt(a.Time.UnixNano(), 10), told}}}
	return line(map[string][]stream{"streams": {pushed}})
}

var unsafe = regexp.MustCompile("[^a-zA-Z0-9_]")
var severities = []string{"", "information", "information", "information", "warning", "warning", "critical", "critical", "critical"}
var steps = []struct {
	above int64
	least priority
}{{10000, 6}, {1000, 6}, {100, 6}, {10, 4}, {1, 4}}

func alertmanager(a *alert, expires time.Duration) string {
	labels, rank := map[string]string{}, a.Priority
	raise := func(least priority) {
		if rank < least {
			rank = least
		}
	}
	for _, key := range keys(a) {
		var text string
		switch found := a.Fields[key].(type) {
		case string:
			text = found
		case json.Number:
			text = found.String()
		default:
			continue
		}
		if strings.HasPrefix(key, "n_evts") {
			continue
		}
		if !strings.HasPrefix(key, "n_drop") {
			name := strings.ReplaceAll(unsafe.ReplaceAllString(key, "_"), "__", "_")
			labels[strings.Trim(name, "_")] = text
			continue
		}
		count, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			continue
		}
		labels[key] = text
		if count == 0 {
			labels[key] = "0"
			raise(4)
			continue
		}
		least := priority(6)
		for _, step := range steps {
			if count > step.above {
				labels[key], least = ">"+strconv.FormatInt(step.above, 10), step.least
				break
			}
		}
		raise(least)
	}
	labels["source"], labels["rule"], labels["alertname"], labels["eventsource"] = "falco", a.Rule, a.Rule, a.Source
	if a.Hostname != "" {
		labels["hostname"] = a.Hostname
	}
	if len(a.Tags) > 0 {
		labels["tags"] = strings.Join(a.Tags, ",")
	}
	labels["priority"], labels["severity"] = names[rank], severities[rank]
	made := struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		EndsAt      time.Time         `json:"endsAt"`
	}{labels, map[string]string{"info": a.Output, "description": a.Output, "summary": a.Rule}, time.Time{}}
	if expires > 0 {
		made.EndsAt = a.Time.Add(expires)
	}
	return line([]interface{}{made})
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	out := json.NewEncoder(os.Stdout)
	for in.Scan() {
		var asked struct {
			UUID     string
			Body     []byte
			Settings settings
		}
		if err := json.Unmarshal(in.Bytes(), &asked); err != nil {
			panic(err)
		}
		told := map[string]string{}
		if a := read(asked.Body, asked.UUID, asked.Settings); a != nil {
			told["canonical"] = canonical(a)
			told["elasticsearch"] = elasticsearch(a)
			told["slack all"] = slack(a, "all")
			told["slack text"] = slack(a, "text")
			told["slack fields"] = slack(a, "fields")
			told["loki text"] = loki(a, "text")
			told["loki json"] = loki(a, "json")
			told["alertmanager"] = alertmanager(a, 0)
			told["alertmanager 1h"] = alertmanager(a, time.Hour)
		}
		if err := out.Encode(told); err != nil {
			panic(err)
		}
	}
}
