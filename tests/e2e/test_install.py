"""Installing, each way from an empty control plane, by the lines of docs/install.md as they stand.

Not here: what the chart makes (tests/packaging/test_chart.py), and that the agents work
(test_container_agent.py). There is no kubelet, so no Pod comes of what is installed.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml

from podman_checkpoint_operator.api.names import CHECKPOINTS, GROUP, HOSTS, RESTORES
from tests.lab import helm
from tests.lab.empty_cluster import EmptyCluster, empty_cluster
from tests.lab.paths import CHECKOUT
from tests.lab.shell import run
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.lab

PAGE: Final = (CHECKOUT / "docs" / "install.md").read_text(encoding="utf-8")
SYSTEM: Final = "podman-checkpoint-system"
ACCOUNT: Final = f"system:serviceaccount:{SYSTEM}"
CRDS: Final = sorted(f"crd/{each.plural}.{GROUP}" for each in (CHECKPOINTS, RESTORES, HOSTS))
CHECKPOINT: Final = """\
apiVersion: podman-checkpoint.dev/v1alpha1
kind: ContainerCheckpoint
metadata: {name: saved, namespace: default}
spec: {nodeName: host-a, containerRef: {name: c}}
"""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmptyCluster]:
    with empty_cluster(tmp_path) as cluster:
        assert GROUP not in cluster.kubectl("api-versions").stdout
        yield cluster


def lines(heading: str) -> list[str]:
    """Return the commands under a heading, a text for each block."""
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section
    found = re.findall(r"^```sh\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)
    assert found
    return found


def can(cluster: EmptyCluster, account: str, *what: str) -> bool:
    """Whether a service account may do something."""
    asked = ("auth", "can-i", f"--as={ACCOUNT}:{account}", *what)
    return cluster.kubectl(*asked, check=False).stdout.strip() == "yes"


def require_installed(cluster: EmptyCluster, *, agents: str = "") -> None:
    """See the resources served, and that the programs' accounts may do their work."""
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", *CRDS)
    assert can(cluster, "podman-checkpoint-controller", "watch", HOSTS.plural, "-A")
    assert can(cluster, "podman-checkpoint-controller", "list", "leases", f"--namespace={SYSTEM}")
    cluster.kubectl("get", "deployment", "--all-namespaces")
    if agents:
        assert can(cluster, agents, "patch", f"{CHECKPOINTS.plural}/status", "-A")
        assert can(cluster, agents, "create", "leases", f"--namespace={SYSTEM}")
        assert not can(cluster, agents, "get", "secrets", f"--namespace={SYSTEM}")


def earlier(folder: Path) -> Path:
    """A checkout whose chart has fewer values, templates and CRDs than the chart has."""
    chart = folder / helm.CHART.relative_to(CHECKOUT)
    shutil.copytree(helm.CHART, chart)
    for template in (chart / "templates").iterdir():
        if template.is_file() and template.name not in ("_helpers.tpl", "crds.yaml"):
            template.unlink()
    shutil.rmtree(chart / "templates" / "tests")
    (chart / "files" / "crds" / f"{HOSTS.plural}.yaml").unlink()
    values = yaml.safe_load((chart / "values.yaml").read_text())
    kept = {name: values[name] for name in ("image", "crds", "rbac")}
    (chart / "values.yaml").write_text(yaml.safe_dump(kept))
    return folder


def test_helm(cluster: EmptyCluster, tmp_path: Path) -> None:
    install, upgrade, uninstall = lines("With Helm")
    cluster.shell(install, folder=earlier(tmp_path / "earlier"))
    assert HOSTS.plural not in cluster.kubectl("get", "crd", "--output=name").stdout
    saves = f"crd/{CHECKPOINTS.plural}.{GROUP}"
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", saves)
    run(cluster.kubectl_program, "apply", "-f-", env=cluster.environment(), stdin=CHECKPOINT)

    cluster.shell(upgrade)
    require_installed(cluster, agents="podman-checkpoint-operator-agent")
    image = "jsonpath={..containers[0].image}"
    shown = cluster.kubectl("get", "daemonset", f"--namespace={SYSTEM}", f"--output={image}").stdout
    assert shown.startswith("registry.example/podman-checkpoint-operator:")
    assert cluster.kubectl("get", "cckpt/saved").stdout

    cluster.shell(uninstall)
    for kind in ("daemonset", "deployment", "networkpolicy", "serviceaccount", "rolebinding"):
        left = cluster.kubectl("get", kind, f"--namespace={SYSTEM}", "--output=name").stdout
        assert "podman-checkpoint" not in left
    assert "podman-checkpoint" not in cluster.kubectl("get", "clusterrole", "-oname").stdout
    assert cluster.kubectl("get", "cckpt/saved").stdout

    # The CRDs that stayed are no hindrance.
    cluster.shell(install.splitlines(keepends=True)[-2] + install.splitlines()[-1])
    require_installed(cluster, agents="podman-checkpoint-operator-agent")


def test_kubectl(cluster: EmptyCluster) -> None:
    (apply,) = lines("With kubectl")
    cluster.shell(apply)
    require_installed(cluster, agents="podman-checkpoint-agent")
    before = cluster.kubectl("get", "daemonset,deployment", "-A", "-ojson").stdout

    cluster.shell(apply)

    after = cluster.kubectl("get", "daemonset,deployment", "-A", "-ojson").stdout
    generations = [
        [each["metadata"]["generation"] for each in json.loads(text)["items"]]
        for text in (before, after)
    ]
    assert generations == [[1, 1], [1, 1]]


def test_hosts_outside_the_cluster(cluster: EmptyCluster, tmp_path: Path) -> None:
    install, certificate, token = lines("Hosts outside the cluster")
    cluster.shell(install)
    with ThreadPoolExecutor(max_workers=1) as pool:
        signed = pool.submit(sign, cluster, "podman-checkpoint-host-x")
        cluster.shell(certificate, folder=tmp_path)
        signed.result()
    require_installed(cluster)
    agent = ("--kubeconfig", str(tmp_path / "host-x.kubeconfig"))
    assert "podman-checkpoint:host:host-x" in cluster.kubectl(*agent, "auth", "whoami").stdout
    assert cluster.kubectl(*agent, "get", "cckpt", "-A").returncode == 0
    assert cluster.kubectl(*agent, "get", "nodes", check=False).returncode == 1

    apply(cluster, [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "host-a"}}])
    cluster.shell(token)
    require_installed(cluster, agents="agent-host-a")


def sign(cluster: EmptyCluster, name: str) -> None:
    """Do what a cluster's controller manager does with a request that was approved."""
    request = ("get", "csr", name, "--ignore-not-found", "--output=json")

    def approved() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(cluster.kubectl(*request).stdout or "{}")
        return found if "Approved" in str(found.get("status")) else {}

    wait_until(approved, f"{name} to be approved")
    (cluster.folder / "csr").write_bytes(base64.b64decode(approved()["spec"]["request"]))
    authority = cluster.folder / "pki" / "authority"
    run(
        *("openssl", "x509", "-req", "-days", "1", "-extfile", "/dev/stdin"),
        *("-in", cluster.folder / "csr", "-out", cluster.folder / "crt"),
        *("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key"),
        stdin="extendedKeyUsage=clientAuth\n",
    )
    certificate = base64.b64encode((cluster.folder / "crt").read_bytes()).decode()
    patch = json.dumps({"status": {"certificate": certificate}})
    cluster.kubectl("patch", "csr", name, "--subresource=status", "--type=merge", "-p", patch)


def test_the_api_server_takes_every_object(cluster: EmptyCluster) -> None:
    """Of the kinds that it knows: those of the Prometheus operator are not among them."""
    cluster.kubectl("create", "namespace", SYSTEM)
    for values in (helm.CHART / "ci").glob("*-values.yaml"):
        objects = helm.template(f"--values={values}")
        known = [each for each in objects if not each["apiVersion"].startswith("monitoring.coreos")]
        # A Pod is taken only if its account is there.
        apply(cluster, [each for each in known if each["kind"] == "ServiceAccount"])
        done = apply(cluster, known, "--dry-run=server")
        assert done.stdout.count("serverside-applied") == len(known)
        assert not done.stderr


def apply(
    cluster: EmptyCluster, objects: list[dict[str, Any]], *options: str
) -> subprocess.CompletedProcess[str]:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    words = ("apply", "--server-side", "--validate=strict", *options, "--filename=-")
    return run(cluster.kubectl_program, *words, env=cluster.environment(), stdin=text)


def test_helm_test(cluster: EmptyCluster) -> None:
    """What its Pod runs, with its account; the numbers are those that a controller would write."""
    cluster.shell(lines("With Helm")[0])
    hooks = helm.template("--show-only=templates/tests/agents.yaml")
    (pod,) = (each for each in hooks if each["kind"] == "Pod")
    apply(cluster, [each for each in hooks if each["kind"] != "Pod"])
    account = pod["spec"]["serviceAccountName"]
    token = cluster.kubectl("create", "token", account, f"--namespace={SYSTEM}").stdout.strip()
    user = cluster.folder / "test.kubeconfig"
    user.write_text(
        cluster.kubeconfig.read_text().partition("users:")[0]
        + f"users: [{{name: lab, user: {{token: {token}}}}}]\n"
        + "contexts: [{name: lab, context: {cluster: lab, user: lab}}]\ncurrent-context: lab\n"
    )
    (container,) = pod["spec"]["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}

    def check() -> subprocess.CompletedProcess[str]:
        words = (*container["command"][1:], *container["args"])
        variables = {**cluster.environment(), **env, "KUBECONFIG": str(user)}
        return run(sys.executable, *words, env=variables, check=False)

    assert "agents ready: 0 of 0" in check().stdout
    daemon_set = ("daemonset", env["DAEMON_SET"], f"--namespace={SYSTEM}")
    host = {"apiVersion": f"{GROUP}/v1alpha1", "kind": HOSTS.kind, "metadata": {"name": "host-a"}}
    apply(cluster, [host])

    def report(kind: tuple[str, ...], **status: Any) -> None:
        patch = json.dumps({"status": status})
        cluster.kubectl("patch", *kind, "--subresource=status", "--type=merge", f"--patch={patch}")

    report(daemon_set, desiredNumberScheduled=1, numberReady=1, currentNumberScheduled=1)
    silent = check()
    assert silent.returncode == 1
    assert "not ready: host-a" in silent.stderr
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "Ready",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    report((HOSTS.plural, "host-a"), conditions=[ready])
    done = check()
    assert done.returncode == 0, done.stderr
