"""kubectl's protocol of completion: commands, options, values, names; and silence on failure."""

from __future__ import annotations

from typing import Any

import pytest

from podman_checkpoint_operator.api.names import Resource
from podman_checkpoint_operator.cli.plugin.cluster import Cluster
from podman_checkpoint_operator.cli.plugin.completion import main
from podman_checkpoint_operator.cli.plugin.outcome import Stop
from tests.unit.cli.plugin import resources


def completed(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[str], str]:
    assert main(words) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    *lines, directive = captured.out.splitlines()
    return [line.partition("\t")[0] for line in lines], directive


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def listed(_: Cluster, resource: Resource) -> list[dict[str, Any]]:
        if resource.short == "cckpt":
            return [resources.checkpoint("saved-1", **resources.ready())]
        if resource.short == "phost":
            return [resources.host("host-c", **resources.reported())]
        return [resources.restore("saved-again")]

    monkeypatch.setattr(Cluster, "list", listed)


@pytest.mark.parametrize(
    ("words", "candidates", "directive"),
    [
        (("cr",), ["create"], ":4"),
        (("create", "--leave"), ["--leave-running"], ":4"),
        (("create", "web", "--compression", ""), ["zstd", "gzip", "none"], ":4"),
        (("create", "web", "--compression=z"), ["zstd"], ":4"),
        (("create", "web", "--node", "host-"), ["host-a", "host-b", "host-c"], ":4"),
        (("list", "c"), ["checkpoints"], ":4"),
        (("list", "-o", "w"), ["wide"], ":4"),
        (("describe", ""), ["saved-1", "saved-again", "host-c"], ":4"),
        (("describe", "host/"), ["host/host-c"], ":4"),
        (("describe", "saved-1", "saved-a"), ["saved-again"], ":4"),
        (("describe", "restore/"), ["restore/saved-again"], ":4"),
        (("describe", "pod/"), [], ":4"),
        (("restore", "--from", ""), ["saved-1"], ":4"),
        (("inspect", "saved-1"), ["saved-1"], ":0"),
        (("diagnose", "./d"), [], ":0"),
        (("list", "--kubeconfig", ""), [], ":0"),
    ],
)
@pytest.mark.usefixtures("cluster")
def test_what_may_come_next(
    words: tuple[str, ...],
    candidates: list[str],
    directive: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert completed(capsys, *words) == (candidates, directive)


@pytest.mark.usefixtures("cluster")
def test_candidates_say_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    main(["describe", "saved-1"])
    assert capsys.readouterr().out.startswith("saved-1\tContainerCheckpoint of web, Ready\n")


@pytest.mark.parametrize("raised", [Stop("error: no"), RuntimeError("lost")])
def test_nothing_is_said_where_the_cluster_does_not_answer(
    raised: Exception, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise raised

    monkeypatch.setattr(Cluster, "list", fail)
    assert completed(capsys, "describe", "") == ([], ":4")


def test_no_words_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert "create" in completed(capsys)[0]
