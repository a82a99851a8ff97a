"""What the agent and the controller tell kopf alike."""

from __future__ import annotations

from typing import Any, Final

import kopf

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


def login_as_client(registry: kopf.OperatorRegistry) -> None:
    """Let kopf use the credentials that the Kubernetes client was set up with."""

    @kopf.on.login(registry=registry)
    def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
        return kopf.login_via_client(**kwargs)
