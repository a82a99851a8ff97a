"""What a hold and an agent tell each other, through kills and boots."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from podman_checkpoint_operator.decisions.shutdown import Answer
from podman_checkpoint_operator.host.shutdown_files import ShutdownFiles

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = Answer(safe=("a",), waiting=("b",), lost={"c": "it was started with --rm"})


@pytest.fixture
def files(tmp_path: Path) -> ShutdownFiles:
    return ShutdownFiles(tmp_path, lambda: "boot-1")


def test_a_request_is_seen_and_answered_by_others(files: ShutdownFiles, tmp_path: Path) -> None:
    agent = ShutdownFiles(tmp_path, lambda: "boot-1")
    assert agent.requested() is None

    request = files.ask()
    assert agent.requested() == request
    assert files.answered(request) is None
    for answer in (ANSWER, Answer(trouble="no API server"), Answer()):
        agent.answer(request, answer)
        assert files.answered(request) == answer


def test_a_request_ends_when_it_is_withdrawn(files: ShutdownFiles) -> None:
    assert not files.withdraw()
    files.ask()
    assert files.withdraw()
    assert files.requested() is None


def test_a_request_ends_with_its_boot(files: ShutdownFiles, tmp_path: Path) -> None:
    files.ask()
    after = ShutdownFiles(tmp_path, lambda: "boot-2")
    assert after.requested() is None
    assert not after.withdraw()
    assert files.requested() is None


def test_an_answer_is_for_one_request(files: ShutdownFiles) -> None:
    before = files.ask()
    files.answer(before, ANSWER)
    files.withdraw()
    assert files.answered(files.ask()) is None


@pytest.mark.parametrize("content", ["", "{", "[]", "null"])
def test_damaged_files_ask_and_tell_nothing(
    files: ShutdownFiles, tmp_path: Path, content: str
) -> None:
    request = files.ask()
    files.answer(request, ANSWER)
    for path in (tmp_path / "shutdown").iterdir():
        path.write_text(content)
    assert files.requested() is None
    assert files.answered(request) is None
    assert files.answered(files.ask()) is None


def test_the_same_answer_is_written_once(files: ShutdownFiles, tmp_path: Path) -> None:
    request = files.ask()
    files.answer(request, ANSWER)
    before = (tmp_path / "shutdown/answer.json").stat().st_ino
    files.answer(request, ANSWER)
    assert (tmp_path / "shutdown/answer.json").stat().st_ino == before
