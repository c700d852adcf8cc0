"""Inhibition: while one alert is fresh, others that follow from it are not told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from pydantic import Field

from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.fingerprint import text_of
from sidekick.pipeline.state import Journal, readable
from sidekick.pipeline.view import AlertView
from sidekick.section import Duration, Section

NS = 1_000_000_000
_SOURCES_BY_KEY = 64


class InhibitConfig(Section):
    """Alerts that match `target` are not told while one that matches `source` is fresh."""

    name: str = Field(min_length=1)
    """A name, unique among the inhibitions."""
    source: str
    """Condition: the alert that explains the others."""
    target: str
    """Condition: the alerts that it explains."""
    equal: tuple[str, ...] = ()
    """Fields that must have the same value in both (none in both is the same); empty: any."""
    window: Duration = 600.0
    """How long after its last occurrence a source counts."""
    limit: int = Field(10_000, ge=1)
    """Values of `equal` remembered at most; the one seen longest ago is forgotten."""


class Fresh(msgspec.Struct, gc=False):
    """The sources with one set of values, by fingerprint.

    Each with the end of its time (steady ns) and whether it is a target too.
    """

    sources: dict[str, tuple[int, bool]]
    last_at: int = 0


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Fresh).decode
_encode_key = msgspec.json.Encoder().encode


class Inhibitions:
    """All inhibitions and their fresh sources."""

    def __init__(self, configs: Sequence[InhibitConfig], conditions: Conditions) -> None:
        self.journal = Journal(_encode)
        self._rules = [
            _Rule(n, config, conditions, self.journal) for n, config in enumerate(configs)
        ]
        self._by_name = {rule.name: rule for rule in self._rules}
        if len(self._by_name) < len(self._rules):
            conditions.fault("inhibit", "each needs a name of its own")
        self.active = bool(self._rules)

    def holding(self, view: AlertView, fingerprint: str, now_at: int, *, learn: bool = True) -> str:
        """The name of the first inhibition that holds this alert back, or "".

        ``learn``: the alert is remembered where it is a source itself.
        """
        held = ""
        for rule in self._rules:
            if rule.judge(view, fingerprint, now_at, learn) and not held:
                held = rule.name
        return held

    def due(self, now_at: int) -> None:
        """Forget the sources that are not fresh any more."""
        for rule in self._rules:
            rule.forget_before(now_at)

    def snapshot(self) -> list[tuple[str, bytes]]:
        """The fresh sources, by inhibition and values of ``equal``."""
        return [(key, _encode(f)) for rule in self._rules for key, f in rule.fresh.items()]

    def restore(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Take back a snapshot, or all that ``journal`` wrote; what cannot be read is left out."""
        for key, fresh in sorted(readable(items, _decode), key=lambda item: item[1].last_at):
            self.journal.restored(key)
            rule = self._by_name.get(_name_in(key))
            if rule is None:
                self.journal.gone(key)
            else:
                rule.fresh[key] = fresh


def _name_in(key: str) -> str:
    values: list[str | None] = msgspec.json.decode(key)
    return values[0] or ""


class _Rule:
    """One inhibition; ``fresh`` has its sources by their values of ``equal``."""

    def __init__(
        self,
        number: int,
        config: InhibitConfig,
        conditions: Conditions,
        journal: Journal[Fresh],
    ) -> None:
        place = f"inhibit.{number}"
        self.name = config.name
        self.fresh: dict[str, Fresh] = {}
        self._source: Condition = conditions.compile(f"{place}.source", config.source)
        self._target: Condition = conditions.compile(f"{place}.target", config.target)
        self._equal = tuple(config.equal)
        self._window_ns = int(config.window * NS)
        self._limit = config.limit
        self._journal = journal

    def judge(self, view: AlertView, fingerprint: str, now_at: int, learn: bool) -> bool:
        """Whether a fresh source holds the alert back; then remember it if it is a source."""
        is_source, is_target = self._source(view), self._target(view)
        if not is_source and not is_target:
            return False
        key = self._key(view)
        held = is_target and self._has_source(key, now_at, without_both=is_source)
        if is_source and learn:
            self._learn(key, fingerprint, now_at, is_target)
        return held

    def forget_before(self, now_at: int) -> None:
        """Drop the values whose last source is not fresh any more."""
        while self.fresh:
            key, fresh = next(iter(self.fresh.items()))
            if fresh.last_at + self._window_ns > now_at:
                return
            self._forget(key)

    def _key(self, view: AlertView) -> str:
        return _encode_key((self.name, *(text_of(view[name]) for name in self._equal))).decode()

    def _has_source(self, key: str, now_at: int, without_both: bool) -> bool:
        """An alert that is both is not held back by others that are both, itself among them."""
        fresh = self.fresh.get(key)
        if fresh is None:
            return False
        return any(
            until > now_at and not (both and without_both) for until, both in fresh.sources.values()
        )

    def _learn(self, key: str, fingerprint: str, now_at: int, is_target: bool) -> None:
        fresh = self.fresh.pop(key, None)
        if fresh is None:
            if len(self.fresh) >= self._limit:
                self._forget(next(iter(self.fresh)))
            fresh = Fresh({})
        sources = fresh.sources
        sources.pop(fingerprint, None)
        for old in [name for name, (until, _) in sources.items() if until <= now_at]:
            del sources[old]
        if len(sources) >= _SOURCES_BY_KEY:
            del sources[next(iter(sources))]
        sources[fingerprint] = (now_at + self._window_ns, is_target)
        fresh.last_at = now_at
        self.fresh[key] = fresh
        self._journal.changed(key, fresh)

    def _forget(self, key: str) -> None:
        del self.fresh[key]
        self._journal.gone(key)
