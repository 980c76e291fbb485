{{/* Names follow what `helm create` writes, so that nobody is surprised. */}}
{{- define "mestore-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/*
At most 46 characters. A pod is called after its Deployment, then a dash, a hash of up to 10 characters, a dash and 5
random ones, and Kubernetes cuts what stands before those 5 at 58 (generateName): a longer name would lose the end of
the hash, and the rules and the operator tell pods by it. A long release gives way, never the chart's name: two charts
of one release must not end up under the same name.
*/}}
{{- define "mestore-operator.fullname" -}}
{{- $name := include "mestore-operator.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else }}
{{- $room := max 1 (sub 45 (len $name)) | int }}
{{- printf "%s-%s" (.Release.Name | trunc $room | trimSuffix "-") $name | trunc 46 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "mestore-operator.instanceLabels" -}}
app.kubernetes.io/name: {{ include "mestore-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* What the Deployment's pods have and no other pod of the release: a selector never changes. */}}
{{- define "mestore-operator.selectorLabels" -}}
{{ include "mestore-operator.instanceLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "mestore-operator.podLabels" -}}
{{ include "mestore-operator.selectorLabels" . }}
app.kubernetes.io/part-of: mestore
{{- end }}

{{- define "mestore-operator.commonLabels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "mestore-operator.instanceLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: mestore
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "mestore-operator.labels" -}}
{{ include "mestore-operator.commonLabels" . }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "mestore-operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}
{{- else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end }}
{{- end }}
{{- end }}

{{- define "mestore-operator.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "mestore-operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
capabilities:
  drop: [ALL]
{{- end }}

{{/* Namespaces with profiles, as a JSON list in `items`; none where all are watched. */}}
{{- define "mestore-operator.namespaces" -}}
{{- if .Values.clusterWide }}
{{- toJson (dict "items" list) }}
{{- else }}
{{- toJson (dict "items" (.Values.watchNamespaces | default (list .Release.Namespace) | uniq)) }}
{{- end }}
{{- end }}

{{/* What the program is told, whether it works or lets go. */}}
{{- define "mestore-operator.arguments" -}}
- --source=kubernetes
{{- if .Values.clusterWide }}
- --all-namespaces
{{- end }}
{{- range (include "mestore-operator.namespaces" . | fromJson).items }}
- --namespace={{ . }}
{{- end }}
- --lease-namespace={{ .Release.Namespace }}
- --lease-name={{ include "mestore-operator.fullname" . }}
{{- range .Values.prometheusAllow }}
- --prometheus-allow={{ tpl . $ }}
{{- end }}
- --metrics-port=8080
- --log-level={{ .Values.logLevel }}
{{- if ne (float64 .Values.timeScale) 1.0 }}
- --time-scale={{ .Values.timeScale }}
{{- end }}
{{- end }}

{{/* Of what stands in no namespace, or in one that is watched, where another release may have put its own. */}}
{{- define "mestore-operator.qualifiedName" -}}
{{ .Release.Namespace }}-{{ include "mestore-operator.fullname" . }}
{{- end }}

{{/* The generated rules, for this release and no other one that the same Prometheus sees. */}}
{{- define "mestore-operator.rulesFile" -}}
{{- .Files.Get "rules/operator.rules.yaml" | replace "RELEASE_NAMESPACE" .Release.Namespace | replace "RELEASE_NAME" (include "mestore-operator.fullname" .) }}
{{- end }}
