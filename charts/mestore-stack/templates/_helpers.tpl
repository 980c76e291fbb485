{{/* Labels of one part: (list . "postgresql"). */}}
{{- define "mestore-stack.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end }}

{{- define "mestore-stack.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{ include "mestore-stack.selectorLabels" . }}
app.kubernetes.io/part-of: mestore
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end }}

{{- define "mestore-stack.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{/* Data of one store: (list . "data" "2Gi"), as a claim of its StatefulSet or as a volume that goes with the pod. */}}
{{- define "mestore-stack.claims" -}}
{{- $root := index . 0 }}
{{- with $root.Values.evaluation.persistence }}
{{- if .enabled }}
persistentVolumeClaimRetentionPolicy:
  whenDeleted: Delete
  whenScaled: Retain
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests:
          storage: {{ index $ 1 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mestore-stack.dataVolume" -}}
{{- if not .Values.evaluation.persistence.enabled }}
- name: data
  emptyDir: {}
{{- end }}
{{- end }}

{{- define "mestore-stack.prometheusUrl" -}}
http://{{ .Release.Name }}-prometheus.{{ .Release.Namespace }}.svc:9090
{{- end }}

{{- define "mestore-stack.scrapeInterval" -}}
{{- with .Values.evaluation.prometheus.scrapeInterval }}
{{- . }}
{{- else }}
{{- printf "%dms" (min 5000 (int (divf 15000 (index .Values "mestore-operator" "timeScale" | default 1)))) }}
{{- end }}
{{- end }}
