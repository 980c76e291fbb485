{{/* Names follow what `helm create` writes, so that nobody is surprised. */}}
{{- define "mestore.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "mestore.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" }}
{{- else if contains (include "mestore.name" .) .Release.Name }}
{{- .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "mestore.name" .) | trunc 52 | trimSuffix "-" }}
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

{{- define "mestore.scalesItself" -}}
{{- $spec := .Values.profile.spec }}
{{- $auto := and (eq (dig "scaling" "mode" "" $spec) "Auto") (eq (dig "mode" "" $spec) "Auto") }}
{{- if and .Values.profile.enabled $auto }}true{{ end }}
{{- end }}

{{/* The generated rules, for this release and no other one that the same Prometheus sees. */}}
{{- define "mestore.rulesFile" -}}
{{- .Files.Get "rules/mestore.rules.yaml" | replace "RELEASE_NAMESPACE" .Release.Namespace | replace "RELEASE_NAME" (include "mestore.fullname" .) }}
{{- end }}
