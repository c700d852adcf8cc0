{{/*
falcosidekick's environment variables from its keys: the path in capitals, joined by "_". Takes
(dict "path" PREFIX "value" MAP) and gives YAML, name: text. Empty means unset, as falcosidekick
has it.
*/}}
{{- define "sidekick.variables" -}}
{{- $path := .path -}}
{{- range $key, $value := .value }}
{{- $name := printf "%s%s" $path (upper $key) }}
{{- $name = get (dict
      "ALERTMANAGER_EXPIREAFTER" "ALERTMANAGER_EXPIRESAFTER"
      "CLOUDEVENTS_EXTENSION" "CLOUDEVENTS_EXTENSIONS"
      "TELEGRAM_MESSAGETHREADID" "TELEGRAM_MESSAGE_THREAD_ID") $name | default $name }}
{{- if has $name (list "EXISTINGSECRET" "EXTRAENV" "EXTRAARGS"
      "TLSSERVER_EXISTINGSECRET" "TLSSERVER_SERVERCRT" "TLSSERVER_SERVERKEY" "TLSSERVER_CACRT"
      "AWS_USEIRSA" "AZURE_PODIDENTITYCLIENTID" "AZURE_PODIDENTITYNAME" "AZURE_WORKLOADIDENTITYCLIENTID"
      "OTLP_TRACES_EXTRAENVVARS" "OTLP_METRICS_EXTRAENVVARS") }}
{{- else if and (kindIs "map" $value) (regexMatch "(FIELDS|HEADERS|LABELS|ANNOTATIONS|ATTRIBUTES|EXTENSIONS|SEVERITYMAP)$" $name) }}
{{- $pairs := list }}
{{- range $left, $right := $value }}{{ $pairs = append $pairs (printf "%s:%v" $left $right) }}{{ end }}
{{ $name }}: {{ join "," $pairs | quote }}
{{- else if kindIs "map" $value }}
{{- include "sidekick.variables" (dict "path" (printf "%s_" $name) "value" $value) }}
{{- else if kindIs "slice" $value }}
{{- with $value }}
{{ $name }}: {{ join "," . | quote }}
{{- end }}
{{- else if kindIs "float64" $value }}
{{ $name }}: {{ (eq $value (floor $value)) | ternary (int64 $value | toString) (toString $value) | quote }}
{{- else if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{ $name }}: {{ toString $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The variables of `config`, as YAML. */}}
{{- define "sidekick.environment" -}}
{{- $config := deepCopy .Values.config -}}
{{- if not $config.tlsserver.deploy }}{{ $_ := unset $config "tlsserver" }}{{ end -}}
{{- if not $config.debug }}{{ $_ := unset $config "debug" }}{{ end -}}
{{- if dig "useirsa" false (default dict $config.aws) }}{{ $_ := set $config "aws" (omit $config.aws "rolearn" "externalid") }}{{ end -}}
{{- include "sidekick.variables" (dict "path" "" "value" $config) -}}
{{- range $signal := list "traces" "metrics" }}
{{- $more := dig $signal "extraenvvars" "" (default dict $config.otlp) }}
{{- if kindIs "map" $more }}
{{- range $name, $value := $more }}
{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether `config` names an output: a section other than those about sidekick itself. */}}
{{- define "sidekick.hasOutputs" -}}
{{- range $key, $value := omit .Values.config "tlsserver" "tlsclient" "mutualtlsclient" "customfields" "templatedfields" "prometheus" }}
{{- if and (kindIs "map" $value) (include "sidekick.variables" (dict "path" "X_" "value" $value)) }}{{ $key }} {{ end }}
{{- end }}
{{- end -}}

{{/* The outputs that `config` switches on and sidekick has no sink for, of files/absent-outputs.txt. */}}
{{- define "sidekick.absentOutputs" -}}
{{- $found := list -}}
{{- range $line := .Files.Lines "files/absent-outputs.txt" -}}
{{- $value := $.Values.config -}}
{{- range $step := splitList "." $line -}}
{{- $value = ternary (get (ternary $value dict (kindIs "map" $value)) $step) "" (kindIs "map" $value) -}}
{{- end -}}
{{- if and $line $value -}}
{{- $found = append $found ($line | splitList "." | initial | join ".") -}}
{{- end -}}
{{- end -}}
{{- join ", " $found -}}
{{- end -}}
