"""What the API server lets an agent do, tried by hand with real credentials.

The agents here are of two hosts that nobody has, ``<prefix>-a`` and ``<prefix>-b``, and RBAC lets
them do anything with what an agent has to do with: it is the admission policies that refuse.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from podman_checkpoint_operator.api.names import (
    ANNOTATION_PREFIX,
    API_VERSION,
    CHECKPOINTS,
    FINALIZER,
    GROUP,
    HOSTS,
    RESTORES,
)
from tests import specs
from tests.lab import credentials
from tests.lab.controlplane import AUTHORIZER, kubeconfig, other_api_server
from tests.lab.credentials import NAMESPACE
from tests.lab.kubectl import apply, kubectl, kubectl_as
from tests.lab.paths import CHECKOUT
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.support import Bench
    from tests.lab.inventory import Host

pytestmark = pytest.mark.lab

LEASE: Final = "coordination.k8s.io/v1"
LOGINS: Final = ("token", "pod", "certificate")
"""How an agent can prove which host it is on."""


@dataclass(frozen=True)
class Fleet:
    """Two hosts without agents, ``a`` and ``b``; kubeconfigs of agents; what is on each host."""

    a: str
    b: str
    folder: Path

    def as_(self, who: str, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run kubectl with the credentials of ``who``."""
        return kubectl_as(self.folder / who, *args, **options)

    def try_(self, who: str, what: dict[str, Any]) -> str:
        """Return what the API server says to the creation of an object; empty if it is made."""
        done = self.as_(who, "create", "--dry-run=server", "-f-", stdin=json.dumps(what))
        return said(done)


def said(done: subprocess.CompletedProcess[str]) -> str:
    """Return the refusal of a command, on one line; empty if there was none."""
    assert bool(done.returncode) == bool(done.stderr), done
    return " ".join(done.stderr.split())


def resource(host: str, plural: str = CHECKPOINTS.plural, name: str = "") -> dict[str, Any]:
    spec = specs.checkpoint() if plural == CHECKPOINTS.plural else specs.restore()
    kind = {each.plural: each.kind for each in (CHECKPOINTS, RESTORES)}[plural]
    return specs.manifest(kind, name or f"of-{host}", {**spec, "nodeName": host})


def drains(host: str, plural: str, name: str) -> dict[str, Any]:
    """Return a resource as a drain makes it."""
    made = resource(host, plural, name)
    owner = {"apiVersion": API_VERSION, "kind": HOSTS.kind, "name": host, "uid": "1"}
    made["metadata"]["ownerReferences"] = [owner]
    return made


def podman_host(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": HOSTS.kind, "metadata": {"name": name}, **more}


def lease(name: str) -> dict[str, Any]:
    metadata = {"name": name, "namespace": NAMESPACE}
    return {"apiVersion": LEASE, "kind": "Lease", "metadata": metadata, "spec": {}}


def event(instance: str, kind: str, name: str, version: str = API_VERSION) -> dict[str, Any]:
    return {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": f"try-{secrets.token_hex(4)}", "namespace": "default"},
        "eventTime": "2026-01-02T03:04:05.000000Z",
        "regarding": {"apiVersion": version, "kind": kind, "namespace": "default", "name": name},
        "type": "Normal",
        "reason": "Tried",
        "action": "Tried",
        "reportingController": f"{GROUP}/node-agent",
        "reportingInstance": instance,
    }


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory, lab: None) -> Iterator[Fleet]:
    prefix = f"e2e-{secrets.token_hex(3)}"
    folder = tmp_path_factory.mktemp("privileges")
    a, b = f"{prefix}-a", f"{prefix}-b"
    everything = {
        (GROUP, "*"),
        ("coordination.k8s.io", "leases"),
        ("", "events"),
        ("events.k8s.io", "events"),
    }
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": prefix}}
    account = {"kind": "ServiceAccount", "name": prefix, "namespace": NAMESPACE}
    made: list[dict[str, Any]] = [
        {
            **role,
            "kind": "ClusterRole",
            "rules": [
                {"apiGroups": [group], "resources": [resource], "verbs": ["*"]}
                for group, resource in everything
            ],
        },
        {
            **role,
            "kind": "ClusterRoleBinding",
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": prefix,
            },
            "subjects": [
                account,
                {"kind": "Group", "name": credentials.CERTIFICATES},
                {**account, "name": credentials.CONTROLLER},
            ],
        },
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": prefix, "namespace": NAMESPACE},
        },
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": a}},
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": prefix, "namespace": NAMESPACE},
            "spec": {
                "serviceAccountName": prefix,
                "nodeName": a,
                "containers": [{"name": "agent", "image": "agent"}],
            },
        },
        *(resource(host, plural) for host in (a, b) for plural in _PLURALS),
        *(podman_host(host) for host in (a, b)),
        *(lease(host) for host in (a, b)),
    ]
    apply(*made)
    bound = ("--bound-object-kind", "--bound-object-name")
    logins = {
        "token": credentials.token_kubeconfig(prefix, f"{bound[0]}=Node", f"{bound[1]}={a}"),
        "pod": credentials.token_kubeconfig(prefix, f"{bound[0]}=Pod", f"{bound[1]}={prefix}"),
        "certificate": credentials.certificate_kubeconfig(a),
        "unbound": credentials.token_kubeconfig(prefix),
        "controller": credentials.controller_kubeconfig(),
    }
    for name, text in logins.items():
        (folder / name).write_text(text)
    yield Fleet(a, b, folder)
    items = {"apiVersion": "v1", "kind": "List", "items": made}
    kubectl("delete", "--ignore-not-found", "--force", "-f-", stdin=json.dumps(items))


_PLURALS: Final = (CHECKPOINTS.plural, RESTORES.plural)


@pytest.mark.parametrize("who", LOGINS)
def test_an_agent_writes_what_is_of_its_own_host(fleet: Fleet, who: str) -> None:
    a = fleet.a
    made = [
        *(drains(a, plural, f"try-{a}") for plural in _PLURALS),
        event(a, CHECKPOINTS.kind, f"of-{a}"),
        event(a, HOSTS.kind, a),
    ]
    assert [fleet.try_(who, each) for each in made] == [""] * len(made)

    status = '--patch={"status": {"observedGeneration": 1}}'
    own = {
        "finalizers": [FINALIZER],
        "annotations": {f"{ANNOTATION_PREFIX}/kopf-managed": "yes"},
    }
    for what in (*(f"{plural}/of-{a}" for plural in _PLURALS), f"{HOSTS.plural}/{a}"):
        for patch in ((status, "--subresource=status"), (marks(**own),), (marks(finalizers=[]),)):
            assert said(fleet.as_(who, "patch", what, "--type=merge", *patch)) == ""
    renewed = '--patch={"spec": {"holderIdentity": "me"}}'
    done = fleet.as_(who, "patch", f"lease/{a}", "-n", NAMESPACE, "--type=merge", renewed)
    assert said(done) == ""


def marks(**metadata: Any) -> str:
    return f"--patch={json.dumps({'metadata': metadata})}"


@pytest.mark.parametrize("who", LOGINS)
def test_an_agent_writes_nothing_of_another_host(fleet: Fleet, who: str) -> None:
    a, b = fleet.a, fleet.b
    only = f"the agent of host {a} writes only what is of its own host, and "
    refused = {
        **{
            fleet.try_(who, resource(b, plural, "try")): f"{kind} try is of {b} (spec.nodeName)"
            for kind, plural in zip((CHECKPOINTS.kind, RESTORES.kind), _PLURALS, strict=True)
        },
        fleet.try_(who, podman_host(f"{b}2")): f"PodmanHost {b}2 is of {b}2 (its name)",
        fleet.try_(who, lease(f"{b}2")): f"Lease {b}2 is of {b}2 (its name)",
        fleet.try_(
            who, event(b, CHECKPOINTS.kind, f"of-{b}")
        ): f"this Event says that it comes from {b} (reportingInstance)",
    }
    status = '--patch={"status": {"observedGeneration": 1}}'
    attempts = [
        (("patch", what, "--type=merge", *patch), f"is of {b} (")
        for what in (*(f"{plural}/of-{b}" for plural in _PLURALS), f"{HOSTS.plural}/{b}")
        for patch in ((status, "--subresource=status"), (marks(finalizers=[FINALIZER]),))
    ]
    attempts += [
        (("delete", f"{what}"), f"is of {b} (")
        for what in (f"cckpt/of-{b}", f"crst/of-{b}", f"phost/{b}")
    ]
    attempts += [(("delete", "cckpt", "--all"), "is of "), (("delete", "phost", "--all"), "is of ")]
    attempts += [(("delete", f"lease/{b}", "-n", NAMESPACE), f"Lease {b} is of {b} (its name)")]
    for attempt, why in attempts:
        refused[said(fleet.as_(who, *attempt, "--dry-run=server"))] = why

    for message, why in refused.items():
        assert only in message
        assert why in message
    assert len(refused) > 6


@pytest.mark.parametrize(
    "metadata",
    [
        {"labels": {"a": "b"}},
        {"annotations": {"a": "b"}},
        {"finalizers": ["another.dev/one"]},
        {"ownerReferences": [{"apiVersion": "v1", "kind": "Node", "name": "n", "uid": "u"}]},
    ],
    ids=lambda metadata: next(iter(metadata)),
)
def test_an_agent_changes_nothing_but_its_marks(fleet: Fleet, metadata: dict[str, Any]) -> None:
    change = marks(**metadata)
    done = fleet.as_("token", "patch", f"cckpt/of-{fleet.a}", "--type=merge", change)

    assert "changes nothing of the metadata of a ContainerCheckpoint but its own" in said(done)


@pytest.mark.parametrize("change", ["other-", "other=new"])
def test_an_agent_leaves_the_annotations_of_others(fleet: Fleet, change: str) -> None:
    what = f"crst/of-{fleet.a}"
    kubectl("annotate", what, "other=old", "--overwrite")

    done = fleet.as_("token", "annotate", what, change, "--overwrite")

    assert f"its own finalizer {FINALIZER} and annotations {ANNOTATION_PREFIX}/*" in said(done)


def test_what_a_host_lets_touch_is_not_its_agents_to_say(fleet: Fleet) -> None:
    unasked = {"requireNamespaceLabel": False}
    kubectl("delete", f"phost/{fleet.a}")
    try:
        message = fleet.try_("token", podman_host(fleet.a, spec=unasked))
        assert "registers its host without a spec" in message
        assert fleet.try_("token", podman_host(fleet.a)) == ""
    finally:
        apply(podman_host(fleet.a, spec={"requireNamespaceLabel": True}))
    patch = f"--patch={json.dumps({'spec': unasked})}"
    done = fleet.as_("token", "patch", f"phost/{fleet.a}", "--type=merge", patch)
    assert "does not change the spec of a PodmanHost" in said(done)
    done = fleet.as_("token", "delete", f"phost/{fleet.a}")
    assert "does not delete its PodmanHost, whose spec would go with it" in said(done)


def test_an_agent_makes_what_a_drain_needs_only(fleet: Fleet) -> None:
    a, b = fleet.a, fleet.b
    anybodys, others = (resource(a, name="try"), drains(a, RESTORES.plural, "try"))
    others["metadata"]["ownerReferences"][0]["name"] = b
    archived = drains(a, RESTORES.plural, "try")
    archived["spec"]["source"] = specs.archived()["source"]
    for what in (anybodys, others, archived):
        message = fleet.try_("token", what)
        assert f"for a drain only: owned by the PodmanHost {a}, and not from an archive" in message


def test_an_agent_deletes_what_a_drain_has_made_only(fleet: Fleet) -> None:
    a = fleet.a
    made = [drains(a, plural, f"history-{a}") for plural in _PLURALS]
    apply(*made)
    for each in made:
        own, anybodys = (f"{each['kind']}/{name}-{a}" for name in ("history", "of"))
        assert said(fleet.as_("token", "delete", own)) == ""
        assert f"deletes a {each['kind']} for a drain only: owned by the PodmanHost {a}" in said(
            fleet.as_("token", "delete", anybodys)
        )


def test_an_agent_posts_events_about_the_products_resources_only(fleet: Fleet) -> None:
    a, b = fleet.a, fleet.b
    for what in (event(a, HOSTS.kind, b), event(a, "Pod", "p", "v1")):
        message = fleet.try_("token", what)
        assert "posts events about resources of podman-checkpoint.dev only" in message
        assert "no other PodmanHost than its own" in message
    core = {**event(b, CHECKPOINTS.kind, "c"), "apiVersion": "v1"}
    core["involvedObject"] = core.pop("regarding")
    core["reportingComponent"] = core.pop("reportingController")
    assert f"it comes from {b}" in fleet.try_("token", core)
    assert fleet.try_("token", {**core, "reportingInstance": a}) == ""


def test_an_agent_does_not_take_over_the_event_of_another(fleet: Fleet) -> None:
    theirs = event(fleet.b, CHECKPOINTS.kind, f"of-{fleet.b}")
    apply(theirs)
    what = f"event/{theirs['metadata']['name']}"
    mine = ("--type=merge", f'--patch={{"reportingInstance": "{fleet.a}"}}')
    try:
        done = fleet.as_("token", "patch", "--namespace=default", what, *mine)
        assert f"this Event says that it comes from {fleet.b}" in said(done)
    finally:
        kubectl("delete", "--namespace=default", what)


def test_a_lease_of_the_same_name_elsewhere_is_refused(fleet: Fleet) -> None:
    elsewhere = lease(fleet.a)
    elsewhere["metadata"]["namespace"] = "default"

    message = fleet.try_("token", elsewhere)

    assert "an agent's Lease is in the namespace podman-checkpoint-system" in message


def test_an_unbound_token_is_refused_and_told_what_to_do(fleet: Fleet) -> None:
    a = fleet.a
    for what in (resource(a, name="try"), podman_host(f"{a}2"), event(a, HOSTS.kind, a)):
        message = fleet.try_("unbound", what)
        assert "this credential of an agent does not tell its host" in message
        assert "--bound-object-kind=Node --bound-object-name=HOST" in message
    status = ("--subresource=status", "--type=merge", '--patch={"status": {}}')
    assert "does not tell its host" in said(fleet.as_("unbound", "patch", f"phost/{a}", *status))


def test_the_controller_writes_conditions_only(fleet: Fleet) -> None:
    what = f"crst/of-{fleet.a}"
    moment = "2026-01-02T03:04:05Z"
    condition = {"type": "Ready", "status": "Unknown", "reason": "HeartbeatLost", "message": ""}
    marked = {"conditions": [{**condition, "lastTransitionTime": moment}], "observedGeneration": 1}

    def tried(status: dict[str, Any]) -> str:
        patch = f"--patch={json.dumps({'status': status})}"
        subresource = ("--subresource=status", "--type=merge")
        return said(fleet.as_("controller", "patch", what, *subresource, patch))

    assert tried(marked) == ""
    assert "conditions, and nothing else of the status" in tried({"startTime": moment})
    assert "conditions, and nothing else of the status" in tried({**marked, "startTime": moment})
    for attempt in (
        ("annotate", what, "a=b"),
        ("delete", what),
        ("label", f"phost/{fleet.a}", "a=b"),
    ):
        message = said(fleet.as_("controller", *attempt))
        assert "takes the agent's finalizer off what is being deleted; nothing else" in message
    assert "the controller writes conditions, and" in fleet.try_(
        "controller", resource(fleet.a, name="try")
    )


def test_people_are_not_touched(fleet: Fleet) -> None:
    what = f"crst/of-{fleet.b}"

    kubectl("label", what, "a=b")
    kubectl("annotate", what, "a=b")
    kubectl("patch", what, "--subresource=status", "--type=merge", '--patch={"status": {}}')


@pytest.fixture(scope="module")
def asking(fleet: Fleet) -> Iterator[str]:
    """The URL of an API server that asks the controller what agents may read."""
    webhook = fleet.folder / "authorizer.kubeconfig"
    webhook.write_text(kubeconfig(user={}, server=AUTHORIZER))
    text = (CHECKOUT / "manifests" / "components" / "authorizer" / "authorization.yaml").read_text()
    where = "/etc/kubernetes/podman-checkpoint-authorizer.kubeconfig"
    assert where in text
    file = fleet.folder / "authorization.yaml"
    file.write_text(text.replace(where, str(webhook)))
    with other_api_server(file) as server:
        yield f"--server={server}"


@pytest.mark.parametrize("who", LOGINS)
def test_an_agent_reads_nothing_of_another_host(fleet: Fleet, asking: str, who: str) -> None:
    a, b = fleet.a, fleet.b

    def tried(*args: str) -> str:
        return said(fleet.as_(who, asking, *args))

    for kind in (*_PLURALS, HOSTS.plural):
        field = "metadata.name" if kind == HOSTS.plural else "spec.nodeName"
        own, others = (f"--field-selector={field}={host}" for host in (a, b))
        everywhere = () if kind == HOSTS.plural else ("--all-namespaces",)
        assert tried("get", kind, *everywhere, own) == ""
        for options in (everywhere, (*everywhere, others), ("--selector=a=b",)):
            message = tried("get", kind, *options)
            assert f"agent of host {a} lists and watches only with --field-selector" in message
        name = (a, b) if kind == HOSTS.plural else (f"of-{a}", f"of-{b}")
        assert tried("get", kind, name[0]) == ""
        assert f"the agent of host {a} reads only what is of its own host" in tried(
            "get", kind, name[1]
        )
    assert "NotFound" in tried("get", f"cckpt/neither-{b}")
    watch = f"/apis/{GROUP}/v1alpha1/{CHECKPOINTS.plural}?watch=true&timeoutSeconds=1"
    assert "lists and watches only with" in tried("get", f"--raw={watch}")
    assert tried("get", f"--raw={watch}&fieldSelector=spec.nodeName%3D{a}") == ""


def test_an_agent_reads_the_checkpoint_that_it_is_to_restore(fleet: Fleet, asking: str) -> None:
    a, b = fleet.a, fleet.b
    wanted = resource(b, name=f"wanted-{b}")
    restore = resource(a, RESTORES.plural, f"wants-{b}")
    restore["spec"]["source"] = {"checkpointRef": {"name": f"wanted-{b}"}}
    own = drains(a, RESTORES.plural, f"own-{b}")
    own["spec"]["source"] = restore["spec"]["source"]
    apply(wanted, own)
    what = f"cckpt/wanted-{b}"
    try:
        assert "reads only what is of its own host" in said(fleet.as_("token", asking, "get", what))
        apply(restore)
        wait_until(
            lambda: said(fleet.as_("token", asking, "get", what)) == "", "the agent to be let in"
        )
        assert f"is of {b}" in said(fleet.as_("token", asking, "delete", what))
    finally:
        kubectl("delete", "--ignore-not-found", what, f"crst/wants-{b}", f"crst/own-{b}")


def test_without_a_host_nothing_is_read_and_others_are_not_asked_about(
    fleet: Fleet, asking: str
) -> None:
    message = said(fleet.as_("unbound", asking, "get", f"cckpt/of-{fleet.a}"))
    assert "this credential of an agent does not tell its host" in message
    assert said(fleet.as_("controller", asking, "get", "cckpt,crst,phost")) == ""
    kubectl(asking, "get", "cckpt,crst,phost", "--all-namespaces")


def test_agents_work_with_it(bench: Bench, asking: str, host_a: Host, host_b: Host) -> None:
    file = "/etc/podman-checkpoint/asking"
    server = asking.removeprefix("--server=").replace("/", r"\/")
    known = "/etc/podman-checkpoint/kubeconfig"
    host_b.exec("sh", "-c", f"sed 's/server: .*/server: {server}/' {known} >{file}")
    host_b.load_image("busybox")
    container = bench.count(host_a)
    saved = bench.checkpoint(container, archive={})
    host_b.agent_kill()
    host_b.agent_start(env={"KUBECONFIG": file})
    try:
        bench.restore(host_b, saved).wait_ready()

        moved = container.on(host_b)
        again = bench.checkpoint(moved, "again", archive={}, deletionPolicy="Delete")
        again.wait_ready()
        again.delete()
    finally:
        # This API server goes.
        host_b.agent_kill()
        host_b.agent_start()
        host_b.exec("rm", file)


def test_the_component_is_admitted(asking: str, tmp_path: Path) -> None:
    manifests = os.path.relpath(CHECKOUT / "manifests", tmp_path)
    overlay = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "components": [f"{manifests}/components/{each}" for each in ("controller", "authorizer")],
    }
    (tmp_path / "kustomization.yaml").write_text(json.dumps(overlay))
    made = kubectl("kustomize", str(tmp_path)).stdout

    kubectl("apply", "--dry-run=server", "--filename=-", stdin=made)

    of_kind = {each["kind"]: each["spec"] for each in yaml.safe_load_all(made)}
    pod = of_kind["Deployment"]["template"]["spec"]
    env = {each["name"]: each["value"] for each in pod["containers"][0]["env"]}
    assert env["PODMAN_CHECKPOINT_AUTHORIZER"] == "https://0.0.0.0:8443"
    assert "PODMAN_CHECKPOINT_LIVENESS" in env
    ways_in = [rule["ports"][0]["port"] for rule in of_kind["NetworkPolicy"]["ingress"]]
    assert ways_in == ["metrics", "authorizer"]
