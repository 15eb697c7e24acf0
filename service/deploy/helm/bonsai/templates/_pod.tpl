{{/* A pod's spec. Called with (list $ variant container-name). */}}
{{- define "bonsai.pod" -}}
{{- $root := index . 0 -}}{{- $variant := index . 1 -}}{{- $container := index . 2 -}}
{{- $values := $root.Values -}}
{{- $only := ternary $values.variants (list $variant) (empty $variant) -}}
{{- $secret := include "bonsai.secret" $root -}}
{{- $claim := $values.persistence.existingClaim -}}
{{- $tls := $values.tls.secretName -}}
{{- $scheme := ternary "HTTP" "HTTPS" (empty $tls) -}}
{{- if and $claim (or $values.autoscaling.enabled (gt (int $values.replicas) 1) $values.perVariant $values.kserve.enabled) }}{{ fail "persistence.existingClaim is written to by one pod alone; set replicas=1 and autoscaling.enabled=false, and neither perVariant nor kserve.enabled" }}{{ end -}}
{{- if and $tls $values.kserve.enabled }}{{ fail "KServe's router speaks plain HTTP to a pod; set one of tls.secretName and kserve.enabled" }}{{ end -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
# Unready and answering, then what is in flight; the kubelet kills a little after the service ends by itself.
terminationGracePeriodSeconds: {{ add $values.preStopSeconds $values.drainSeconds $values.graceSeconds 8 }}
{{- with $values.podSecurityContext }}
securityContext: {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ $container }}
    image: {{ printf "%s%s" $values.image.repository (ternary (printf ":%s" ($values.image.tag | default $root.Chart.AppVersion)) (printf "@%s" $values.image.digest) (empty $values.image.digest)) | quote }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    {{- if $tls }}
    args: [--ssl-certfile, /tls/tls.crt, --ssl-keyfile, /tls/tls.key]
    {{- end }}
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
      {{- if ne (include "bonsai.database" $root) "env" }}
      - name: BONSAI_DATABASE_URL
        valueFrom: {secretKeyRef: {name: {{ . }}, key: database-url, optional: true}}
      {{- end }}
      {{- end }}
      {{- if $values.keysSecret }}
      - {name: BONSAI_KEYS, value: /keys/keys}
      {{- end }}
      {{- with $values.env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    startupProbe:
      httpGet: {path: {{ $values.pathPrefix }}/readyz, port: 3000, scheme: {{ $scheme }}}
      periodSeconds: 2
      failureThreshold: 90
    readinessProbe:
      httpGet: {path: {{ $values.pathPrefix }}/readyz, port: 3000, scheme: {{ $scheme }}}
      periodSeconds: 2
      timeoutSeconds: 2
      failureThreshold: 3
    livenessProbe:
      httpGet: {path: {{ $values.pathPrefix }}/livez, port: 3000, scheme: {{ $scheme }}}
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
      {{- if $tls }}
      - {name: tls, mountPath: /tls, readOnly: true}
      {{- end }}
volumes:
  - name: data
    {{- if $claim }}
    persistentVolumeClaim: {claimName: {{ $claim }}}
    {{- else }}
    emptyDir: {sizeLimit: {{ $values.dataSize }}}
    {{- end }}
{{- with $values.keysSecret }}
  - name: keys
    secret: {secretName: {{ . }}}
{{- end }}
{{- with $tls }}
  - name: tls
    secret: {secretName: {{ . }}}
{{- end }}
{{- with $values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
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
