{{/* The configuration file as YAML, or "": sidekick reads what `config` makes from the environment. */}}
{{- define "sidekick.settings" -}}
{{- $settings := deepCopy .Values.settings -}}
{{- $sources := dict -}}
{{- range $feature := list "kafka" "audit" -}}
{{- if (get $.Values $feature).enabled -}}
{{- if not $settings }}{{ fail (printf "%s.enabled needs settings: falcosidekick's keys know no such source" $feature) }}{{ end -}}
{{- $_ := set $sources $feature (include (printf "sidekick.%sSource" $feature) $ | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if $sources }}{{ $_ := set $settings "sources" (merge $sources (default dict $settings.sources)) }}{{ end -}}
{{- if $settings }}{{ toYaml $settings }}{{ end -}}
{{- end -}}

{{- define "sidekick.kafkaSource" -}}
{{- with .Values.kafka -}}
{{- if not .brokers }}{{ fail "kafka.enabled needs kafka.brokers, a list of host:port" }}{{ end -}}
{{- merge (dict "type" "kafka" "brokers" .brokers "topics" .topics "group" .group) .options | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "sidekick.auditSource" -}}
{{- with .Values.audit -}}
{{- if not .tlsSecret }}{{ fail "audit.enabled needs audit.tlsSecret: API servers call nothing but https" }}{{ end -}}
{{- $tls := dict "cert_file" "/etc/sidekick-audit/tls.crt" "key_file" "/etc/sidekick-audit/tls.key" "client_ca_file" "/etc/sidekick-audit/ca.crt" -}}
{{- $source := dict "type" "k8s_audit" "port" .port "tls" $tls -}}
{{- if .cluster }}{{ $_ := set $source "cluster" .cluster }}{{ end -}}
{{- if .tokenSecret }}{{ $_ := set $source "tokens" (list (dict "name" "api-server" "token" "${AUDIT_TOKEN}")) }}{{ end -}}
{{- merge (deepCopy .options) $source | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "sidekick.settingsSecret" -}}
{{- if .Values.settingsSecret }}
{{- if .Values.kafka.enabled }}{{ fail "kafka.enabled needs settings; with settingsSecret write the source into that Secret" }}{{ end -}}
{{- .Values.settingsSecret }}
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
{{- if or (dig "listen" "tls" "client_ca_file" "" .Values.settings) (and .Values.config.tlsserver.deploy .Values.config.tlsserver.mutualtls) }}true{{ end -}}
{{- end -}}

{{- define "sidekick.port" -}}
{{- int (dig "listen" "port" (default 2801 .Values.config.listenport) .Values.settings) -}}
{{- end -}}

{{/* Some paths without TLS on a port of their own, beside TLS: {port, paths} as YAML, or "". */}}
{{- define "sidekick.plain" -}}
{{- $listen := default dict .Values.settings.listen -}}
{{- with .Values.config.tlsserver -}}
{{- if and .deploy .notlspaths }}{{ dict "port" (int .notlsport) "paths" (splitList "," .notlspaths) | toYaml }}
{{- else if $listen.plain }}{{ dict "port" (int (default 2810 $listen.plain.port)) "paths" $listen.plain.paths | toYaml }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
How the kubelet looks at a path: (list CONTEXT PATH). It has no client certificate; where one is
needed it takes what is served without TLS.
*/}}
{{- define "sidekick.probe" -}}
{{- $context := index . 0 -}}
{{- $paths := (include "sidekick.plain" $context | fromYaml).paths | default list -}}
{{- $mutual := include "sidekick.mutualTls" $context -}}
{{- if has (index . 1) $paths }}
httpGet: {path: {{ index . 1 }}, port: http-notls, scheme: HTTP}
{{- else if and $mutual (has "/ping" $paths) }}
httpGet: {path: /ping, port: http-notls, scheme: HTTP}
{{- else if $mutual }}
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
