{{- define "sidekick.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "sidekick.fullname" -}}
{{- $name := include "sidekick.name" . -}}
{{- $default := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $default .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- define "sidekick.serviceAccount" -}}
{{- default (ternary (include "sidekick.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "sidekick.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- with .Values.image.registry }}{{ . }}/{{ end }}{{ $image -}}
{{- end -}}

{{/* What selects the pods of a component: (list CONTEXT COMPONENT). */}}
{{- define "sidekick.selector" -}}
{{- $context := index . 0 -}}
app.kubernetes.io/name: {{ include "sidekick.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* All labels of an object: (list CONTEXT COMPONENT). */}}
{{- define "sidekick.labels" -}}
{{- $context := index . 0 -}}
{{ include "sidekick.selector" . }}
app.kubernetes.io/part-of: {{ include "sidekick.name" $context }}
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" }}
{{- with $context.Values.customLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* An object's metadata: (list CONTEXT COMPONENT NAME) and optionally annotations, labels, namespace. */}}
{{- define "sidekick.metadata" -}}
{{- $context := index . 0 -}}
{{- $more := dict }}{{ if gt (len .) 3 }}{{ $more = index . 3 }}{{ end -}}
name: {{ index . 2 }}
namespace: {{ default $context.Release.Namespace $more.namespace }}
labels:
  {{- include "sidekick.labels" (list $context (index . 1)) | nindent 2 }}
  {{- with $more.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (deepCopy (default dict $more.annotations)) $context.Values.customAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
