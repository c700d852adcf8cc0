{{/*
The configuration file as YAML, or "". Beside `config` it is one in falcosidekick's keys, which has
sidekick read falcosidekick's environment variables.
*/}}
{{- define "sidekick.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- if .Values.kafka.enabled -}}
{{- if and (not $settings) (not .Values.settingsSecret) }}{{ fail "kafka.enabled needs settings: falcosidekick's keys know no Kafka to read from" }}{{ end -}}
{{- if .Values.settingsSecret }}{{ fail "kafka.enabled needs settings; with settingsSecret write the source into that Secret" }}{{ end -}}
{{- if not .Values.kafka.brokers }}{{ fail "kafka.enabled needs kafka.brokers, a list of host:port" }}{{ end -}}
{{- $source := merge (dict "type" "kafka" "brokers" .Values.kafka.brokers "topics" .Values.kafka.topics "group" .Values.kafka.group) .Values.kafka.options -}}
{{- $_ := set $settings "sources" (merge (dict "kafka" $source) (default dict $settings.sources)) -}}
{{- end -}}
{{- if $settings }}{{ toYaml $settings }}
{{- else if or .Values.config.existingSecret (include "sidekick.hasOutputs" .) }}listenport: 2801
{{- end -}}
{{- end -}}

{{- define "sidekick.settingsSecret" -}}
{{- if .Values.settingsSecret }}{{ .Values.settingsSecret }}
{{- else if include "sidekick.settings" . }}{{ include "sidekick.fullname" . }}-settings
{{- end -}}
{{- end -}}

{{/* What of the settings is read at the start only, so that a change of it needs new pods. */}}
{{- define "sidekick.restartsFor" -}}
{{- pick .Values.settings "state_dir" "listen" "admin" "log" | toYaml -}}
{{- include "sidekick.environment" . -}}
{{- .Values.config.extraEnv | toYaml -}}
{{- end -}}

{{/* "https" where the Service's port speaks TLS, else "http". */}}
{{- define "sidekick.scheme" -}}
{{- ternary "https" "http" (or .Values.config.tlsserver.deploy (not (empty (dig "listen" "tls" "" .Values.settings)))) -}}
{{- end -}}

{{/* "true" where clients need a certificate, which neither the kubelet nor `helm test` has. */}}
{{- define "sidekick.mutualTls" -}}
{{- if or (dig "listen" "tls" "client_ca" "" .Values.settings) (and .Values.config.tlsserver.deploy .Values.config.tlsserver.mutualtls) }}true{{ end -}}
{{- end -}}

{{- define "sidekick.port" -}}
{{- int (dig "listen" "port" 2801 .Values.settings) -}}
{{- end -}}

{{/*
How the kubelet looks at a path: (list CONTEXT PATH). With falcosidekick's TLS, /ping may be served
elsewhere (notlspaths).
*/}}
{{- define "sidekick.probe" -}}
{{- $context := index . 0 -}}
{{- if or (include "sidekick.mutualTls" $context) (and $context.Values.config.tlsserver.deploy (eq (index . 1) "/ping")) }}
tcpSocket: {port: http}
{{- else }}
httpGet: {path: {{ index . 1 }}, port: http, scheme: {{ include "sidekick.scheme" $context | upper }}}
{{- end }}
{{- end -}}

{{/* The Secret with the certificate of falcosidekick's TLS, or "". */}}
{{- define "sidekick.certificates" -}}
{{- with .Values.config.tlsserver }}
{{- if .deploy }}
{{- if .existingSecret }}{{ .existingSecret }}{{ else if .servercrt }}{{ include "sidekick.fullname" $ }}-certs{{ end }}
{{- end }}
{{- end }}
{{- end -}}
