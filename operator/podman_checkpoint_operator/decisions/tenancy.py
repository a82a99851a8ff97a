"""Whether resources of a namespace may touch a container: its label, and the host, decide.

A resource names any container of any host. The label is given where the container is made, on the
host, and nobody who may create resources can change it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..api.names import NAMESPACE_LABEL
from ..api.reasons import Cause
from .facts import Container
from .preflight import Check, failed, passed


@dataclass(frozen=True)
class Tenant:
    """On whose behalf a container is touched."""

    namespace: str
    """Of the resource."""
    label_required: bool
    """Whether the host's administrators have it touch no container without the label."""

    def check(self, container: Container) -> Check:
        """Check that resources of the namespace may touch a container."""
        return self.check_label(f"container {container.name}", container.namespace)

    def check_label(self, what: str, label: str | None) -> Check:
        """Check that resources of the namespace may touch what has this label, None for none."""
        if label is None and self.label_required:
            return failed(
                "Namespace",
                f"{what} has no label {NAMESPACE_LABEL}, and this host asks for one",
                Cause.NAMESPACE_LABEL_MISSING,
                f"Create the container anew with --label {NAMESPACE_LABEL}={self.namespace}, or"
                " have an administrator take spec.requireNamespaceLabel off the PodmanHost",
            )
        if label is None:
            return passed("Namespace", f"{what} has no label {NAMESPACE_LABEL}")
        if label != self.namespace:
            return failed(
                "Namespace",
                f"{what} has the label {NAMESPACE_LABEL}={label}; this is namespace"
                f" {self.namespace}",
                Cause.CONTAINER_OF_OTHER_NAMESPACE,
                f"Create the resource in namespace {label}"
                if label
                else "Create the container anew with the name of a namespace in that label",
            )
        return passed("Namespace", f"{what} is of this namespace by its label")
