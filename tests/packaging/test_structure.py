"""The product keeps the shape that its readers rely on: short modules, thin handlers, no secrets.

Not here: the direction of imports (import-linter) and the style (ruff).
"""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Final

import pytest

from tests.lab.paths import CHECKOUT
from tests.lab.shell import run

MOST_MODULE_LINES: Final = 300
MOST_HANDLER_LINES: Final = 20
TRACKED: Final = tuple(
    CHECKOUT / name for name in run("git", "ls-files", cwd=CHECKOUT).stdout.splitlines()
)
PRODUCT: Final = tuple(
    path
    for path in TRACKED
    if path.suffix == ".py" and path.is_relative_to(CHECKOUT / "operator") and path.exists()
)
# Where a package comes from is the business of the machine that installs it. Locked requirements
# name no registry, and neither may anything else. Written so that this file does not match.
REGISTRIES: Final = re.compile(
    r"https?://[a-z0-9.-]*(?:pypi\.|pythonhosted|proxy\.golang|goproxy|deb\.debian|artifactory)"
    r"|--(?:extra-)?index-url[= ]h",
    re.IGNORECASE,
)
MACHINE_PATHS: Final = re.compile(r"(?<![\w.<>*-])/(?:home/[a-z]|work/|tmp/[a-z0-9_]+/|Users/)")


def name_of(path: Path) -> str:
    return str(path.relative_to(CHECKOUT))


def test_operator_is_not_a_package() -> None:
    """It would hide the standard library's module of that name in the checkout."""
    assert not (CHECKOUT / "operator/__init__.py").exists()


@pytest.mark.parametrize("module", PRODUCT, ids=name_of)
def test_modules_fit_into_a_head(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) < MOST_MODULE_LINES


@pytest.mark.parametrize("module", PRODUCT, ids=name_of)
def test_modules_say_what_they_are_for(module: Path) -> None:
    docstring = ast.get_docstring(ast.parse(module.read_bytes()))
    assert docstring
    assert len(docstring.splitlines()[0]) > 8


def test_handlers_are_thin() -> None:
    handlers = CHECKOUT / "operator/podman_checkpoint_operator/handlers"
    nested = [
        (name_of(path), node)
        for path in handlers.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.AsyncFunctionDef)
    ]
    assert nested
    for where, handler in nested:
        first = min([handler.lineno, *(each.lineno for each in handler.decorator_list)])
        lines = (handler.end_lineno or first) - first + 1
        assert lines < MOST_HANDLER_LINES, f"{where}: {handler.name} has {lines} lines"


def texts() -> list[tuple[str, str]]:
    found = []
    for path in TRACKED:
        try:
            found.append((name_of(path), path.read_text(encoding="utf-8")))
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue
    return found


@pytest.mark.parametrize("forbidden", [REGISTRIES, MACHINE_PATHS], ids=["registries", "paths"])
def test_no_file_knows_the_machine_it_was_written_on(forbidden: re.Pattern[str]) -> None:
    found = [
        f"{name}: {match.group()}"
        for name, text in texts()
        if name != name_of(Path(__file__))
        for match in forbidden.finditer(text)
    ]
    assert not found
