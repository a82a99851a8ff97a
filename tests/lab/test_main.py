"""The ``./lab`` command line: usage errors, exit codes, and what is passed on untouched."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from . import inventory, lifecycle, paths
from .__main__ import main
from .images import RECIPES
from .shell import CommandFailed, run

if TYPE_CHECKING:
    from collections.abc import Sequence

LAUNCHER = Path(__file__).parents[2] / "lab"


def usage_error(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """What a wrong command line prints; it must exit with 2, without a traceback."""
    with pytest.raises(SystemExit) as stop:
        main(argv)
    printed = capsys.readouterr().err
    assert stop.value.code == 2
    assert "Traceback" not in printed
    return printed


@pytest.mark.parametrize(
    "argv",
    [
        ("exec", "nosuch", "true"),
        ("reboot", "nosuch"),
        ("agent-kill", "nosuch"),
        ("agent-start", "nosuch"),
        ("logs", "nosuch"),
        ("image", "nosuch", "busybox"),
        ("up", "nosuch"),
        ("up", "host-a", "nosuch"),
        ("exec", "../host-a", "true"),
    ],
)
def test_an_unknown_host_is_answered_with_the_known_ones(
    capsys: pytest.CaptureFixture[str], argv: Sequence[str]
) -> None:
    printed = usage_error(capsys, *argv)

    assert all(name in printed for name in inventory.NAMES)


@pytest.mark.parametrize("argv", [(), ("nosuch",), ("exec",), ("reboot",), ("down", "host-a")])
def test_an_incomplete_command_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], argv: Sequence[str]
) -> None:
    assert "usage: ./lab" in usage_error(capsys, *argv)


def test_an_unknown_image_is_answered_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    printed = usage_error(capsys, "image", "host-a", "nosuch")

    assert all(name in printed for name in RECIPES)


def test_kubectl_without_a_lab_says_how_to_get_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(paths, "KUBECONFIG", tmp_path / "kubeconfig")

    assert main(["kubectl", "get", "nodes"]) == 1

    assert capsys.readouterr().err == "lab: the lab is not up: run './lab up'\n"


@pytest.mark.parametrize(
    "failure",
    [
        RuntimeError("host-a does not boot"),
        CommandFailed(["mkfs"], 1, "no space left"),
        subprocess.TimeoutExpired(["podman"], 3),
        PermissionError(13, "Permission denied"),
    ],
)
def test_a_failure_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def down() -> None:
        raise ExceptionGroup("incomplete", [failure, RuntimeError("and another one")])

    monkeypatch.setattr(lifecycle, "down", down)

    assert main(["down"]) == 1

    assert capsys.readouterr().err == f"lab: {failure}\nlab: and another one\n"


def test_a_mistake_in_the_lab_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise ExceptionGroup("incomplete", [RuntimeError("expected"), AssertionError("a mistake")])

    monkeypatch.setattr(lifecycle, "down", down)

    with pytest.raises(ExceptionGroup):
        main(["down"])


def lab(*argv: str, stdin: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return run(LAUNCHER, *argv, check=False, stdin=stdin, cwd=cwd)


@pytest.mark.lab
class TestOnTheLab:
    """With the launcher, as people run it."""

    def test_it_works_from_any_folder_and_through_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "tests").mkdir()
        (tmp_path / "tests" / "__init__.py").write_text("raise SystemExit('the wrong tests')")
        (tmp_path / "lab").symlink_to(LAUNCHER)

        done = run(tmp_path / "lab", "status", cwd=tmp_path)

        assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [*inventory.NAMES]

    def test_kubectl_reads_files_where_the_caller_stands(self, tmp_path: Path) -> None:
        (tmp_path / "claim.yaml").write_text(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: from-a-file}}"
        )

        done = lab("kubectl", "apply", "--dry-run=server", "-f", "claim.yaml", cwd=tmp_path)

        assert done.stdout == "configmap/from-a-file created (server dry run)\n"

    def test_kubectl_reads_standard_input(self) -> None:
        manifest = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "piped"}}'

        done = lab("kubectl", "apply", "--dry-run=server", "-f", "-", stdin=manifest)

        assert done.stdout == "configmap/piped created (server dry run)\n"

    def test_kubectls_options_and_exit_status_are_its_own(self) -> None:
        assert lab("kubectl", "--namespace", "default", "get", "nosuch").returncode == 1
        assert "kubectl controls" in lab("kubectl", "--help").stdout

    @pytest.mark.parametrize("status", [0, 1, 2, 7, 125])
    def test_the_exit_status_in_a_host_is_passed_on(self, status: int) -> None:
        done = lab("exec", "host-a", "sh", "-c", f"exit {status}")

        assert done.returncode == status

    def test_words_and_input_reach_the_host_untouched(self) -> None:
        words = ["a b", "$HOME", "--help", "", "it's", "ü"]

        done = lab("exec", "host-a", "--", "sh", "-c", 'printf "%s|" "$@"; cat', "sh", *words,
                   stdin="input\n")  # fmt: skip

        assert done.stdout == "|".join(words) + "|input\n"

    def test_output_and_errors_stay_apart(self) -> None:
        done = lab("exec", "host-b", "sh", "-c", "hostname; echo problem >&2")

        assert (done.stdout, done.stderr) == ("host-b\n", "problem\n")

    def test_a_terminal_is_passed_on(self) -> None:
        """With ``script`` as the terminal that the command is typed into."""
        command = f"{LAUNCHER} exec host-a sh -c 'test -t 0 && test -t 1 && echo terminal'"

        done = run("script", "--quiet", "--return", "--command", command, os.devnull)

        assert done.stdout.strip() == "terminal"

    def test_exec_without_a_command_is_a_usage_error(self) -> None:
        done = lab("exec", "host-a")

        assert done.returncode == 2
        assert done.stderr == "lab: say what to run: ./lab exec host-a CMD…\n"

    def test_only_a_virtual_host_can_boot_another_kernel(self) -> None:
        boot = lab("exec", "host-a", "stat", "--format=%Y", "/run").stdout

        done = lab("reboot", "host-a", "--kernel", "new")

        assert done.returncode == 2
        assert "leave --kernel out" in done.stderr
        assert lab("exec", "host-a", "stat", "--format=%Y", "/run").stdout == boot

    def test_up_is_harmless_when_all_is_up(self) -> None:
        assert lab("up").returncode == 0
        before = lab("status").stdout

        done = lab("up")

        assert (done.returncode, done.stdout) == (0, before)
