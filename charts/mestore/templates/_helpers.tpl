{{/* Names follow what `helm create` writes, so that nobody is surprised. */}}
{{- define "mestore.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
At most 46 characters. A pod is called after its Deployment, then a dash, a hash of up to 10 characters, a dash and 5
random ones, and Kubernetes cuts what stands before those 5 at 58 (generateName): a longer name would lose the end of
the hash, and the rules and the operator tell pods by it. A long release gives way, never the chart's name: two charts
of one release must not end up under the same name.
*/}}
{{- define "mestore.fullname" -}}
{{- $name := include "mestore.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- $room := max 1 (sub 45 (len $name)) | int }}
{{- printf "%s-%s" (.Release.Name | trunc $room | trimSuffix "-") $name | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "mestore.instanceLabels" -}}
app.kubernetes.io/name: {{ include "mestore.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What the Deployment's pods have and no other pod of the release: a selector never changes. */}}
{{- define "mestore.selectorLabels" -}}
{{ include "mestore.instanceLabels" . }}
app.kubernetes.io/component: service
{{- end }}

{{/* No version of chart or application: what does not change a pod must not replace it. */}}
{{- define "mestore.podLabels" -}}
{{ include "mestore.selectorLabels" . }}
app.kubernetes.io/part-of: mestore
{{- end }}

{{- define "mestore.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "mestore.instanceLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mestore
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "mestore.labels" -}}
{{ include "mestore.commonLabels" . }}
app.kubernetes.io/component: service
{{- end }}

{{- define "mestore.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret and key of a store's URL, as `secretKeyRef` wants them; empty where there is no such store. */}}
{{- define "mestore.databaseSecret" -}}
{{- $postgresql := .Values.postgresql }}
{{- if $postgresql.existingSecret }}
name: {{ tpl $postgresql.existingSecret . }}
key: {{ $postgresql.existingSecretKey }}
{{- else if $postgresql.url }}
name: {{ include "mestore.fullname" . }}-stores
key: DATABASE_URL
{{- else }}
{{- fail "PostgreSQL is needed: set postgresql.existingSecret (and existingSecretKey), or postgresql.url" }}
{{- end }}
{{- end }}

{{- define "mestore.redisSecret" -}}
{{- $redis := .Values.redis }}
{{- if $redis.existingSecret }}
name: {{ tpl $redis.existingSecret . }}
key: {{ $redis.existingSecretKey }}
{{- else if $redis.url }}
name: {{ include "mestore.fullname" . }}-stores
key: REDIS_URL
{{- end }}
{{- end }}

{{- define "mestore.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mestore.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
{{- end }}

{{/* The generated rules, for this release and no other one that the same Prometheus sees. */}}
{{- define "mestore.rulesFile" -}}
{{- .Files.Get "rules/mestore.rules.yaml" | replace "RELEASE_NAMESPACE" .Release.Namespace | replace "RELEASE_NAME" (include "mestore.fullname" .) }}
{{- end }}
