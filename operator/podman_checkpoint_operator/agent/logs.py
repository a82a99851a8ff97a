"""Logging: one line for people, or one JSON object for machines, with the same fields."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

_KNOWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


_API_ERROR: Final = re.compile(r"-> API\w*Error\((?:'|\")(.*?)(?:'|\"), \{.*", re.DOTALL)
_CONNECTION: Final = re.compile(r"ConnectionKey\(.*?\), ")


class _Fields:
    """The extra fields of a record: those that ``logging`` does not put there itself."""

    @staticmethod
    def of(record: logging.LogRecord) -> dict[str, Any]:
        # kopf attaches whole resources and settings under names of its own.
        return {
            name: value
            for name, value in vars(record).items()
            if name not in _KNOWN and not name.startswith(("k8s_", "settings"))
        }


class JsonFormatter(logging.Formatter):
    """One object a line: severity, timestamp, message and the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "severity": record.levelname.lower(),
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "logger": record.name,
            "message": record.getMessage(),
            **_Fields.of(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """Time, severity, message, and ``name=value`` of the record's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = "".join(f" {name}={_quoted(value)}" for name, value in _Fields.of(record).items())
        line = f"{moment} {record.levelname} {record.getMessage()}{fields}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


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


def configure(*, json_lines: bool, level: str) -> None:
    """Send all logs to standard error; kopf and the libraries only what is worth attention."""
    handler = logging.StreamHandler(sys.stderr)
    if level != "DEBUG":
        handler.addFilter(_without_internals)
    handler.setFormatter(JsonFormatter() if json_lines else TextFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in ("kopf", "asyncio", "urllib3", "kubernetes", "podman", "aiohttp"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level)))
