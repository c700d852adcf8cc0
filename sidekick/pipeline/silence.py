"""Silences: what shall not be told for a while, by whose wish and why. All of them end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec
from pydantic import AwareDatetime, Field, model_validator

from sidekick.errors import ConditionError, ConfigError
from sidekick.pipeline.conditions import Compile, Condition, Conditions
from sidekick.pipeline.state import Journal, readable
from sidekick.pipeline.view import AlertView
from sidekick.section import Section

NS = 1_000_000_000
_KEPT_NS = 5 * 86_400 * NS
LONGEST_DAYS = 366
MOST = 1000


class SilenceConfig(Section):
    """Alerts that are kept in the log but told to nobody, for a time that ends."""

    id: str = Field(min_length=1, max_length=100)
    """A name, unique among the silences."""
    match: str
    """Condition; `alert.score` may be used."""
    starts: AwareDatetime = datetime(1970, 1, 1, tzinfo=UTC)
    """When it starts, with a time zone; without it: at once."""
    ends: AwareDatetime
    """When it ends, with a time zone."""
    comment: str = Field(min_length=1)
    """Why: for the next person who wonders."""
    creator: str = Field(min_length=1)
    """Who wanted it."""

    @model_validator(mode="after")
    def _ends_after_start(self) -> SilenceConfig:
        if self.ends <= self.starts:
            raise ValueError(f"it ends ({self.ends}) before it starts ({self.starts})")
        return self


class Silence(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A silence; times are ns since the epoch, the end does not belong to it any more.

    ``origin`` is ``config`` (from the configuration) or ``api`` (made while running).
    """

    id: str
    match: str
    starts_ns: int
    ends_ns: int
    comment: str
    creator: str
    created_ns: int = 0
    origin: str = "api"

    def state(self, now_ns: int) -> str:
        """``pending``, ``active`` or ``expired``."""
        if now_ns >= self.ends_ns:
            return "expired"
        return "active" if now_ns >= self.starts_ns else "pending"


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Silence).decode


class Silences:
    """All silences: those of the configuration and those made while running."""

    def __init__(
        self, configs: Sequence[SilenceConfig], compile: Compile, conditions: Conditions
    ) -> None:
        self._compile = compile
        self._all: dict[str, tuple[Silence, Condition]] = {}
        self.journal = Journal(_encode)
        for n, config in enumerate(configs):
            if config.id in self._all:
                conditions.fault(f"silences.{n}.id", f'"{config.id}" is there twice')
            condition = conditions.compile(f"silences.{n}.match", config.match)
            self._all[config.id] = (_of_config(config), condition)
        self._live = list(self._all.values())

    def holding(self, view: AlertView, now_ns: int) -> str:
        """The id of an active silence that matches, or ""."""
        for silence, condition in self._live:
            if silence.starts_ns <= now_ns < silence.ends_ns and condition(view):
                return silence.id
        return ""

    @property
    def any(self) -> bool:
        """Whether there is a silence that has not expired."""
        return bool(self._live)

    def add(
        self,
        match: str,
        starts_ns: int,
        ends_ns: int,
        comment: str,
        creator: str,
        now_ns: int,
    ) -> Silence:
        """Make a silence; one that would start in the past starts now.

        Raises ``ConfigError`` with all faults: a bad condition, no end, no comment, no creator.
        """
        starts_ns = max(starts_ns, now_ns)
        faults = _faults(starts_ns, ends_ns, comment, creator, now_ns)
        if len(self._all) >= MOST:
            faults.append(
                f"there are {MOST} silences already; route what is never wanted elsewhere"
            )
        try:
            condition = self._compile(match)
        except ConditionError as error:
            faults.append(f"match: {error}")
        if faults:
            raise ConfigError(faults)
        text = msgspec.json.encode([match, starts_ns, ends_ns, comment, creator, now_ns])
        silence = Silence(
            id=blake2b(text, digest_size=8).hexdigest(),
            match=match,
            starts_ns=starts_ns,
            ends_ns=ends_ns,
            comment=comment,
            creator=creator,
            created_ns=now_ns,
        )
        self._all[silence.id] = (silence, condition)
        self._changed(silence)
        return silence

    def expire(self, id: str, now_ns: int) -> Silence | None:
        """End a silence now; None if there is none of that id. May be repeated.

        Raises ``ConfigError`` for one of the configuration, which would come back at the next
        start: it is ended where it is written.
        """
        if id not in self._all:
            return None
        silence, condition = self._all[id]
        if silence.origin == "config":
            raise ConfigError([f'silence "{id}" is in the configuration: end it there'])
        if silence.state(now_ns) == "expired":
            return silence
        # A pending one has not silenced anything and never will.
        silence = msgspec.structs.replace(
            silence, starts_ns=min(silence.starts_ns, now_ns), ends_ns=now_ns
        )
        self._all[id] = (silence, condition)
        self._changed(silence)
        return silence

    def all(self) -> list[Silence]:
        """Every silence that is remembered, the one that ends last first."""
        return sorted((s for s, _ in self._all.values()), key=lambda s: (-s.ends_ns, s.id))

    def due(self, now_ns: int) -> None:
        """Leave out those that have expired, and forget them five days later."""
        self._live = [each for each in self._live if now_ns < each[0].ends_ns]
        for silence, _ in list(self._all.values()):
            if silence.origin == "api" and silence.ends_ns + _KEPT_NS <= now_ns:
                del self._all[silence.id]
                self.journal.gone(silence.id)

    def snapshot(self) -> list[tuple[str, bytes]]:
        """The silences made while running, by id."""
        return [(s.id, _encode(s)) for s, _ in self._all.values() if s.origin == "api"]

    def restore(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Take back a snapshot, or all that ``journal`` wrote; what cannot be read is left out.

        A silence whose condition does not compile any more is kept, and silences nothing.
        """
        for id, silence in readable(items, _decode):
            self.journal.restored(id)
            if id not in self._all:
                self._all[id] = (silence, Conditions(self._compile).compile(id, silence.match))
        self._live = list(self._all.values())

    def _changed(self, silence: Silence) -> None:
        self.journal.changed(silence.id, silence)
        self._live = list(self._all.values())


def _of_config(config: SilenceConfig) -> Silence:
    return Silence(
        id=config.id,
        match=config.match,
        starts_ns=int(config.starts.timestamp()) * NS,
        ends_ns=int(config.ends.timestamp()) * NS,
        comment=config.comment,
        creator=config.creator,
        origin="config",
    )


def _faults(starts_ns: int, ends_ns: int, comment: str, creator: str, now_ns: int) -> list[str]:
    faults: list[str] = []
    if ends_ns <= now_ns:
        faults.append("ends: it is in the past")
    elif ends_ns <= starts_ns:
        faults.append("ends: it is before the start")
    elif ends_ns - starts_ns > LONGEST_DAYS * 86_400 * NS:
        faults.append(f"ends: a silence may last {LONGEST_DAYS} days at most; renew it then")
    if not comment.strip():
        faults.append("comment: say why, for the next person who wonders")
    if not creator.strip():
        faults.append("creator: say who wants it")
    return faults
