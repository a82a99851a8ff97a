"""``hosts`` and ``describe host/NAME``: what agents have reported, and what they have not yet."""

from __future__ import annotations

from typing import Any

import pytest

from podman_checkpoint_operator.api.names import HOSTS, Resource
from podman_checkpoint_operator.cli.plugin.cluster import Cluster
from podman_checkpoint_operator.cli.plugin.outcome import Stop
from podman_checkpoint_operator.cli.plugin.program import main
from podman_checkpoint_operator.cli.plugin.references import not_found
from tests.unit.cli.plugin import resources

FLEET = [
    resources.host("host-b", **resources.reported("Unknown", "HeartbeatLost")),
    resources.host("host-a", **resources.reported()),
    resources.host("host-c", **resources.reported("False", "CRIUTooOld")),
    resources.host("host-d"),
]


@pytest.fixture
def fleet(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The hosts that the cluster has."""
    hosts = list(FLEET)

    def get(_: Cluster, resource: Resource, name: str) -> dict[str, Any]:
        found = [each for each in hosts if each["metadata"]["name"] == name]
        if resource is not HOSTS or not found:
            raise not_found(resource, name)
        return found[0]

    monkeypatch.setattr(Cluster, "list", lambda *_, **__: list(hosts))
    monkeypatch.setattr(Cluster, "find", lambda *_: None)
    monkeypatch.setattr(Cluster, "get", get)
    monkeypatch.setattr(Cluster, "events", lambda *_: [])
    return hosts


@pytest.mark.usefixtures("fleet")
def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hosts"]) == 0
    title, *rows = capsys.readouterr().out.splitlines()
    names = ["NAME", "STATUS", "RUNNING", "PODMAN", "CRIU", "RUNTIME", "KERNEL", "FREE", "AGE"]
    assert title.split() == names
    told = ["12", "5.4.2", "4.2.1", "runc", "1.1.15", "6.12.48", "128.0", "GiB"]
    assert [row.split()[:-1] for row in rows] == [
        ["host-a", "Ready", *told],
        ["host-b", "Unknown:", "HeartbeatLost", *told],
        ["host-c", "NotReady:", "CRIUTooOld", *told],
        ["host-d", "Unknown", "-", "-", "-", "-", "-", "-"],
    ]


@pytest.mark.parametrize(
    ("reason", "status"),
    [("Drained", "Ready,Drained"), ("CannotDrain", "Ready,CannotDrain"), ("NotDraining", "Ready")],
)
def test_a_drain_is_seen(
    fleet: list[dict[str, Any]], reason: str, status: str, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet[:] = [resources.host("host-a", **resources.reported())]
    fleet[0]["status"]["conditions"].append(resources.condition("Drained", "False", reason))
    main(["hosts"])
    assert capsys.readouterr().out.splitlines()[1].split()[1] == status


@pytest.mark.usefixtures("fleet")
def test_other_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["hosts", "-o", "name"])
    assert capsys.readouterr().out.startswith("podmanhost.podman-checkpoint.dev/host-a\n")
    main(["hosts", "-o", "wide"])
    wide = capsys.readouterr().out
    for part in ("Debian GNU/Linux 13 (trixie)", "overlay", "/srv/archives", "said of the host"):
        assert part in wide


@pytest.mark.parametrize("name", ["host-a", "host/host-a", "phost/host-a", "podmanhosts/host-a"])
@pytest.mark.usefixtures("fleet")
def test_a_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", name]) == 0
    text = capsys.readouterr().out
    for line in (
        "Status:        Ready, said of the host",
        "Runtime:       runc 1.1.15",
        "Running:       12 containers",
        "Pre-copy:      no",
        "TCP close:     yes",
        "Ghost limit:   set in /etc/criu/a.conf",
        "  default  128.0 GiB  256.0 GiB  /srv/archives",
        "  Ready  True    HostReady  ",
    ):
        assert line in text


@pytest.mark.usefixtures("fleet")
def test_a_page_of_a_host_that_has_not_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "host-d"]) == 0
    text = capsys.readouterr().out
    assert "Status:        Unknown, its agent has not reported yet" in text
    assert "Pre-copy:      -" in text


def test_no_hosts(fleet: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    fleet.clear()
    assert main(["hosts"]) == 0
    assert capsys.readouterr().err == "No hosts have registered: is an agent running on one?\n"


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("describe", "host/none"), 'podmanhosts.podman-checkpoint.dev "none" not found'),
        (("describe", "none"), 'containercheckpoints.podman-checkpoint.dev "none" not found'),
        (("inspect", "host/host-a"), "host/host-a is no checkpoint or restore"),
        (("list", "hosts"), "kubectl podman-checkpoint hosts"),
    ],
)
def test_errors(words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    assert said in capsys.readouterr().err


def test_who_may_not_see_hosts_is_told_of_what_he_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise Stop("Error from server (Forbidden): podmanhosts")

    monkeypatch.setattr(Cluster, "find", lambda *_: None)
    monkeypatch.setattr(Cluster, "get", refuse)
    assert main(["describe", "none"]) == 1
    assert "NotFound" in capsys.readouterr().err
