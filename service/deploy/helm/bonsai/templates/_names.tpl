{{/* The release's name for a part: one Deployment, or one a variant. Called with (list $ variant). */}}
{{- define "bonsai.name" -}}
{{- $root := index . 0 -}}{{- $variant := index . 1 -}}
{{- $name := ternary $root.Release.Name (printf "%s-bonsai" $root.Release.Name) (contains "bonsai" $root.Release.Name) -}}
{{- $part := ternary "" (printf "-%s" (replace "_" "-" $variant)) (empty $variant) -}}
{{- printf "%s%s" ($name | trunc (sub 63 (len $part) | int) | trimSuffix "-") $part -}}
{{- end -}}

{{/* The variants that have a Deployment each, as JSON; one empty name where there is one Deployment. */}}
{{- define "bonsai.parts" -}}
{{- if .Values.perVariant -}}
{{- if empty .Values.variants }}{{ fail "perVariant needs the names: --set 'variants={teacher,nano}'" }}{{ end -}}
{{- if or .Values.adminKey (include "bonsai.database" .) }}{{ fail "perVariant and experiments exclude one another: an experiment needs all its arms in one service; leave adminKey, databaseUrl and existingSecret empty, and BONSAI_DATABASE_URL out of env" }}{{ end -}}
{{- range .Values.variants }}{{ if or (hasSuffix "_" .) (gt (len .) 40) }}{{ fail (printf "variants has '%s'; with perVariant expected names of up to 40 characters that end with a letter or a digit, for Deployments are called by them" .) }}{{ end }}{{ end -}}
{{- .Values.variants | toJson -}}
{{- else -}}
[""]
{{- end -}}
{{- end -}}

{{/* The fewest and the most replicas there may be, separated by a space. */}}
{{- define "bonsai.replicas" -}}
{{- if .Values.autoscaling.enabled -}}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}{{ fail (printf "autoscaling.minReplicas is %d and maxReplicas %d; expected the first to be no more" (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}{{ end -}}
{{ .Values.autoscaling.minReplicas }} {{ .Values.autoscaling.maxReplicas }}
{{- else -}}
{{ .Values.replicas }} {{ .Values.replicas }}
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
{{- $image := $root.Values.image }}
{{- if or $image.tag (not $image.digest) }}
app.kubernetes.io/version: {{ regexReplaceAll "[^A-Za-z0-9._-]" ($image.tag | default $root.Chart.AppVersion) "-" | trunc 63 | trimAll "-._" | quote }}
{{- end }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end -}}

{{/* A pod's annotations: a secret that was changed makes new pods. */}}
{{- define "bonsai.annotations" -}}
checksum/secret: {{ printf "%s %s" .Values.adminKey .Values.databaseUrl | sha256sum }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The value that names the database, of which `env` wins; empty where none does. */}}
{{- define "bonsai.database" -}}
{{- $env := dict -}}
{{- range .Values.env }}{{ $_ := set $env .name true }}{{ end -}}
{{- if hasKey $env "BONSAI_DATABASE_URL" -}}
env
{{- else if .Values.existingSecret -}}
existingSecret
{{- else if .Values.databaseUrl -}}
databaseUrl
{{- end -}}
{{- end -}}

{{/* The secret that holds the admin key and the database's URL; empty where there is none. */}}
{{- define "bonsai.secret" -}}
{{- if .Values.existingSecret -}}
{{ .Values.existingSecret }}
{{- else if or .Values.adminKey .Values.databaseUrl -}}
{{ include "bonsai.name" (list . "") }}
{{- end -}}
{{- end -}}
