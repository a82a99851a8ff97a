"""What is advised against a failure can be done, also where a drain has made the resource.

The remedies are those of the whole product, as its sources have them; ``…`` stands for what is only
known when something has failed.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from podman_checkpoint_operator.api.checkpoint import CheckpointSpec
from podman_checkpoint_operator.api.host import DrainSpec, HostSpec
from podman_checkpoint_operator.api.names import CHECKPOINTS, RESTORES
from podman_checkpoint_operator.api.reasons import Cause
from podman_checkpoint_operator.api.remedies import Setting, in_drain
from podman_checkpoint_operator.api.restore import RestoreSpec
from podman_checkpoint_operator.criu.catalogue import CATALOGUE
from tests.lab.paths import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from podman_checkpoint_operator.api.common import ApiModel

PACKAGE: Final = CHECKOUT / "operator/podman_checkpoint_operator"
EXPLAINING: Final = ("archive", "criu", "decisions", "host", "podman", "reconcilers", "stores")
"""The parts of the product in which operations fail."""
FIELD: Final = re.compile(r"\bspec\.(?:drain\.)?([A-Za-z]+)")
OWN: Final = " of your own with "
PLAIN: Final = (
    # What the user makes who reads it, or what is asked of the host.
    "a ContainerRestore with spec.source.containerRef brings it back",
    "verify it by a new ContainerRestore with spec.existingContainer: Adopt",
    "have an administrator take spec.requireNamespaceLabel off the PodmanHost",
    "The host's agent does not know spec.drain.policy …, and drains nothing",
    # What is no remedy of an operation.
    "It begins when spec.suspend is set to false",
    "Correct spec.nodeName in a new resource",
    "spec.ignoreVolumes is set",
    "spec.archive.bindMounts is Exclude",
    "hooks and spec.verify need",
)
"""Texts that name a field, and are right wherever the resource comes from."""


def fields(model: type[ApiModel]) -> set[str]:
    return set(model.model_json_schema(by_alias=True)["properties"])


ALL: Final = fields(CheckpointSpec) | fields(RestoreSpec)


class Found(NamedTuple):
    """A text of the product's sources, or a remedy there that sets fields."""

    where: str
    text: str


def literal(node: ast.AST) -> str:
    """Return a text as it is in the sources."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=values):
            return "".join(map(literal, values))
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return literal(left) + literal(right)
    return "…"


def found_in(tree: ast.AST, where: str) -> Iterator[Found]:
    """Yield what is below a node: remedies that set fields as such, all else as plain texts."""
    match tree:
        case ast.Expr(value=ast.Constant()):
            return  # a docstring
        case ast.Call(func=ast.Name(id="Setting"), args=[what], keywords=keywords):
            others = {str(each.arg): literal(each.value) for each in keywords}
            yield Found(where, Setting(literal(what), **others))
            for each in keywords:
                yield Found(where, literal(each.value))
            return
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield Found(where, literal(tree))
            return
    for child in ast.iter_child_nodes(tree):
        yield from found_in(child, where)


TEXTS: Final = [
    each
    for part in EXPLAINING
    for path in sorted((PACKAGE / part).rglob("*.py"))
    for each in found_in(ast.parse(path.read_bytes()), str(path.relative_to(PACKAGE)))
]
SETTINGS: Final = [each for each in TEXTS if isinstance(each.text, Setting)]


def require_settable(remedy: str) -> None:
    """See that a text in a drain names no field that its reader cannot set."""
    shown = remedy.partition(OWN)[0]
    for field in FIELD.finditer(shown):
        assert field[0].startswith("spec.drain."), remedy
        assert field[1] in fields(DrainSpec), remedy
        assert "in the podmanhost set" in shown.lower(), remedy


@pytest.mark.parametrize("kind", [CHECKPOINTS.kind, RESTORES.kind])
def test_no_remedy_of_a_drain_names_what_its_user_cannot_set(kind: str) -> None:
    assert len(SETTINGS) > 40
    for found in SETTINGS:
        require_settable(in_drain(found.text, kind))


@pytest.mark.parametrize("cause", Cause)
def test_no_row_of_the_catalogue_does(cause: Cause) -> None:
    for entry in (each for rows in CATALOGUE.values() for each in rows if each.cause is cause):
        for kind in (CHECKPOINTS.kind, RESTORES.kind):
            require_settable(in_drain(entry.remedy, kind))


def test_no_other_text_names_a_field() -> None:
    for where, text in TEXTS:
        if isinstance(text, Setting) or " " not in text or not FIELD.search(text):
            continue
        assert any(plain in " ".join(text.split()) for plain in PLAIN), f"{where}: {text}"


@pytest.mark.parametrize("kind", [CHECKPOINTS.kind, RESTORES.kind])
def test_nobody_is_to_make_what_a_drain_makes(kind: str) -> None:
    for where, text in TEXTS:
        told = in_drain(" ".join(text.split()) if type(text) is str else text, kind).lower()
        made = "create (the|a new) (container)?(checkpoint|restore|resource)(?! in| under)"
        assert not re.search(made, told), f"{where}: {told}"


def test_every_field_that_a_remedy_names_is_there() -> None:
    for where, text in TEXTS:
        for field in FIELD.finditer(text) if " " in text else ():
            known = fields(DrainSpec) | {"drain"} if "spec.drain." in field[0] else ALL
            assert field[1] in known | fields(HostSpec), f"{where}: {text}"


LOCKS: Final = Setting("spec.fileLocks: true", otherwise="end the process")


def test_it_is_a_text_for_who_has_made_the_resource() -> None:
    assert LOCKS == "Set spec.fileLocks: true, or end the process"
    assert Setting("spec.name", rather="remove it", because="It is there.") == (
        "It is there. Remove it, or set spec.name."
    )


@pytest.mark.parametrize(
    ("remedy", "kind", "told"),
    [
        (
            LOCKS,
            CHECKPOINTS.kind,
            "End the process, or create the container anew without its label"
            " podman-checkpoint.dev/drain-file-locks, or save it by a ContainerCheckpoint of your"
            " own with spec.fileLocks: true: the drain goes on when it does not run any more",
        ),
        (
            LOCKS,
            RESTORES.kind,
            "End the process, or restore it by a ContainerRestore of your own with"
            " spec.fileLocks: true",
        ),
        (
            Setting("spec.ghostLimit.max: 4Gi or more", because="It is large."),
            CHECKPOINTS.kind,
            "It is large. In the PodmanHost set spec.drain.ghostLimit.max: 4Gi or more.",
        ),
        (
            Setting("spec.timeoutSeconds higher"),
            RESTORES.kind,
            "In the PodmanHost set spec.drain.timeoutSeconds higher",
        ),
        ("Free some room", RESTORES.kind, "Free some room"),
        (
            "Create the checkpoint again. Or start it, and create a new ContainerCheckpoint",
            CHECKPOINTS.kind,
            "Delete this ContainerCheckpoint, so that the drain makes another. Or start it, and"
            " delete this ContainerCheckpoint, so that the drain makes another",
        ),
        (
            "Free space there, and create the resource anew",
            RESTORES.kind,
            "Free space there, and delete this ContainerRestore, so that the drain makes another",
        ),
    ],
)
def test_in_a_drain(remedy: str, kind: str, told: str) -> None:
    assert in_drain(remedy, kind) == told
