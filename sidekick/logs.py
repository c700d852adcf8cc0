"""How sidekick logs: a constant sentence, then its variables; to stderr, as text or as JSON."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Literal

from sidekick.section import Section

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_LONGEST = 2000
_QUIET = dict.fromkeys(
    ("uvicorn", "uvicorn.error", "aiokafka", "boto3", "botocore", "slack_sdk", "asyncio", "httpx"),
    logging.WARNING,
) | {"elastic_transport": logging.ERROR}
"""The least severe lines of libraries. Elasticsearch's client warns of each failed try with a
traceback; the lane tells of it in a sentence."""


class LoggingConfig(Section):
    """The service's own log lines, on stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """The least severe lines that are written."""
    format: Literal["text", "json"] = "text"
    """`text` for people, `json` for log collectors: an object a line."""


def set_up(config: LoggingConfig) -> None:
    """Log to stderr as configured; libraries only from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if config.format == "json" else TextLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level.upper())
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))


class TextLines(logging.Formatter):
    """``2026-01-01T00:00:00.000Z warning: delivery failed lane=slack error="..."``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; more only for a traceback."""
        pairs = "".join(f" {k}={_plain(v)}" for k, v in _extra(record).items())
        line = f"{_time(record)} {record.levelname.lower()}: {_safe(record.getMessage())}{pairs}"
        if record.exc_info:
            # Indented, for what an exception says may come from outside, too.
            traceback = self.formatException(record.exc_info).splitlines()
            line = "\n  ".join([line, *map(_safe, traceback)])
        return line


class JsonLines(logging.Formatter):
    """An object a line, with ``time``, ``level``, ``logger``, ``message`` and the variables."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, always."""
        line = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        } | _extra(record)
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {k: v for k, v in vars(record).items() if k not in _STANDARD}


def _time(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: object) -> str:
    text = _safe(str(value))
    return text if text and not set(text) & set(' "=') else json.dumps(text)


def _safe(text: str) -> str:
    """No control characters: what a sender wrote must not steer a terminal or forge a line."""
    return "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:_LONGEST])
