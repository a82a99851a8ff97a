"""Remedies by which fields of a resource are set, in words for whoever can set them.

Of a resource that a drain has made, nobody can set a field. There a remedy names where the drain
has the field from: the PodmanHost, or a label of the container; or else how to do without a drain.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, Self

from .names import CHECKPOINTS, DRAIN_OPTIONS, HOSTS

_OF_HOST: Final = re.compile(r"\bspec\.(timeoutSeconds|ghostLimit)\b")
"""What the field ``spec.drain`` of the host has under the same names."""


_ANEW: Final = re.compile(
    r"\b(c)reate (?:the (?:checkpoint|restore|resource) (?:again|anew)"
    r"|a new (?:checkpoint|ContainerCheckpoint))",
    re.IGNORECASE,
)
"""What a drain does by itself, as soon as what has failed is gone."""


class Setting(str):
    """A remedy that sets fields of a resource; as a string it is for who has made the resource.

    Args:
        fields: what is to be set, such as ``spec.fileLocks: true``, to complete "set ...".
        rather: another way, which is better.
        otherwise: another way.
        because: sentences that go before.
    """

    __slots__ = ("_because", "_fields", "_otherwise", "_rather")

    _because: str
    _fields: str
    _otherwise: str
    _rather: str

    def __new__(
        cls, fields: str, *, rather: str = "", otherwise: str = "", because: str = ""
    ) -> Self:
        """Compose the text for who has made the resource."""
        self = super().__new__(cls, _prose(because, rather, f"set {fields}", otherwise))
        self._because, self._fields = because, fields
        self._otherwise, self._rather = otherwise, rather
        return self

    def changed(self, change: Callable[[str], str]) -> Setting:
        """Return it with each of its parts changed."""
        return Setting(
            change(self._fields),
            rather=change(self._rather),
            otherwise=change(self._otherwise),
            because=change(self._because),
        )

    def in_drain(self, kind: str) -> str:
        """Return the remedy for a resource of a kind that a drain has made."""
        ways = [self._rather]
        if _OF_HOST.search(self._fields):
            fields = _OF_HOST.sub(r"spec.drain.\1", self._fields)
            ways += [f"in the {HOSTS.kind} set {fields}", self._otherwise]
        elif kind == CHECKPOINTS.kind:
            own = f"save it by a {kind} of your own with {self._fields}"
            goes_on = "the drain goes on when it does not run any more"
            ways += [self._otherwise, *self._labels(), f"{own}: {goes_on}"]
        else:
            own = f"restore it by a {kind} of your own with {self._fields}"
            ways += [self._otherwise, own]
        return _prose(self._because, *ways)

    def _labels(self) -> list[str]:
        return [
            f"create the container anew without its label {label}"
            for label, field in DRAIN_OPTIONS.items()
            if f"spec.{field}" in self._fields
        ]


def changed(remedy: str, change: Callable[[str], str]) -> str:
    """Return a remedy with its text changed, or each part of it."""
    return remedy.changed(change) if isinstance(remedy, Setting) else change(remedy)


def in_drain(remedy: str, kind: str) -> str:
    """Return a remedy in words for a resource of a kind that a drain has made."""
    told = remedy.in_drain(kind) if isinstance(remedy, Setting) else remedy
    delete = f"elete this {kind}, so that the drain makes another"
    return _ANEW.sub(lambda found: ("d" if found[1] == "c" else "D") + delete, told)


def _prose(because: str, *ways: str) -> str:
    """Return what is to be done; a full stop ends it where there are several sentences."""
    text = ", or ".join(filter(None, ways))
    text = f"{text[0].upper()}{text[1:]}"
    return f"{because} {text}." if because else text


MORE_TIME: Final = Setting("spec.timeoutSeconds higher; the time grows with the container's memory")
"""Where the time limit has ended an operation."""
