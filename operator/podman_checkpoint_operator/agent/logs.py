"""Logging: one line for people, or one JSON object for machines, with the same fields.

What a line is about need not be said by who logs it: the resource comes from
:mod:`..reconcilers.subject`, and with kopf's own records from what kopf attaches to them.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from ..api.names import CHECKPOINTS, RESTORES
from ..reconcilers.subject import subject

_KNOWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OPERATIONS: Final = {CHECKPOINTS.kind: "checkpoint", RESTORES.kind: "restore"}
_LIBRARIES: Final = ("kopf", "asyncio", "urllib3", "kubernetes", "podman", "aiohttp")
_SEVERITIES: Final = {"WARNING": "warn", "CRITICAL": "fatal"}
"""Where kopf's JSON has another name than :mod:`logging`."""

_API_ERROR: Final = re.compile(r"-> API\w*Error\((?:'|\")(.*?)(?:'|\"), \{.*", re.DOTALL)
_CONNECTION: Final = re.compile(r"ConnectionKey\(.*?\), ")

logger = logging.getLogger(__name__)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the extra fields of a record: those that ``logging`` does not put there itself."""
    # kopf attaches whole resources and settings under names of its own.
    return {
        name: value
        for name, value in vars(record).items()
        if name not in _KNOWN and not name.startswith(("k8s_", "settings", "about"))
    }


def _about(record: logging.LogRecord) -> Mapping[str, str]:
    """Return a reference to the resource that a record is about; empty if it is about none."""
    found: Mapping[str, str] = vars(record).get("about") or vars(record).get("k8s_ref") or {}
    return found


def _take_subject(record: logging.LogRecord) -> bool:
    """Attach what the work is for while it is known: a record may be formatted elsewhere."""
    resource = subject()
    if resource is not None:
        record.about = resource.reference
    return True


class JsonFormatter(logging.Formatter):
    """One object a line, in the shape of kopf's: see docs/monitoring.md."""

    def __init__(self, *, node: str = "") -> None:
        super().__init__()
        self._node = node

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        about = _about(record)
        line: dict[str, Any] = {
            "severity": _SEVERITIES.get(record.levelname, record.levelname.lower()),
            "timestamp": _moment(record, "microseconds"),
            "message": record.getMessage(),
            "logger": record.name,
        }
        if self._node:
            line["node"] = self._node
        if about:
            line["object"] = dict(about)
            line["operation"] = _OPERATIONS.get(about.get("kind", ""), "")
        line |= _fields(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Time, severity, message, and ``name=value`` of the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        fields = _fields(record)
        if about := _about(record):
            fields["resource"] = f"{about['kind']} {about['namespace']}/{about['name']}"
            fields["uid"] = about["uid"]
        shown = "".join(f" {name}={_quoted(value)}" for name, value in fields.items())
        line = f"{_moment(record, 'milliseconds')} {record.levelname} {record.getMessage()}{shown}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def _moment(record: logging.LogRecord, precision: str) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec=precision)


def _quoted(value: Any) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[\s"=]', text) else text


def _without_internals(record: logging.LogRecord) -> bool:
    """Cut kopf's records down to what says something to an administrator."""
    if record.name.startswith(("kopf", "asyncio")):
        record.exc_info = record.exc_text = None
        text = _API_ERROR.sub(r"-> \1", record.getMessage())
        record.msg, record.args = _CONNECTION.sub("", text), None
    return True


def configure(*, json_lines: bool, level: str, node: str = "") -> None:
    """Send all logs to standard error; kopf and the libraries only what is worth attention."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(_take_subject)
    if level != "DEBUG":
        handler.addFilter(_without_internals)
    handler.setFormatter(JsonFormatter(node=node) if json_lines else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    if json_lines:
        _log_what_python_prints()


def _log_what_python_prints() -> None:
    """Have warnings and tracebacks in the log, too, where each line is to be an object."""
    logging.captureWarnings(True)

    def in_thread(arguments: threading.ExceptHookArgs) -> None:
        error = arguments.exc_value
        logger.critical("a thread ended", exc_info=error)

    sys.excepthook = lambda _, error, __: logger.critical("the program ends", exc_info=error)
    threading.excepthook = in_thread
