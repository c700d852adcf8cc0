"""Templates, and what they are put together from."""

from __future__ import annotations

CASES = r"""
Alert : rule *{{ .Rule }}* triggered by user *{{ index .OutputFields "user.name" }}*
{{ or (index .OutputFields "k8s.ns.name") "none" }}
{{ if eq .Priority "Warning" "Error" }}:warning:{{ else }}:ok:{{ end }} {{ .Rule }}
{{ range $i, $tag := .Tags }}{{ if $i }}, {{ end }}{{ $tag }}{{ end }}
{{ range $k, $v := .OutputFields }}{{ $k }}={{ $v }} {{ end }}
{{ with index . "Rule" }}agent-{{ . }}{{ end }}
{{ printf "%s on %s" .Rule .Hostname }}
{{ .OutputFields.map.a }} {{ .Missing }} {{ .OutputFields }}
{{ index .OutputFields "list" 3 0 }}
{{ "a" | printf "%s-%s" "b" | printf "%q" }}
{{ range 3 }}{{ . }}{{ end }}
{{ $a := "x" }}{{ range .Tags }}{{ $a = . }}{{ end }}{{ $a }}
{{ len `äb` }} {{ slice `abcdef` 2 }} {{ slice `abcdef` 2 4 }}
{{ index .Tags 7 }}
before {{ .Rule.x }} after
{{ .Missing.x }}
{{ lt 1 `a` true }}
{{ not }}
{{ len nil }}
{{ nil }}
{{ print nil }}
{{ eq nil nil }}
{{ range .Rule }}x{{ end }}
{{ index `abc` 1 }}
{{ 1 | len }}
{{ 'x' }}
{{ .Rule | .Hostname }}
{{ `a` `b` }}
{{ | print }}
{{ print | }}
{{ }}
{{ if }}{{ end }}
{{ else }}
{{ end }}
{{ if 1 }}
{{
{{ ( }}
{{ ) }}
{{ $x }}
{{ $x = 1 }}
{{ break }}
{{ nofunc }}
{{ .Rule }
{{ "a }}
{{/* a }} b
{{ /* a */ }}
{{-/* a */-}}
{{ 1a }}
{{ 0x }}
{{ 1_000 }}
{{ .5 }}
{{if 1}}{{else}}{{else}}{{end}}
{{range .Tags}}{{else if 1}}{{end}}
{{ print (len .Tags) }}
{{ print len }}
{{ .Rule.  }}
{{ ..Rule }}
{{ . Rule }}
{{ $ }}
{{- 1 -}} x
{{-1}}
{{ -1 }}
{{ +1 }}
{{ 1.0 }} {{ 1e21 }} {{ 1e-7 }} {{ 12345678.5 }}
{{ printf `%!` }}
{{ printf `%d %s` 1 }}
{{ printf `x` 1 `a` }}
{{ printf 1 }}
{{ printf `%5t|` true }}
""".strip().splitlines()

VALUES = r"""
.
.Rule
.Hostname
.Tags
.OutputFields
.Missing
$
$.Priority
"text"
`raw`
"a\tb\u00e9"
0
1
-7
0x1F
017
2.5
1e3
true
(index .OutputFields "user.name")
(index .OutputFields "proc.name")
(index .OutputFields "yes")
(index .OutputFields "missing")
(index .Tags 1)
(index .OutputFields "list")
.OutputFields.map
.OutputFields.map.a
'a'
.OutputFields.none
(len .Tags)
(print "a" 1 2 "b")
(slice .Rule 1 3)
(.OutputFields).no
""".strip().splitlines()

CALLS = r"""
{}
print {} {}
println {}
printf "%s|%v" {} {}
printf "%-5d|%05d|%x|%+d" 7 -42 255 3
printf "%q" (print {})
printf "%8.3f|%t|%6s|" 2.5 true "x"
printf "%d"
printf "100%%" {}
html {}
js {}
urlquery {}
len {}
not {}
and {} {}
or {} {} {}
eq {} {}
ne {} {}
lt {} {}
ge {} {}
index {} {}
slice {} 0 1
{} | print
{} | printf "%v" | len
eq {} {} {}
""".strip().splitlines()
"""A pipeline over up to three values."""

BLOCKS = (
    "{{ ONE }}",
    "{{if ONE}}yes{{else if TWO}}maybe{{else}}no{{end}}",
    "{{with ONE}}[{{.}}]{{else}}none{{end}}",
    "{{with $x := ONE}}{{$x}}{{else with TWO}}{{.}}{{end}}",
    "{{range ONE}}<{{.}}>{{else}}empty{{end}}",
    "{{range $i, $e := ONE}}{{$i}}={{$e}},{{end}}",
    "{{range $e := ONE}}{{if $e}}{{break}}{{end}}{{$e}}{{continue}}x{{end}}",
    "{{$x := ONE}}{{if true}}{{$x = TWO}}{{end}}{{$x}}",
    "a \n {{- ONE -}} \n b",
    "{{- /* a comment */ -}} {{ ONE }}",
    "plain }} text {{ ONE }}",
    "{{ (ONE) }}",
)
"""Around one pipeline or two."""
