"""Events from a file or standard input, one JSON object a line; bad lines are told, and passed."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import click
import msgspec

from sidekick.rule_packs import SHIPPED
from sidekick.rules.event_types import PLUGIN_EVENT
from sidekick.rules.falco_fields import SOURCES
from sidekick.rules.fields import FieldRegistry
from sidekick.rules.neutral import BadEvent, NeutralEvent, read_event, time_of

LONGEST_LINE = 16 * 1024 * 1024


def rules_and_events(first: Sequence[Path], paths: Sequence[Path]) -> tuple[list[Path], Path]:
    """The rule files, and the file of events ("-": standard input), in whatever order they came.

    ``first`` are certainly rules. Among ``paths``, folders, YAML files and packs are rules too.
    """
    rules = list(first)
    events: list[Path] = []
    for path in paths:
        (rules if _is_of_rules(path) else events).append(path)
    return [*rules, *events[:-1]], events[-1] if events else Path("-")


def _is_of_rules(path: Path) -> bool:
    return path.suffix in (".yaml", ".yml") or path.parts[:1] == (SHIPPED,) or path.is_dir()


class Events:
    """The events of a file ("-": standard input). ``bad`` counts the lines that are none.

    Iterating gives for each line that is not blank an event, or None for a bad one, which was told
    on standard error with its place. ``live``: they come while somebody waits for the answers.
    """

    def __init__(self, path: Path, sources: Mapping[str, FieldRegistry] = SOURCES) -> None:
        self.bad = 0
        self.live = str(path) == "-"
        self._name = "<stdin>" if self.live else str(path)
        self._path = path
        self._line = 0
        self._sources = sources

    def __iter__(self) -> Iterator[NeutralEvent | None]:
        with nullcontext(sys.stdin.buffer) if self.live else self._path.open("rb") as file:
            for self._line, line in enumerate(_lines(file), 1):
                if line is None or line.strip():
                    yield self._event(line)

    def refuse(self, reason: str) -> None:
        """Tell that the line that was read last is bad."""
        from sidekick.cli._text import safe

        self.bad += 1
        click.echo(f"{safe(self._name)}:{self._line}: {safe(reason)}", err=True)

    def _event(self, line: bytes | None) -> NeutralEvent | None:
        try:
            if line is None:
                raise BadEvent(f"the line is longer than {LONGEST_LINE} bytes")
            return decode(line, self._line, self._sources)
        except BadEvent as fault:
            self.refuse(str(fault))
            return None


def decode(line: bytes, number: int, sources: Mapping[str, FieldRegistry]) -> NeutralEvent:
    """The event of a line; raises BadEvent."""
    try:
        event = json.loads(line)
        if not isinstance(event, dict):
            raise BadEvent("wanted an object with fields, found other JSON")
        if isinstance(event.get("payload"), dict):
            # The text as it came: numbers and objects in it are printed as they were written.
            event["payload"] = msgspec.json.decode(line, type=_Audit).payload
        elif "auditID" in event:  # a line of an API server's audit log
            event = {"payload": msgspec.Raw(line.strip())}
        return event_of(event, number, sources)
    except (ValueError, msgspec.DecodeError) as fault:
        raise BadEvent(f"not JSON: {fault}") from None
    except RecursionError:
        raise BadEvent("it is nested too deep") from None


class _Audit(msgspec.Struct):
    payload: msgspec.Raw


def event_of(
    event: Mapping[str, Any], number: int, sources: Mapping[str, FieldRegistry]
) -> NeutralEvent:
    """The event of a decoded object; raises BadEvent."""
    if isinstance(text := event.get("time"), str) and not text.isdigit():
        event = {**event, "time": _nanoseconds(text)}
    if (payload := event.get("payload")) is not None:
        return _audit_event(event, payload, number)
    return read_event(event, number, sources)


def _audit_event(event: Mapping[str, Any], payload: Any, number: int) -> NeutralEvent:
    from sidekick.audit.record import SOURCE, record_of
    from sidekick.errors import InvalidAlert

    if event.get("source", SOURCE) != SOURCE:
        raise BadEvent(f'"source": a payload is for {SOURCE}, found {str(event["source"])[:60]}')
    if not isinstance(payload, dict | msgspec.Raw):
        raise BadEvent('"payload": wanted an audit event, as an object')
    try:
        record = record_of(payload if isinstance(payload, dict) else bytes(payload), number)
    except InvalidAlert as fault:
        raise BadEvent(f'"payload": {fault}') from None
    time_ns = time_of(event["time"]) if "time" in event else record.time_ns
    return NeutralEvent(SOURCE, PLUGIN_EVENT, time_ns, record)


def _nanoseconds(text: str) -> int:
    from sidekick.rfc3339 import nanoseconds

    try:
        return nanoseconds(text)
    except ValueError as fault:
        raise BadEvent(f'"time": {fault}; wanted that, or ns since 1970') from None


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """The lines; None for one that is too long."""
    while line := file.readline(LONGEST_LINE + 1):
        if len(line) <= LONGEST_LINE:
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
        yield None
