"""Alerts, runbooks and the dashboard: right by Prometheus' and Grafana's own word, and complete.

Not here: that the agent serves what they ask for; see tests/e2e/test_metrics.py.
"""

from __future__ import annotations

import itertools
import json
import re
import shutil
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests import monitoring
from tests.lab.kubectl import kubectl
from tests.lab.paths import CHECKOUT
from tests.lab.prometheus import promtool
from tests.lab.shell import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TESTS = CHECKOUT / "tests" / "packaging" / "alerts.test.yaml"
OF_GRAFANA = {"/annotations/list[0]/builtIn", "/annotations/list[1]/titleFormat"}
OF_GRAFANA |= {"/annotations/list[1]/textFormat"}
"""What Grafana writes itself, and its schema does not have."""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The rules as docs/monitoring.md has them made for a Prometheus without its operator."""
    page = (CHECKOUT / "docs" / "monitoring.md").read_text()
    (command,) = re.findall(r"^(sed '1.*) >", page, re.MULTILINE)
    file = tmp_path / "rules.yaml"
    file.write_text(run("sh", "-c", command, cwd=CHECKOUT).stdout)
    assert yaml.safe_load(file.read_text()) == monitoring.rules()
    return file


@pytest.mark.lab
def test_prometheus_takes_the_rules(rules: Path) -> None:
    promtool("check", "rules", "--lint=all", "--lint-fatal", rules)


@pytest.mark.lab
def test_each_alert_fires_when_it_should(rules: Path) -> None:
    shutil.copy(TESTS, rules.parent)
    promtool("test", "rules", rules.parent / TESTS.name)


def test_no_alert_is_left_untested() -> None:
    cases = [
        case
        for test in yaml.safe_load(TESTS.read_text())["tests"]
        for case in test.get("alert_rule_test", ())
    ]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == set(monitoring.alerts())


def test_each_alert_has_a_runbook_and_each_runbook_an_alert() -> None:
    headings = re.findall(r"^## (\w+)$", monitoring.RUNBOOKS.read_text(), re.MULTILINE)
    assert headings == list(monitoring.alerts())
    for name, alert in monitoring.alerts().items():
        annotations = alert["annotations"]
        assert annotations["runbook_url"].endswith(f"/docs/runbooks.md#{name.lower()}")
        assert annotations["summary"]
        assert annotations["description"].endswith(".")
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}


@pytest.mark.lab
def test_prometheus_takes_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    recorded = [
        {"record": f"panel:{number}", "expr": expression}
        for number, (_, expression) in enumerate(monitoring.queries())
    ]
    assert len(recorded) > 20
    assert "$" not in " ".join(each["expr"] for each in recorded)
    file = tmp_path / "expressions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    promtool("check", "rules", file)


def test_grafanas_schema_has_everything_of_the_dashboard() -> None:
    """What its schema does not know is lost when Grafana's own library reads and writes it."""
    register_default_plugins()
    ours = monitoring.dashboard()
    theirs = json.loads(json.dumps(Dashboard.from_json(ours), cls=JSONEncoder))
    assert set(lost(ours, theirs)) == OF_GRAFANA


def lost(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """Yield where one value has something that the other has not."""
    match ours, theirs:
        case dict(), dict():
            for key, value in ours.items():
                yield from lost(value, theirs.get(key), f"{path}/{key}")
        case list(), list() if len(ours) == len(theirs):
            for number, (one, other) in enumerate(zip(ours, theirs, strict=True)):
                yield from lost(one, other, f"{path}[{number}]")
        case _ if ours != theirs:
            yield path


def test_panels_are_explained_and_do_not_overlap() -> None:
    panels = monitoring.panels()
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in panels
        for x, y in itertools.product(range(panel["gridPos"]["w"]), range(panel["gridPos"]["h"]))
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        if panel["type"] != "row":
            assert panel["description"].endswith(".")
            assert panel["datasource"]["uid"] == "${datasource}"


@pytest.mark.lab
def test_kustomize_adds_it_to_the_installation(tmp_path: Path) -> None:
    for folder in ("manifests", "crds"):
        shutil.copytree(CHECKOUT / folder, tmp_path / folder)
    page = (CHECKOUT / "docs" / "monitoring.md").read_text()
    (kustomization,) = re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(kustomization)

    made = list(yaml.safe_load_all(kubectl("kustomize", str(tmp_path)).stdout))

    found = {each["kind"]: each for each in made}
    assert {"CustomResourceDefinition", "PodMonitor", "PrometheusRule", "ConfigMap"} <= set(found)
    assert found["PrometheusRule"]["spec"] == monitoring.rules()
    dashboard = found["ConfigMap"]
    assert dashboard["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(dashboard["data"]["podman-checkpoint.json"]) == monitoring.dashboard()
    for kind in ("PodMonitor", "PrometheusRule", "ConfigMap"):
        assert found[kind]["metadata"]["namespace"] == "podman-checkpoint-system"
