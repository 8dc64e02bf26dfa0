"""Manifests of Kubernetes (apps/v1): a deployment that loses no request when it is rolled out, and its service."""

from __future__ import annotations

import json
from string import Template

from ehttpd.deploy.containers import USER, command
from ehttpd.deploy.plan import ADMIN_PORT, DRAIN_SECONDS, PORT, Plan

MANIFESTS = Template("""\
# kubectl apply -f $name.yaml      (the image: ehttpd init docker > Dockerfile)
apiVersion: apps/v1
kind: Deployment
metadata:
  name: $name
  labels: &labels
    app.kubernetes.io/name: $name
spec:
  replicas: 2
  selector:
    matchLabels: *labels
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxUnavailable: 0
      maxSurge: 1
  template:
    metadata:
      labels: *labels
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: "$admin_port"
    spec:
      # After SIGTERM it is not ready but serves for $drain s (--drain-delay), then comes the grace: so no preStop.
      terminationGracePeriodSeconds: $grace
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        runAsUser: $user
        runAsGroup: $user
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: web
          image: $name:latest
          command: $command
          ports:
            - name: http
              containerPort: $port
            - name: admin
              containerPort: $admin_port
          # Answered by a thread of its own: a pool that is busy fails no probe.
          startupProbe:
            httpGet: {path: /readyz, port: admin}
            periodSeconds: 1
            failureThreshold: 60
          readinessProbe:
            httpGet: {path: /readyz, port: admin}
            periodSeconds: 2
            failureThreshold: 1
          livenessProbe:
            httpGet: {path: /healthz, port: admin}
            periodSeconds: 10
            timeoutSeconds: 3
          resources:
            requests: {cpu: 250m, memory: 128Mi}
            limits: {memory: 512Mi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: tmp
              mountPath: /tmp
      volumes:
        - name: tmp
          emptyDir: {}
---
apiVersion: v1
kind: Service
metadata:
  name: $name
  labels:
    app.kubernetes.io/name: $name
spec:
  selector:
    app.kubernetes.io/name: $name
  ports:
    - name: http
      port: 80
      targetPort: http
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: $name
spec:
  maxUnavailable: 1
  selector:
    matchLabels:
      app.kubernetes.io/name: $name
""")


def kubernetes(plan: Plan) -> str:
    """Return the manifests."""
    return MANIFESTS.substitute(
        name=plan.name,
        command=json.dumps(command(plan, drain=True)).replace("$(", "$$("),
        port=PORT,
        admin_port=ADMIN_PORT,
        user=USER,
        drain=DRAIN_SECONDS,
        grace=plan.graceful + DRAIN_SECONDS,
    )
