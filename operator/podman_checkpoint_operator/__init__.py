"""Podman Checkpoint Operator: save and restore running Podman containers by ``kubectl apply``."""
