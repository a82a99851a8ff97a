{{- define "pco.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "pco.fullname" -}}
{{- $name := include "pco.name" . -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{/* What a selector goes by: never changes. Takes the chart's context and the component. */}}
{{- define "pco.selector" -}}
app.kubernetes.io/name: {{ include "pco.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "pco.labels" -}}
app.kubernetes.io/name: {{ include "pco.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: podman-checkpoint-operator
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "pco.image" -}}
{{- with .Values.image.registry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}
{{- if .Values.image.digest }}@{{ .Values.image.digest }}
{{- else }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "pco.agentServiceAccount" -}}
{{- if .Values.agent.serviceAccount.create -}}
{{ .Values.agent.serviceAccount.name | default (printf "%s-agent" (include "pco.fullname" .)) }}
{{- else -}}
{{ required "agent.serviceAccount.name: name the account, or let the chart create one" .Values.agent.serviceAccount.name }}
{{- end -}}
{{- end }}

{{/* The agents' heartbeats are in this namespace, wherever they run. */}}
{{- define "pco.requireNamespace" -}}
{{- if ne .Release.Namespace "podman-checkpoint-system" -}}
{{- fail "install the release into the namespace podman-checkpoint-system: --namespace podman-checkpoint-system --create-namespace" -}}
{{- end -}}
{{- end }}

{{/* A file of the project with one object or more, as they are but for what the chart adds. Takes the
chart's context, the file's text, annotations, and kinds to leave all others out. */}}
{{- define "pco.objects" -}}
{{- $labels := include "pco.labels" .root | fromYaml -}}
{{- range $text := regexSplit "(?m)^---$" .text -1 }}
{{- $object := $text | fromYaml }}
{{- if and $object (or (not $.kinds) (has $object.kind $.kinds)) }}
{{- $metadata := $object.metadata }}
{{- $own := dict }}
{{- range $name, $value := ($metadata.labels | default dict) }}
{{- if or $.root.Values.rbac.aggregateClusterRoles (not (hasPrefix "rbac.authorization.k8s.io/aggregate-to-" $name)) }}
{{- $_ := set $own $name $value }}
{{- end }}
{{- end }}
{{- $_ := set $metadata "labels" (merge dict $labels $own) }}
{{- with $.annotations }}
{{- $_ := set $metadata "annotations" (merge dict . ($metadata.annotations | default dict)) }}
{{- end }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* What the agent may write to beside its fixed mounts; the archives, where they are elsewhere. */}}
{{- define "pco.hostPaths" -}}
{{- $paths := .Values.agent.hostPaths -}}
{{- if not (hasPrefix "/var/lib/podman-checkpoint/" .Values.agent.archiveDir) -}}
{{- $paths = append $paths .Values.agent.archiveDir -}}
{{- end -}}
{{- range list "/etc/criu" .Values.agent.podmanStorage "/var/lib/podman-checkpoint" -}}
{{- $paths = without $paths . -}}
{{- end -}}
{{ $paths | uniq | toYaml }}
{{- end }}
