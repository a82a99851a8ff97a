"""What an agent's credentials let it do, asked of the lab's API server.

Which permissions an agent needs is tested by its working; here is what it must not have.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from . import credentials
from .kubectl import kubectl, kubectl_as

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    AsAgent = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def as_agent(tmp_path_factory: pytest.TempPathFactory) -> AsAgent:
    """Run kubectl with the credentials of host-a's agent, and nothing else."""
    file = tmp_path_factory.mktemp("agent") / "kubeconfig"
    file.write_text(credentials.agent_kubeconfig("host-a"))

    return partial(kubectl_as, file)


def test_the_token_names_account_and_node(as_agent: AsAgent) -> None:
    done = as_agent("auth", "whoami", "--output=json")

    user = json.loads(done.stdout)["status"]["userInfo"]
    assert user["username"] == "system:serviceaccount:podman-checkpoint-system:agent-host-a"
    assert user["extra"]["authentication.kubernetes.io/node-name"] == ["host-a"]
    assert "system:masters" not in user["groups"]


@pytest.mark.parametrize("kind", ["containercheckpoints", "containerrestores"])
def test_it_can_see_what_it_works_on(as_agent: AsAgent, kind: str) -> None:
    assert as_agent("get", f"{kind}.podman-checkpoint.dev", "--all-namespaces").returncode == 0


@pytest.mark.parametrize(
    ("verb", "what"),
    [
        ("list", "secrets"),
        ("list", "pods"),
        ("deletecollection", "containercheckpoints.podman-checkpoint.dev"),
        ("update", "containerrestores.podman-checkpoint.dev"),
        ("update", "podmanhosts.podman-checkpoint.dev"),
        ("create", "serviceaccounts/token"),
        ("patch", "nodes"),
        ("create", "clusterrolebindings.rbac.authorization.k8s.io"),
        ("patch", "customresourcedefinitions.apiextensions.k8s.io"),
        ("*", "*"),
    ],
)
def test_it_has_no_other_rights(as_agent: AsAgent, verb: str, what: str) -> None:
    done = as_agent("auth", "can-i", verb, what, "--all-namespaces")

    assert done.stdout.strip() == "no"


def test_without_credentials_there_is_no_access(tmp_path: Path) -> None:
    config = json.loads(kubectl("config", "view", "--raw", "--output=json").stdout)
    config["users"] = []
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))

    done = kubectl_as(file, "get", "containercheckpoints.podman-checkpoint.dev", "--token=wrong")

    assert done.returncode == 1
    assert "Unauthorized" in done.stderr or "logged in" in done.stderr
