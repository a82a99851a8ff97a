"""The agents' HTTP endpoints, asked from within their hosts, and the controller's."""

from __future__ import annotations

import urllib.request
from typing import TYPE_CHECKING, Final

from prometheus_client.parser import text_string_to_metric_families

from tests.lab import controller
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.lab.inventory import Host

METRICS: Final = "http://127.0.0.1:8089/metrics"
PREFIX: Final = "podman_checkpoint_"


def fetched(host: Host, url: str) -> str:
    """Return what is at an address of the host; empty if nothing answers with 200."""
    look = f"import urllib.request as u; print(u.urlopen('{url}').read().decode())"
    return host.exec("python3", "-c", look, check=False).stdout


def scrape(host: Host) -> str:
    """Return the metrics of the host's agent, which may just be starting."""
    found = ""

    def look() -> str:
        nonlocal found
        found = fetched(host, METRICS)
        return found

    wait_until(look, f"the agent of {host.name} to serve its metrics")
    return found


def values(host: Host, *, kind: str = "") -> dict[str, float]:
    """Return a scrape's samples of our own: name and label values, without the prefix.

    Args:
        host: whose agent is asked.
        kind: of metrics, ``counter`` say; all by default.
    """
    return _values(scrape(host), kind)


def scrape_controller() -> str:
    """Return the controller's metrics."""
    with urllib.request.urlopen(controller.METRICS, timeout=10) as answer:
        text: bytes = answer.read()
    return text.decode()


def values_of_controller() -> dict[str, float]:
    """Return the controller's samples, as those of an agent."""
    return _values(scrape_controller(), "")


def _values(text: str, kind: str) -> dict[str, float]:
    return {
        " ".join([each.name.removeprefix(PREFIX), *each.labels.values()]): each.value
        for family in text_string_to_metric_families(text)
        if family.name.startswith(PREFIX) and family.type.startswith(kind)
        for each in family.samples
        if not each.name.endswith("_bucket")
    }


def counted(host: Host) -> dict[str, float]:
    """Return how many of each thing were counted."""
    totals = values(host, kind="counter")
    histograms = values(host, kind="histogram")
    return totals | {name: value for name, value in histograms.items() if "_count" in name}
