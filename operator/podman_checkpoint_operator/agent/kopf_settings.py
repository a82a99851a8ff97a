"""What the agent and the controller tell kopf, and the Kubernetes client, alike."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any, Final

import kopf
import kubernetes.config

from ..api.names import REPORTING_COMPONENT

_WATCH_SECONDS: Final = 300


def common_settings(*, instance: str) -> kopf.OperatorSettings:
    """Return kopf's settings for one of many programs that share the kinds."""
    settings = kopf.OperatorSettings()
    # No peering: programs of the same priority would pause each other.
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.watching.server_timeout = _WATCH_SECONDS
    settings.posting.reporting_component = REPORTING_COMPONENT
    settings.posting.reporting_instance = instance
    return settings


def load_credentials() -> None:
    """Set the Kubernetes client up with a kubeconfig's or a Pod's credentials.

    Raises:
        kubernetes.config.ConfigException: there are none.
    """
    # The library prints a hint on standard output where there is no kubeconfig.
    with redirect_stdout(io.StringIO()):
        kubernetes.config.load_config()


def login_as_client(registry: kopf.OperatorRegistry) -> None:
    """Let kopf use the credentials that the Kubernetes client was set up with."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_via_client(**kwargs)
