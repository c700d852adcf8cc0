// Fills templates with Go's own text/template.
//
// In, a line each: {"template": "...", "data": {...}}
// Out: {"text": "...", "parses": true, "fault": ""}
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"text/template"
)

type request struct {
	Template string                 `json:"template"`
	Data     map[string]interface{} `json:"data"`
}

type answer struct {
	Text   string `json:"text"`
	Parses bool   `json:"parses"`
	Fault  string `json:"fault"`
}

func fill(asked request) answer {
	parsed, err := template.New("").Parse(asked.Template)
	if err != nil {
		return answer{Fault: err.Error()}
	}
	var text bytes.Buffer
	if err := parsed.Execute(&text, asked.Data); err != nil {
		return answer{Text: text.String(), Parses: true, Fault: err.Error()}
	}
	return answer{Text: text.String(), Parses: true}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	writer := json.NewEncoder(os.Stdout)
	writer.SetEscapeHTML(false)
	for lines.Scan() {
		var asked request
		decoder := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		decoder.UseNumber()
		if err := decoder.Decode(&asked); err != nil {
			panic(err)
		}
		writer.Encode(fill(asked))
	}
}
