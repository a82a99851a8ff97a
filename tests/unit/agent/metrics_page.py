"""Writes ``docs/metrics.md`` from what agent and controller serve: ``make docs``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from prometheus_client.parser import text_string_to_metric_families

from podman_checkpoint_operator.agent.metrics import PREFIX, Metrics, Sample
from podman_checkpoint_operator.controller import metrics as controller
from podman_checkpoint_operator.controller.fleet import View
from podman_checkpoint_operator.reconcilers.observer import Load

PAGE: Final = Path(__file__).parents[3] / "docs/metrics.md"

_INTRO: Final = """\
# Metrics

<!-- Written by `make docs` from metrics.py in agent/ and controller/ of the package. -->

Each agent serves its metrics at `http://127.0.0.1:8089/metrics`, for Prometheus on the same host.
For one elsewhere set `PODMAN_CHECKPOINT_METRICS=http://0.0.0.0:8089/metrics`. There is no password
and no encryption: let a firewall, a NetworkPolicy or a proxy decide who may connect. They carry
counts and sizes, and no name of a container or resource.

Job and instance as the alerts and the dashboard expect them, for hosts outside the cluster:

```yaml
scrape_configs:
  - job_name: podman-checkpoint-agent
    static_configs:
      - targets: ["host-a.example.org:8089"]
        labels: {instance: host-a}          # what spec.nodeName says
  - job_name: podman-checkpoint-controller  # if it runs outside the cluster
    static_configs:
      - targets: ["controller.example.org:8086"]
```

Alerts and a dashboard: [monitoring.md](monitoring.md).

## Of an agent

An operation is counted once, when its resource tells how it ended, also when agents were killed in
its course. Counters begin at 0 with each start of an agent, as Prometheus expects it.

"""

_CONTROLLER: Final = """
## Of the controller

At `http://127.0.0.1:8086/metrics`, unless `PODMAN_CHECKPOINT_METRICS` says otherwise; the chart and
kustomize open it to Prometheus. Names of hosts are in them.

"""

_TABLE: Final = """\
| metric | type | labels | |
|---|---|---|---|
"""

_END: Final = "\nAnd `process_*` of both: memory, CPU, open files, start time.\n"


def render() -> str:
    """Return the page."""
    metrics = Metrics("")
    metrics.seen("ContainerCheckpoint", {"completionTime": "2026-01-01T00:00:00Z"})
    sample = Sample(podman_reachable=True, store=(1, 1))
    text, _ = metrics.render("", Load(), sample)
    fleet = controller.Metrics("")
    fleet.looked(View(hosts={}, heartbeat_ages={"host-a": 1}, stranded={}))
    controllers, _ = asyncio.run(fleet.render(""))
    rows = (*_rows(text), _CONTROLLER, _TABLE, *_rows(controllers))
    return "".join([_INTRO, _TABLE, *rows, _END])


def _rows(text: bytes) -> Iterator[str]:
    for family in text_string_to_metric_families(text.decode()):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = sorted({label for each in family.samples for label in each.labels} - {"le"})
        shown = ", ".join(f"`{label}`" for label in labels)
        if family.name.startswith(PREFIX):
            yield f"| `{name}` | {family.type} | {shown} | {family.documentation} |\n"


if __name__ == "__main__":
    PAGE.write_text(render())
