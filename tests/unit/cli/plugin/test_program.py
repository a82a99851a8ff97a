"""The command line: mistakes in kubectl's words, helps that fit, and never a traceback."""

from __future__ import annotations

import os
from typing import Any

import click
import pytest

from podman_checkpoint_operator.cli.plugin.options import Session
from podman_checkpoint_operator.cli.plugin.outcome import Stop
from podman_checkpoint_operator.cli.plugin.program import main, plugin

SEE = "See 'kubectl podman-checkpoint{} --help' for usage.\n"


@pytest.mark.parametrize(
    ("words", "said", "command"),
    [
        (("fly",), 'error: unknown command "fly" for "kubectl podman-checkpoint"', ""),
        (("list", "--al"), "error: unknown flag: --al", " list"),
        (("create", "web"), 'error: required flag(s) "node" not set', " create"),
        (("describe",), "error: [TYPE/]NAME... is required", " describe"),
        (("list", "-o", "xml"), "error: invalid value for '-o'", " list"),
        (("list", "a", "b"), "error: got unexpected extra argument (b)", " list"),
    ],
)
def test_mistakes(
    words: tuple[str, ...], said: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert captured.err.endswith(SEE.format(command))


def test_without_a_command_it_shows_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands:" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", *plugin.commands])
def test_helps_fit_a_terminal(
    name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*name.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("Usage: kubectl podman-checkpoint")
    assert max(map(len, shown.splitlines())) <= 80
    assert ("Examples:" if name else "Exit status:") in shown


@pytest.mark.parametrize("command", plugin.commands.values(), ids=list(plugin.commands))
def test_every_option_says_what_it_is_for(command: click.Command) -> None:
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.help
            assert option.help.endswith(".")


def test_where_to_look_may_stand_before_or_after_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Session] = []

    @click.pass_context
    def look(ctx: click.Context, /, **_: Any) -> int:
        seen.append(ctx.ensure_object(Session))
        return 0

    monkeypatch.setattr(plugin.commands["list"], "callback", look)
    main(["-n", "one", "--context", "c", "list", "--namespace", "two", "--kubeconfig", "k"])
    assert seen == [Session(kubeconfig="k", context="c", namespace="two")]


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (Stop("Error from server (NotFound): …", 1), 1, "Error from server (NotFound): …\n"),
        (Stop("error: timed out", 3), 3, "error: timed out\n"),
        (KeyboardInterrupt(), 130, ""),
        (BrokenPipeError(), 0, ""),
        (RuntimeError("lost"), 1, "error: this should not have happened: RuntimeError: lost\n"),
    ],
    ids=repr,
)
def test_how_it_ends(
    raised: BaseException,
    status: int,
    said: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def end(**_: object) -> None:
        raise raised

    if isinstance(raised, BrokenPipeError):
        monkeypatch.setattr(os, "dup2", lambda *_: None)
    monkeypatch.setattr(plugin.commands["list"], "callback", end)
    assert main(["list"]) == status
    captured = capfd.readouterr()
    assert captured.err.startswith(said)
    assert "Traceback" not in captured.err
