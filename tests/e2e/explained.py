"""What every failure must show: the same cause everywhere, evidence, and what to do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from tests.e2e.support import condition
from tests.lab.kubectl import kubectl
from tests.lab.waiting import wait_until

if TYPE_CHECKING:
    from tests.e2e.support import Object

_PYTHON: Final = re.compile(
    r"Traceback|File \"/|Error\(|Exception|<[a-z_.]+ object|\bNone\b|\[Errno|PosixPath|b'"
)
_PUNCTUATION: Final = re.compile(r"\.\.(\s|$)|\s\.\s|[:;,]\.(\s|$)")


def require_failed(thing: Object, cause: str, *, remedy: str, evidence: str = "") -> dict[str, Any]:
    """Wait for a failure, see it explained by conditions, event and diagnosis; return the status.

    Args:
        thing: what is to fail.
        cause: why, as in ``status.diagnosis.cause``.
        remedy: a part of the remedy, such as the field to set.
        evidence: a part of the evidence.
    """
    status = thing.wait_failed(cause)
    ready, stalled = condition(status, "Ready"), condition(status, "Stalled")
    assert (ready["status"], ready["reason"]) == ("False", cause)
    assert (stalled["status"], stalled["reason"]) == ("True", cause)
    assert not condition(status, "Reconciling")
    assert ready["observedGeneration"] == status["observedGeneration"] == 1
    assert status["completionTime"] >= status["startTime"]
    diagnosis = status["diagnosis"]
    assert evidence in diagnosis["evidence"]
    assert diagnosis["evidence"].strip()
    assert remedy in diagnosis["remedy"]
    wait_until(lambda: _warnings(thing, cause), f"a Warning event {cause}")
    for text in (ready["message"], stalled["message"], *_warnings(thing, cause)):
        assert remedy in text
        assert evidence in text
        _require_readable(text)
    _require_readable(diagnosis["evidence"] + " " + diagnosis["remedy"])
    return status


def require_described(thing: Object, *words: str) -> None:
    """See that ``kubectl describe`` is enough: it shows these words, and nothing of Python."""
    shown = kubectl("describe", *thing.words()).stdout
    for word in words:
        assert word in shown
    assert not _PYTHON.search(shown), shown


def _warnings(thing: Object, cause: str) -> list[str]:
    return [
        event.message or ""
        for event in thing.events()
        if event.type == "Warning" and event.reason == cause
    ]


def _require_readable(text: str) -> None:
    assert not _PYTHON.search(text), text
    assert not _PUNCTUATION.search(text), text
