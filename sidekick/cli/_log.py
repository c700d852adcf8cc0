"""Reading alerts, dead letters and the quarantine: from a hub, or from the log itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import click

from sidekick.cli._api import Api

if TYPE_CHECKING:
    from sidekick.hub.archive import Archive
    from sidekick.hub.view import DeadLetter, Entry, Quarantined


class Log(Protocol):
    """What can be read of an alert log; times as people write them, lists newest first.

    ``find`` raises ``click.ClickException`` when there is no such alert.
    """

    def search(self, match: str, since: str, until: str, limit: int) -> Sequence[Entry]: ...

    def find(self, id: str) -> Entry: ...

    def dead_letters(
        self, lane: str | None, limit: int, id: str | None = None
    ) -> Sequence[DeadLetter]: ...

    def quarantined(self, limit: int) -> Sequence[Quarantined]: ...


@contextmanager
def log_of(api: Api, state: Path | None) -> Iterator[Log]:
    """The log in that folder, or for None the one of the hub."""
    if state is None:
        yield _HubLog(api)
    else:
        with open_log(state) as log:
            yield log


@contextmanager
def open_log(state: Path) -> Iterator[Log]:
    """The log in a state directory, read-only; also while a hub runs on it."""
    from sidekick.hub.archive import Archive

    try:
        archive = Archive(state)
    except (FileNotFoundError, sqlite3.Error) as error:
        raise click.ClickException(f"{state}: no alert log can be read here ({error})") from None
    try:
        yield _FileLog(archive)
    except sqlite3.Error as error:
        raise click.ClickException(f"{state}: the alert log cannot be read: {error}") from None
    finally:
        archive.close()


class _HubLog:
    def __init__(self, api: Api) -> None:
        self._api = api

    def search(self, match: str, since: str, until: str, limit: int) -> Sequence[Entry]:
        from sidekick.web.replies import Found

        wanted = {"match": match, "since": since, "until": until, "limit": limit}
        return self._api.get("/alerts", Found, **wanted).alerts

    def find(self, id: str) -> Entry:
        from urllib.parse import quote

        from sidekick.hub.view import Entry

        return self._api.get(f"/alerts/{quote(id, safe='')}", Entry)

    def dead_letters(
        self, lane: str | None, limit: int, id: str | None = None
    ) -> Sequence[DeadLetter]:
        from sidekick.web.replies import DeadLetters

        wanted = {"limit": limit} | ({"lane": lane} if lane else {}) | ({"id": id} if id else {})
        return self._api.get("/dead", DeadLetters, **wanted).dead_letters

    def quarantined(self, limit: int) -> Sequence[Quarantined]:
        from sidekick.web.replies import QuarantinedBodies

        return self._api.get("/quarantine", QuarantinedBodies, limit=limit).quarantined


class _FileLog:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._names = archive.lane_names()

    def search(self, match: str, since: str, until: str, limit: int) -> Sequence[Entry]:
        now_ns = time.time_ns()
        since_ns, until_ns = _span(since, until, now_ns)
        return self._archive.search(
            _condition(match), since_ns, until_ns, limit, _record, self._names
        )

    def find(self, id: str) -> Entry:
        from sidekick.cli._text import safe

        found = self._archive.find(id, self._names)
        if found is None:
            raise click.ClickException(f'there is no alert "{safe(id)[:60]}" in the log')
        return found

    def dead_letters(
        self, lane: str | None, limit: int, id: str | None = None
    ) -> Sequence[DeadLetter]:
        bits = {name: bit for bit, name in self._names.items()}
        if lane is not None and lane not in bits:
            names = ", ".join(sorted(bits)) or "none"
            raise click.ClickException(f'there is no lane "{lane}"; the lanes are: {names}')
        bit = None if lane is None else bits[lane]
        return self._archive.dead_letters(bit, limit, self._names, id)

    def quarantined(self, limit: int) -> Sequence[Quarantined]:
        return self._archive.quarantined(limit)


def _span(since: str, until: str, now_ns: int) -> tuple[int, int]:
    from sidekick.web.moment import parse_span

    try:
        return parse_span(since, until, now_ns)
    except ValueError as error:
        raise click.UsageError(f"--{error}") from None


def _condition(text: str) -> Callable[[Mapping[str, Any]], bool] | None:
    from sidekick.rules.compile import compile_condition

    return compile_condition(text) if text.strip() else None


def _record(body: bytes) -> Mapping[str, Any]:
    from sidekick.hub.record import record_of

    return record_of(body)
