{{/* What a schema cannot say: values that are right alone and wrong together. */}}
{{- define "mestore-stack.checks" -}}
{{- if and .Values.profile.enabled .Subcharts.mestore.Values.profile.enabled }}
{{- fail "profile.enabled and mestore.profile.enabled would install the same PerformanceProfile twice: choose one" }}
{{- end }}
{{- $shop := include "mestore.fullname" .Subcharts.mestore }}
{{- with index .Subcharts "mestore-operator" }}
{{- if eq $shop (include "mestore-operator.fullname" .) }}
{{- fail (printf "the shop and the operator would both be named %s: give the release another name, or set mestore.fullnameOverride" $shop) }}
{{- end }}
{{- end }}
{{- if .Values.evaluation.enabled }}
{{- /* A StatefulSet's name and the hash of its revision share a label of 63 characters. */}}
{{- if gt (len .Release.Name) 41 }}
{{- fail "evaluation.enabled needs a release name of 41 characters at most" }}
{{- end }}
{{- with .Values.evaluation.valkey }}
{{- $limit := dig "limits" "memory" "" .resources | toString }}
{{- $bytes := include "mestore-stack.bytes" $limit | float64 }}
{{- if and (gt $bytes 0.0) (ge (include "mestore-stack.bytes" .maxMemory | float64) $bytes) }}
{{- fail (printf "evaluation.valkey.maxMemory (%s) must stay below its memory limit (%s): Valkey needs more than its data" .maxMemory $limit) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Bytes of a quantity of Kubernetes, or of a size as Valkey writes it (whose kb is 1024); 0 for any other unit. */}}
{{- define "mestore-stack.bytes" -}}
{{- $binary := dict "kb" 1 "mb" 2 "gb" 3 "Ki" 1 "Mi" 2 "Gi" 3 "Ti" 4 }}
{{- $decimal := dict "" 0 "k" 1 "M" 2 "G" 3 "T" 4 }}
{{- $number := regexFind "^[0-9.]+" . }}
{{- $unit := trimPrefix $number . }}
{{- $step := hasKey $binary $unit | ternary 1024 1000 }}
{{- $bytes := float64 $number }}
{{- if or (hasKey $binary $unit) (hasKey $decimal $unit) }}
{{- range until (get (merge $binary $decimal) $unit | int) }}
{{- $bytes = mulf $bytes $step }}
{{- end }}
{{- $bytes }}
{{- else }}0
{{- end }}
{{- end }}
