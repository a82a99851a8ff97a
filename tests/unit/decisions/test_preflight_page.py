"""``docs/preflight.md`` tells of every check that the code makes, and of no other."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import podman_checkpoint_operator
from podman_checkpoint_operator.api.checks import CheckName
from tests.unit.criu.reasons_page import meanings
from tests.unit.decisions.preflight_page import PAGE, render

PACKAGE = Path(podman_checkpoint_operator.__file__).parent
MAKERS = ("passed", "warned", "failed")


def names() -> Iterator[str]:
    """Yield the name of each check that is made anywhere."""
    for path in (PACKAGE / "decisions").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Name(id=maker), args=[name, *_]) if maker in MAKERS:
                    assert isinstance(name, ast.Constant), f"{path.name}:{node.lineno}"
                    yield str(name.value)


def test_every_check_that_is_made_has_a_meaning_and_no_other() -> None:
    assert set(names()) == {str(name) for name in CheckName}, "complete api/checks.py"
    assert set(meanings(CheckName)) == {name.name for name in CheckName}


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text() == render(), "run `make docs` and commit docs/preflight.md"
