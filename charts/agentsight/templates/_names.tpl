{{- define "agentsight.labels" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "agentsight.selector" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "agentsight.gateway" -}}{{ .Release.Name }}-gateway{{- end }}
{{- define "agentsight.agent" -}}{{ .Release.Name }}-agent{{- end }}

{{- define "agentsight.pod" -}}
automountServiceAccountToken: false
terminationGracePeriodSeconds: 60
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "agentsight.ports" -}}
ports:
  - {name: otlp-grpc, containerPort: 4317}
  - {name: otlp-http, containerPort: 4318}
  - {name: health, containerPort: 13133}
  - {name: metrics, containerPort: 8888}
startupProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 2
  # Compacting a large queue takes its time at the start.
  failureThreshold: 90
livenessProbe:
  httpGet: {path: /, port: health}
readinessProbe:
  httpGet: {path: /, port: health}
  periodSeconds: 5
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end }}

{{- define "agentsight.env" -}}
{{- range $name, $value := . }}
- {name: {{ $name }}, value: {{ $value | quote }}}
{{- end }}
{{- end }}

{{- define "agentsight.service" -}}
- {name: otlp-grpc, port: 4317, targetPort: otlp-grpc, appProtocol: grpc}
- {name: otlp-http, port: 4318, targetPort: otlp-http}
{{- end }}

{{- define "agentsight.nativePort" -}}
{{ .Values.clickhouse.nativePort | default (ternary 9440 9000 .Values.clickhouse.secure) }}
{{- end }}

{{- define "agentsight.httpPort" -}}
{{ .Values.clickhouse.httpPort | default (ternary 8443 8123 .Values.clickhouse.secure) }}
{{- end }}

{{- /* The authority that ClickHouse's certificate is of, where it is not one of the system's. */}}
{{- define "agentsight.caMount" -}}
{{- if .Values.clickhouse.caConfigMap }}
- {name: clickhouse-ca, mountPath: /etc/agentsight-clickhouse-ca, readOnly: true}
{{- end }}
{{- end }}

{{- define "agentsight.caVolume" -}}
{{- with .Values.clickhouse.caConfigMap }}
- name: clickhouse-ca
  configMap: {name: {{ . }}}
{{- end }}
{{- end }}

{{- /* A pod that runs a command as the schema's owner: `root`, `name` (its label), `container`, `args`. */}}
{{- define "agentsight.ownerPod" -}}
{{- $clickhouse := .root.Values.clickhouse }}
{{- $schema := .root.Values.schema }}
metadata:
  labels: {{- include "agentsight.labels" (dict "name" .name "root" .root) | nindent 4 }}
spec:
  restartPolicy: OnFailure
  {{- include "agentsight.pod" .root | nindent 2 }}
  containers:
    - name: {{ .container }}
      image: {{ $schema.image }}
      args: {{ .args }}
      env:
        - name: AGENTSIGHT_CLICKHOUSE_PASSWORD
          valueFrom:
            secretKeyRef: {name: {{ $schema.secret }}, key: password}
        # Kubernetes puts the password in; it must be of letters, digits, - and _, as it stands in a URL.
        - name: AGENTSIGHT_CLICKHOUSE_URL
          value: "{{ ternary "https" "http" $clickhouse.secure }}://{{ $schema.user }}:$(AGENTSIGHT_CLICKHOUSE_PASSWORD)@{{ $clickhouse.host }}:{{ include "agentsight.httpPort" .root }}/{{ $clickhouse.database }}"
        {{- if $clickhouse.caConfigMap }}
        # What the command's HTTP client trusts.
        - {name: SSL_CERT_FILE, value: /etc/agentsight-clickhouse-ca/ca.crt}
        {{- end }}
      {{- with include "agentsight.caMount" .root }}
      volumeMounts: {{- . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities: {drop: [ALL]}
      resources:
        requests: {cpu: 100m, memory: 128Mi}
        limits: {memory: 512Mi}
  {{- with include "agentsight.caVolume" .root }}
  volumes: {{- . | nindent 4 }}
  {{- end }}
{{- end }}
