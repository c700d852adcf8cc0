"""What the admin API is given to work with, as protocols; the hub offers all of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel

from sidekick.hub.view import (
    DeadLetter,
    Entry,
    LaneStatus,
    LogStats,
    Quarantined,
    SilenceStatus,
)

Match = Callable[[Mapping[str, Any]], bool]


class Lane(Protocol):
    """A lane, as far as it is looked at."""

    def status(self) -> LaneStatus: ...


class AlertLog(Protocol):
    """The alerts that were taken."""

    async def search(
        self, match: Match | None, since_ns: int, until_ns: int, limit: int, /
    ) -> Sequence[Entry]:
        """Alerts received in that time that match, newest first."""

    async def find(self, id: str, /) -> Entry | None: ...

    async def stats(self) -> LogStats: ...


class Live(Protocol):
    """The alerts as they are taken."""

    def watch(self) -> AbstractContextManager[AsyncIterator[bytes]]:
        """Their documents, until the hub stops; a slow watcher loses the oldest."""


class Letters(Protocol):
    """What could not be delivered, or not even taken."""

    async def dead_letters(
        self, lane: str | None, limit: int, id: str | None, /
    ) -> Sequence[DeadLetter]: ...

    async def retry_dead(self, lane: str | None, ids: Sequence[str] | None, /) -> int: ...

    async def drop_dead(self, lane: str | None, ids: Sequence[str] | None, /) -> int: ...


class Lanes(Protocol):
    """The lanes, and sending from the log again."""

    @property
    def lanes(self) -> Mapping[str, Lane]: ...

    async def replay(self, since_ns: int, until_ns: int, lane: str, match: Match | None, /) -> int:
        """Queue what matches for that lane again; how many alerts that are."""

    async def quarantined(self, limit: int, /) -> Sequence[Quarantined]: ...


class Silencer(Protocol):
    """The silences."""

    def silences(self) -> Sequence[SilenceStatus]: ...

    async def add_silence(
        self, match: str, starts_ns: int, ends_ns: int, comment: str, creator: str, /
    ) -> SilenceStatus:
        """Raises ``ConfigError`` with all faults; a silence that was added survives a crash."""

    async def expire_silence(self, id: str, /) -> SilenceStatus | None:
        """End it now; None: unknown. Raises ``ConfigError`` for one of the configuration file."""


class AdminHub(AlertLog, Live, Letters, Lanes, Silencer, Protocol):
    """All that the admin API asks of a hub."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The hub, and the functions of other areas that the API needs.

    ``compile`` makes a predicate of a condition or raises ``ConditionError``; ``record`` is what
    such a predicate reads of a document. ``explain`` takes an alert as JSON and a time, and raises
    ``InvalidAlert``; what it gives is encoded by msgspec. ``reload`` raises ``ConfigError``.
    ``settings`` is the configuration in force.
    """

    hub: AdminHub
    compile: Callable[[str], Match]
    record: Callable[[bytes], Mapping[str, Any]]
    explain: Callable[[bytes, int], Any]
    reload: Callable[[], Awaitable[None]]
    settings: Callable[[], BaseModel]
    clock_ns: Callable[[], int]
    started_ns: int
