"""The files for Prometheus and Grafana, and what is in them."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

COMPONENT: Final = CHECKOUT / "manifests" / "components" / "monitoring"
RUNBOOKS: Final = CHECKOUT / "docs" / "runbooks.md"

_METRIC: Final = re.compile(r"\b((?:podman_checkpoint|process)_\w+)")
_VARIABLES: Final = {"$__rate_interval": "5m", "$__range": "24h", "$instance": ".*"}
_PARTS: Final = re.compile(r"_(bucket|sum|count)$")


def dashboard() -> dict[str, Any]:
    """Return the dashboard as it is."""
    found: dict[str, Any] = json.loads((COMPONENT / "dashboard.json").read_text())
    return found


def panels() -> list[dict[str, Any]]:
    """Return the dashboard's panels, rows too."""
    found: list[dict[str, Any]] = dashboard()["panels"]
    return found


def queries() -> Iterator[tuple[str, str]]:
    """Yield where each expression of the dashboard is, and the expression as Prometheus gets it."""
    for panel in panels():
        for target in panel.get("targets", ()):
            yield f"{panel['title']} {target['refId']}", _expanded(target["expr"])
    for annotation in dashboard()["annotations"]["list"]:
        if "expr" in annotation:
            yield annotation["name"], _expanded(annotation["expr"])


def rules() -> dict[str, Any]:
    """Return the alert rules as Prometheus takes them."""
    found: dict[str, Any] = yaml.safe_load((COMPONENT / "rules.yaml").read_text())["spec"]
    return found


def alerts() -> dict[str, dict[str, Any]]:
    """Return the alerts by name."""
    return {rule["alert"]: rule for group in rules()["groups"] for rule in group["rules"]}


def metrics_used() -> set[str]:
    """Return the metrics that the dashboard and the alerts ask for, by their families' names."""
    texts = [*(expr for _, expr in queries()), *(rule["expr"] for rule in alerts().values())]
    return {_PARTS.sub("", name) for text in texts for name in _METRIC.findall(text)}


def _expanded(expression: str) -> str:
    for variable, value in _VARIABLES.items():
        expression = expression.replace(variable, value)
    return expression
