{{/* A pod's spec. Called with (list $ variant container-name). */}}
{{- define "bonsai.pod" -}}
{{- $root := index . 0 -}}{{- $variant := index . 1 -}}{{- $container := index . 2 -}}
{{- $values := $root.Values -}}
{{- $only := ternary $values.variants (list $variant) (empty $variant) -}}
{{- $secret := include "bonsai.secret" $root -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
# Unready and answering, then what is in flight; the kubelet kills a little after the service ends by itself.
terminationGracePeriodSeconds: {{ add $values.preStopSeconds $values.drainSeconds $values.graceSeconds 8 }}
securityContext:
  runAsNonRoot: true
  fsGroup: 1034
  seccompProfile: {type: RuntimeDefault}
containers:
  - name: {{ $container }}
    image: {{ printf "%s%s" $values.image.repository (ternary (printf ":%s" ($values.image.tag | default $root.Chart.AppVersion)) (printf "@%s" $values.image.digest) (empty $values.image.digest)) | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    ports:
      - {name: {{ ternary "http1" "http" (eq $container "kserve-container") }}, containerPort: 3000, protocol: TCP}
    env:
      - {name: TMPDIR, value: /data}
      - {name: HOME, value: /data}
      - {name: BONSAI_DRAIN_S, value: {{ $values.drainSeconds | quote }}}
      - {name: BONSAI_GRACE_S, value: {{ $values.graceSeconds | quote }}}
      {{- with $only }}
      - {name: BONSAI_ONLY, value: {{ join "," . | quote }}}
      {{- end }}
      {{- with $values.pathPrefix }}
      - {name: BONSAI_PATH_PREFIX, value: {{ . | quote }}}
      {{- end }}
      {{- with $secret }}
      - name: BONSAI_ADMIN_KEY
        valueFrom: {secretKeyRef: {name: {{ . }}, key: admin-key, optional: true}}
      - name: BONSAI_DATABASE_URL
        valueFrom: {secretKeyRef: {name: {{ . }}, key: database-url, optional: true}}
      {{- end }}
      {{- if $values.keysSecret }}
      - {name: BONSAI_KEYS, value: /keys/keys}
      {{- end }}
      {{- with $values.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    startupProbe:
      httpGet: {path: {{ $values.pathPrefix }}/readyz, port: 3000}
      periodSeconds: 2
      failureThreshold: 90
    readinessProbe:
      httpGet: {path: {{ $values.pathPrefix }}/readyz, port: 3000}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 3
    livenessProbe:
      httpGet: {path: {{ $values.pathPrefix }}/livez, port: 3000}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    {{- if $values.preStopSeconds }}
    lifecycle:
      preStop: {sleep: {seconds: {{ $values.preStopSeconds }}}}
    {{- end }}
    {{- with $values.resources }}
    resources: {{- toYaml . | nindent 6 }}
    {{- end }}
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities: {drop: [ALL]}
    volumeMounts:
      - {name: data, mountPath: /data}
      {{- if $values.keysSecret }}
      - {name: keys, mountPath: /keys, readOnly: true}  # no subPath, under which a change would not come
      {{- end }}
volumes:
  - name: data
    emptyDir: {sizeLimit: {{ $values.dataSize }}}
{{- with $values.keysSecret }}
  - name: keys
    secret: {secretName: {{ . }}}
{{- end }}
{{- with $values.spread.topologyKeys }}
topologySpreadConstraints:
  {{- range . }}
  - topologyKey: {{ . }}
    maxSkew: 1
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "bonsai.selector" (list $root $variant) | nindent 8 }}
  {{- end }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
