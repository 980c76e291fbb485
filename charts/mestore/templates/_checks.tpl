{{/* What a schema cannot say: values that are right alone and wrong together. */}}
{{- define "mestore.checks" -}}
{{- with .Values.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "autoscaling.minReplicas (%d) is above autoscaling.maxReplicas (%d)" (int .minReplicas) (int .maxReplicas)) }}
{{- end }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.enabled needs ingress.hosts: an Ingress without a host leads nowhere" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled needs httpRoute.parentRefs: a route without a Gateway leads nowhere" }}
{{- end }}
{{- range $label, $_ := (include "mestore.podLabels" . | fromYaml) }}
{{- if hasKey ($.Values.podLabels | default dict) $label }}
{{- fail (printf "podLabels: %s is the chart's own, by which the pods are found" $label) }}
{{- end }}
{{- end }}
{{- /* PORT and METRICS_PORT: the ports of the container and of the probes are the defaults. */}}
{{- $taken := list "DATABASE_URL" "TUNING_FILE" "DRAIN_SECONDS" "LOG_LEVEL" "PORT" "METRICS_PORT" }}
{{- if include "mestore.redisSecret" . }}
{{- $taken = append $taken "REDIS_URL" }}
{{- end }}
{{- range .Values.extraEnv }}
{{- if has .name $taken }}
{{- fail (printf "extraEnv: %s is set already, by the chart or by an entry before" .name) }}
{{- end }}
{{- $taken = append $taken .name }}
{{- end }}
{{- end }}
