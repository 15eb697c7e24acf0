{{/* The release's name for a part: one Deployment, or one a variant. Called with (list $ variant). */}}
{{- define "bonsai.name" -}}
{{- $root := index . 0 -}}{{- $variant := index . 1 -}}
{{- $name := ternary $root.Release.Name (printf "%s-bonsai" $root.Release.Name) (contains "bonsai" $root.Release.Name) -}}
{{- ternary $name (printf "%s-%s" $name (replace "_" "-" $variant)) (empty $variant) | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The variants that have a Deployment each, as JSON; one empty name where there is one Deployment. */}}
{{- define "bonsai.parts" -}}
{{- if .Values.perVariant -}}
{{- if empty .Values.variants }}{{ fail "perVariant needs the names: --set 'variants={teacher,nano}'" }}{{ end -}}
{{- if or .Values.adminKey .Values.databaseUrl }}{{ fail "perVariant and experiments exclude one another: an experiment needs all its arms in one service; leave adminKey and databaseUrl empty" }}{{ end -}}
{{- .Values.variants | toJson -}}
{{- else -}}
[""]
{{- end -}}
{{- end -}}

{{- define "bonsai.selector" -}}
{{- $root := index . 0 -}}{{- $variant := index . 1 -}}
app.kubernetes.io/name: bonsai
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- if $variant }}
app.kubernetes.io/component: {{ replace "_" "-" $variant }}
{{- end }}
{{- end -}}

{{- define "bonsai.labels" -}}
{{- $root := index . 0 -}}
{{ include "bonsai.selector" . }}
app.kubernetes.io/version: {{ $root.Values.image.tag | default $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* The secret that holds the admin key and the database's URL; empty where there is none. */}}
{{- define "bonsai.secret" -}}
{{- if .Values.existingSecret -}}
{{ .Values.existingSecret }}
{{- else if or .Values.adminKey .Values.databaseUrl -}}
{{ include "bonsai.name" (list . "") }}
{{- end -}}
{{- end -}}
