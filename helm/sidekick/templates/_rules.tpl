{{/*
The groups of files/rules, with this release's job, falcosidekick's alerts as `prometheusRules.alerts`
has them, and without the disabled ones.
*/}}
{{- define "sidekick.ruleGroups" -}}
{{- $values := .Values.prometheusRules -}}
{{- $priorities := dict "FalcoWarningEventsRateHigh" "warning" "FalcoErrorEventsRateHigh" "error" "FalcoCriticalEventsRateHigh" "critical" "FalcoAlertEventsRateHigh" "alert" "FalcoEmergencyEventsRateHigh" "emergency" "FalcoErrorOutputEventsRateHigh" "output" -}}
{{- $groups := list -}}
{{- range $file := list "sidekick" "falcosidekick" -}}
{{- range $group := ($.Files.Get (printf "files/rules/%s.rules.yaml" $file) | fromYaml).groups -}}
{{- $rules := list -}}
{{- range $rule := $group.rules -}}
{{- $wanted := index $values.alerts (get $priorities (default "" $rule.alert)) | default dict -}}
{{- $off := or (has $rule.alert $values.disabled) (eq (toString $wanted.enabled) "false") -}}
{{- $_ := set $rule "expr" ($rule.expr | replace `job="sidekick"` (printf `job="%s"` (include "sidekick.fullname" $))) -}}
{{- if $wanted.rate_interval -}}
{{- $_ := set $rule "expr" ($rule.expr | replace "[5m]" (printf "[%s]" $wanted.rate_interval) | replace "> 0" (printf "> %v" $wanted.threshold)) -}}
{{- end -}}
{{- if and $rule.annotations $values.runbookUrl -}}
{{- $_ := set $rule.annotations "runbook_url" (printf "%s%s" $values.runbookUrl (base $rule.annotations.runbook)) -}}
{{- end -}}
{{- if not $off }}{{ $rules = append $rules $rule }}{{ end -}}
{{- end -}}
{{- $groups = append $groups (dict "name" $group.name "rules" $rules) -}}
{{- end -}}
{{- end -}}
{{- $own := $values.additionalAlerts | default $values.alerts.additionalAlerts -}}
{{- if kindIs "string" $own }}{{ $own = fromYamlArray $own }}{{ end -}}
{{- with $own -}}
{{- $groups = append $groups (dict "name" "additional" "rules" .) -}}
{{- end -}}
{{- toYaml $groups -}}
{{- end -}}
