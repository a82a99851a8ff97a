"""The chart, judged by the real helm: what it makes and refuses, and that its copies agree.

Not here: that an API server takes it (tests/e2e/test_install.py), and that its Pod can do the work
of an agent (tests/e2e/test_container_agent.py).
"""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING, Any
from unittest import mock

import jsonschema
import pytest
import yaml

from podman_checkpoint_operator.api.names import ON_DRAIN_LABEL
from podman_checkpoint_operator.cli import controller
from podman_checkpoint_operator.decisions.capabilities import NEEDS
from tests.lab import helm, tools
from tests.lab.paths import CHECKOUT
from tests.lab.shell import CommandFailed, run
from tests.packaging import chart_sources

if TYPE_CHECKING:
    from pathlib import Path

CI = sorted((helm.CHART / "ci").glob("*-values.yaml"))
HOOK = "helm.sh/hook"
# Made by kustomize and helm, each in its own way.
OWN_LABELS = ("app.kubernetes.io/", "helm.sh/")


@functools.cache
def rendered() -> list[dict[str, Any]]:
    return helm.template()


def of_kind(objects: list[dict[str, Any]], kind: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for each in objects if each["kind"] == kind}


@pytest.mark.parametrize("values", CI, ids=lambda path: path.stem)
def test_helm_finds_nothing_to_say(values: Path) -> None:
    assert "0 chart(s) failed" in helm.lint(f"--values={values}")


def test_it_can_be_packed(tmp_path: Path) -> None:
    run(helm.program(), "package", helm.CHART, f"--destination={tmp_path}")
    (package,) = tmp_path.glob("*.tgz")
    names = run("tar", "--list", "--file", package).stdout
    assert "files/crds/containercheckpoints.yaml" in names
    assert "ci/" not in names


def test_its_copies_agree_with_their_sources() -> None:
    copies = chart_sources.copies()
    assert copies
    for copy, source in copies.items():
        assert copy.read_bytes() == source.read_bytes(), f"{copy}: run make docs"
    found = {path for path in chart_sources.FILES.rglob("*") if path.is_file()}
    assert found == set(copies), "run make docs"


def test_its_readme_describes_every_value() -> None:
    assert chart_sources.README.read_text(encoding="utf-8") == chart_sources.readme(), (
        "run make docs"
    )

    def leaves(schema: dict[str, Any], prefix: str = "") -> list[str]:
        found = []
        for name, each in schema["properties"].items():
            if name != "global":
                nested = "properties" in each and each.get("additionalProperties") is False
                of_kubernetes = {"requests", "limits"} & set(each.get("properties", ()))
                path = f"{prefix}{name}"
                found += leaves(each, f"{path}.") if nested and not of_kubernetes else [path]
        return found

    schema = yaml.safe_load((helm.CHART / "values.schema.json").read_text())
    described = chart_sources.names()
    assert sorted(described) == sorted(leaves(schema))


def test_the_schema_is_one() -> None:
    schema = yaml.safe_load((helm.CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("agent.maxOperation=1", "additional properties 'maxOperation' not allowed"),
        ("agent.maxOperations=0", "agent/maxOperations"),
        ("agent.archiveDir=archives", "agent/archiveDir"),
        ("agent.hostPaths={/}", "agent/hostPaths/0"),
        ("image.digest=abc", "image/digest"),
        ("controller.replicas=2", "additional properties 'replicas' not allowed"),
        ("crds.keep=yes", "crds/keep"),
        ("authorizer.secretName=", "authorizer/secretName"),
        ("nameOverride=Mine", "nameOverride"),
        ("networkPolicy.apiServerCIDRs={10.0.0.1}", "networkPolicy/apiServerCIDRs/0"),
        ("metrics.podMonitor.enabled=true,metrics.enabled=false", "nothing to fetch"),
        ("authorizer.enabled=true,controller.enabled=false", "it is part of the controller"),
        ("hold.enabled=true,agent.enabled=false", "it waits for the agents"),
    ],
)
def test_mistakes_in_values(value: str, message: str) -> None:
    with pytest.raises(CommandFailed) as raised:
        helm.template("--set", value)
    assert message in raised.value.output


def test_another_namespace_is_refused() -> None:
    """The heartbeats are in one namespace, wherever the agents are."""
    with pytest.raises(CommandFailed, match="--namespace podman-checkpoint-system"):
        run(helm.program(), "template", helm.CHART, "--namespace=default")


def test_the_crds_are_the_projects_and_stay() -> None:
    crds = of_kind(rendered(), "CustomResourceDefinition")
    for copy in sorted((chart_sources.FILES / "crds").iterdir()):
        source = yaml.safe_load(copy.read_text())
        crd = crds.pop(source["metadata"]["name"])
        assert crd["spec"] == source["spec"]
        assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    assert not crds
    freed = of_kind(helm.template("--set=crds.keep=false"), "CustomResourceDefinition")
    assert all("annotations" not in each["metadata"] for each in freed.values())


AGENTS_OFF = "--set=agent.enabled=false"
MONITORED = (
    "--set=metrics.podMonitor.enabled=true",
    "--set=metrics.prometheusRule.enabled=true",
    "--set=grafana.dashboard.enabled=true",
)


@pytest.mark.parametrize(
    ("overlay", "components", "values"),
    [
        ("cluster", [], ()),
        ("hosts", [], (AGENTS_OFF,)),
        ("cluster", ["monitoring"], MONITORED),
        ("cluster", ["authorizer"], ("--set=authorizer.enabled=true",)),
        ("cluster", ["hold"], ("--set=hold.enabled=true",)),
    ],
)
def test_kustomize_makes_the_same(
    tmp_path: Path, overlay: str, components: list[str], values: tuple[str, ...]
) -> None:
    """Two ways to install, one result: all but names' prefixes and labels of the tools."""
    manifests = os.path.relpath(CHECKOUT / "manifests", tmp_path)
    kustomization = {
        "resources": [f"{manifests}/overlays/{overlay}"],
        "components": [f"{manifests}/components/{each}" for each in components],
    }
    (tmp_path / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    made = run(tools.find().kubectl, "kustomize", tmp_path).stdout
    ours = plain([each for each in yaml.safe_load_all(made) if each["kind"] != "Namespace"])

    theirs = plain(
        [
            each
            for each in helm.template("--set=fullnameOverride=podman-checkpoint", *values)
            if HOOK not in each["metadata"].get("annotations", ())
        ]
    )

    assert theirs.keys() == ours.keys()
    for key, each in theirs.items():
        assert each == ours[key], key


def plain(objects: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    """Objects without what tells the tools apart."""
    return {(each["kind"], each["metadata"]["name"]): _without_labels(each) for each in objects}


def _without_labels(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_labels(each) for each in value]
    if not isinstance(value, dict):
        return value
    left = {}
    for name, each in value.items():
        if name.startswith(OWN_LABELS) and name != "app.kubernetes.io/component":
            continue
        kept = _without_labels(each)
        if kept or name not in ("labels", "annotations"):
            left[name] = kept
    return left


def test_what_can_be_turned_on() -> None:
    objects = helm.template(f"--values={helm.CHART / 'ci' / 'all-values.yaml'}")
    daemon_set = of_kind(objects, "DaemonSet")["podman-checkpoint-operator-agent"]
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    mounts = {each["mountPath"]: each.get("readOnly", False) for each in container["volumeMounts"]}

    assert container["image"].startswith("registry.example/podman-checkpoint-operator@sha256:")
    # An archive directory elsewhere has to be writable, too.
    assert not mounts["/host/srv/checkpoints"]
    assert not mounts["/host/srv/data"]
    assert mounts["/host"]
    config_maps = of_kind(objects, "ConfigMap")
    assert config_maps["podman-checkpoint-operator-extra"]["data"] == {"a": "b"}


def test_the_authorizer_gets_its_certificate_and_the_api_server_in() -> None:
    objects = helm.template(f"--values={helm.CHART / 'ci' / 'all-values.yaml'}")
    (deployment,) = of_kind(objects, "Deployment").values()
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    service = of_kind(objects, "Service")["podman-checkpoint-authorizer"]["spec"]
    policy = of_kind(objects, "NetworkPolicy")["podman-checkpoint-operator-controller"]["spec"]

    assert container["args"] == ["--log-level=DEBUG"]
    assert "HTTPS_PROXY" in [each["name"] for each in container["env"]]
    (volume,) = spec["volumes"]
    assert volume["secret"]["secretName"] == "authorizer"
    (mount,) = container["volumeMounts"]
    env = {each["name"]: each["value"] for each in container["env"]}
    with mock.patch.dict(os.environ, env):
        understood = controller.parsed(container["args"])
    assert understood.authorizer == "https://0.0.0.0:8443"
    assert understood.authorizer_certificate == f"{mount['mountPath']}/tls.crt"
    assert understood.authorizer_key == f"{mount['mountPath']}/tls.key"
    assert service["clusterIP"] == "10.0.0.99"
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items()
    allowed = {rule["ports"][0]["port"]: rule["from"] for rule in policy["ingress"]}
    assert allowed["authorizer"] == [{"ipBlock": {"cidr": "10.0.0.1/32"}}]
    assert allowed.keys() <= {port["name"] for port in container["ports"]}


def test_monitoring() -> None:
    objects = helm.template(f"--values={helm.CHART / 'ci' / 'all-values.yaml'}")
    monitors, policies = of_kind(objects, "PodMonitor"), of_kind(objects, "NetworkPolicy")
    for component, kind in (("agent", "DaemonSet"), ("controller", "Deployment")):
        name = f"podman-checkpoint-operator-{component}"
        pods = of_kind(objects, kind)[name]["spec"]["template"]
        (container,) = pods["spec"]["containers"]
        monitor = monitors.pop(f"podman-checkpoint-{component}")["spec"]
        (endpoint,) = monitor["podMetricsEndpoints"]
        assert endpoint["interval"] == "15s"
        assert monitor["selector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
        (port,) = (each for each in container["ports"] if each["name"] == endpoint["port"])
        env = {each["name"]: each.get("value") for each in container["env"]}
        assert env["PODMAN_CHECKPOINT_METRICS"].endswith(f":{port['containerPort']}/metrics")
        let_in = policies[name]["spec"]["ingress"]
        assert endpoint["port"] in [rule["ports"][0]["port"] for rule in let_in]
    assert not monitors
    (rule,) = of_kind(objects, "PrometheusRule").values()
    assert rule["metadata"]["labels"]["release"] == "prometheus"
    alerts = [each for group in rule["spec"]["groups"] for each in group["rules"]]
    for alert in alerts:
        url = alert["annotations"]["runbook_url"]
        assert url.startswith("https://wiki.example/docs/runbooks.md#")
    config_map = of_kind(objects, "ConfigMap")["podman-checkpoint-dashboard"]
    source = CHECKOUT / "manifests/components/monitoring/dashboard.json"
    assert json.loads(config_map["data"]["podman-checkpoint.json"]) == json.loads(
        source.read_text()
    )


def test_without_roles_the_accounts_are_there() -> None:
    objects = helm.template("--set=rbac.create=false")
    made = [each for each in objects if HOOK not in each["metadata"].get("annotations", ())]
    accounts = of_kind(made, "ServiceAccount")
    assert not [each for each in made if each["kind"].endswith(("Role", "RoleBinding"))]
    for kind in ("DaemonSet", "Deployment"):
        (workload,) = of_kind(made, kind).values()
        assert workload["spec"]["template"]["spec"]["serviceAccountName"] in accounts


@pytest.mark.parametrize(
    "values",
    [
        "agent.hostPaths={/etc/criu,/var/lib/containers}",
        "agent.archiveDir=/var/lib/podman-checkpoint",
    ],
)
def test_nothing_is_mounted_twice(values: str) -> None:
    """The API server refuses two mounts at one place."""
    (daemon_set,) = of_kind(helm.template(f"--set={values}"), "DaemonSet").values()
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    places = [each["mountPath"] for each in container["volumeMounts"]]
    assert len(places) == len(set(places))


def test_users_roles_may_stay_apart() -> None:
    roles = of_kind(helm.template("--set=rbac.aggregateClusterRoles=false"), "ClusterRole")
    assert roles["podman-checkpoint-editor"]["rules"]
    labels = [label for role in roles.values() for label in role["metadata"]["labels"]]
    assert not [label for label in labels if "aggregate" in label]


@pytest.mark.parametrize("program", ["agent", "hold"])
def test_the_quadlet_and_the_pod_may_do_the_same(program: str) -> None:
    objects = helm.template("--set=hold.enabled=true")
    daemon_set = of_kind(objects, "DaemonSet")[f"podman-checkpoint-operator-{program}"]
    spec = daemon_set["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    sources = {each["name"]: each["hostPath"]["path"] for each in spec["volumes"]}

    added = " ".join(quadlet("AddCapability", program)).split()
    assert container["securityContext"]["capabilities"].get("add", []) == added
    # The agent's is the image's own.
    assert all(container["command"] == each.split() for each in quadlet("Exec", program))
    assert spec.get("hostPID", False) == ("--pid=host" in quadlet("PodmanArgs", program))
    assert [value.split(":") for value in quadlet("Volume", program)] == [
        [sources[each["name"]], each["mountPath"], *options(each)]
        for each in container["volumeMounts"]
    ]


def options(mount: dict[str, Any]) -> list[str]:
    """What Podman calls the options of a Pod's mount."""
    words = ["ro"] if mount.get("readOnly") else []
    words += ["rslave"] if mount.get("mountPropagation") == "HostToContainer" else []
    return [",".join(words)] if words else []


def test_the_unit_on_a_host_has_the_capabilities_of_the_pod() -> None:
    text = (CHECKOUT / "manifests/systemd/podman-checkpoint-agent.service").read_text()
    (capabilities,) = said("CapabilityBoundingSet", text)
    assert capabilities.split() == [f"CAP_{name}" for name in sorted(NEEDS)]


def test_the_agent_gets_the_capabilities_that_its_work_needs() -> None:
    """The Pod here, the Quadlet and the unit by the tests above; the page says what for."""
    (daemon_set,) = of_kind(rendered(), "DaemonSet").values()
    (container,) = daemon_set["spec"]["template"]["spec"]["containers"]
    capabilities = container["securityContext"]["capabilities"]
    assert capabilities == {"drop": ["ALL"], "add": sorted(NEEDS)}
    page = (CHECKOUT / "docs/install.md").read_text()
    rows = page.partition("| capability | why |\n|---|---|\n")[2].partition("\n\n")[0]
    assert rows.splitlines() == [
        f"| `{name}` | {need.work} it to {need.purpose}"
        f"{' (in a container)' if need.contained_only else ''} |"
        for name, need in NEEDS.items()
    ]


@pytest.mark.parametrize("program", ["agent", "hold"])
def test_no_drain_saves_the_products_own_containers(program: str) -> None:
    """They work at it; whatever the policy, a label like this keeps a container out of it."""
    (label,) = quadlet("Label", program)
    name, _, value = label.partition("=")
    assert name == ON_DRAIN_LABEL
    assert value != "checkpoint"


def quadlet(key: str, program: str = "agent") -> list[str]:
    """Return what the Quadlet of a program says of one key."""
    file = CHECKOUT / f"manifests/quadlet/podman-checkpoint-{program}.container"
    return said(key, file.read_text())


def said(key: str, unit: str) -> list[str]:
    """Return what a unit says of one key."""
    lines = [line.partition("=") for line in unit.splitlines()]
    return [value for name, _, value in lines if name == key]
