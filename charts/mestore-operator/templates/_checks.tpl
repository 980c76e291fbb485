{{/* What a schema cannot say: values that are right alone and wrong together. */}}
{{- define "mestore-operator.checks" -}}
{{- if and .Values.clusterWide .Values.watchNamespaces }}
{{- fail "clusterWide watches every namespace: watchNamespaces must be empty with it" }}
{{- end }}
{{- range $label, $_ := (include "mestore-operator.podLabels" . | fromYaml) }}
{{- if hasKey ($.Values.podLabels | default dict) $label }}
{{- fail (printf "podLabels: %s is the chart's own, by which the pods are found" $label) }}
{{- end }}
{{- end }}
{{- end }}
