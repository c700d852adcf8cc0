"""From an alert to an outcome: every stage in its order, and what happens when one fails.

A stage that fails is skipped in favour of telling: an alert is never lost to a fault here. It is
delivered with what the other stages found out, and the fault is counted and named.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from pydantic import Field

from sidekick.model import Alert, Assessment, Outcome, Part, Priority
from sidekick.pipeline.clock import Clock
from sidekick.pipeline.conditions import Compile, Conditions
from sidekick.pipeline.dedup import Dedup
from sidekick.pipeline.dedup_config import DedupConfig
from sidekick.pipeline.enrich import Enrich, EnrichConfig
from sidekick.pipeline.entry import Closed, Sighting, digest_alert, held_text
from sidekick.pipeline.fingerprint import (
    FingerprintConfig,
    Fingerprints,
    Key,
    bounded,
    fingerprint,
)
from sidekick.pipeline.inhibit import InhibitConfig, Inhibitions
from sidekick.pipeline.rewrite import Rewrite, RewriteConfig
from sidekick.pipeline.route import KINDS, Decision, RouteConfig, Routes
from sidekick.pipeline.score import Score, ScoreConfig, band, band_rank, base_score
from sidekick.pipeline.silence import SilenceConfig, Silences
from sidekick.pipeline.state import Item, readable
from sidekick.pipeline.view import AlertView
from sidekick.pipeline.window import WindowConfig, open_windows
from sidekick.section import Section


class PipelineConfig(Section):
    """What happens to an alert between its source and the lanes."""

    fingerprint: FingerprintConfig = FingerprintConfig()
    """Which fields make two alerts the same."""
    dedup: DedupConfig = DedupConfig()
    """Which repeats are held back, and when they are told of."""
    enrich: EnrichConfig = EnrichConfig()
    """What is added to alerts."""
    score: ScoreConfig = ScoreConfig()
    """What makes an alert count more or less."""
    silences: tuple[SilenceConfig, ...] = ()
    """Alerts that are told to nobody for a time that ends."""
    inhibit: tuple[InhibitConfig, ...] = ()
    """Alerts that are not told while another one explains them."""
    windows: dict[str, tuple[WindowConfig, ...]] = Field({})
    """Times by name, for routes: a time is in a window if one of its intervals has it."""
    route: RouteConfig = RouteConfig()
    """Who hears of it. Without it every sink hears of every alert."""
    rewrite: RewriteConfig = RewriteConfig()
    """What sinks get in another form than the sender's."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one stage did with an alert, and why, as sentences."""

    stage: str
    result: str
    why: tuple[str, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What would happen to an alert, stage by stage, and the outcome."""

    steps: tuple[Step, ...]
    outcome: Outcome


class Process:
    """Decides what happens to alerts; holds the windows, entities, silences and sources.

    Not thread-safe. ``now_ns`` is when an alert was received, in ns since the epoch; the same
    alerts at the same times lead to the same outcomes, from any snapshot.
    """

    def __init__(self, config: PipelineConfig, lanes: Sequence[str], compile: Compile) -> None:
        """``lanes`` are the names of all lanes. Raises ``ConfigError`` with every fault."""
        conditions = Conditions(compile)
        self._enrich = Enrich(config.enrich, conditions)
        self._fingerprints = Fingerprints(config.fingerprint, conditions, self._enrich.added)
        self._score = Score(config.score, conditions)
        self._inhibitions = Inhibitions(config.inhibit, conditions)
        windows = open_windows(config.windows)
        self._routes = Routes(config.route, lanes, windows, conditions)
        self._rewrite = Rewrite(config.rewrite)
        self._lanes = tuple(lanes)
        self._clock = Clock()
        self.dedup = Dedup(config.dedup, conditions)
        """The open windows, and how many were evicted."""
        self.silences = Silences(config.silences, compile, conditions)
        """The silences, to be listed, added and expired."""
        self.faults = 0
        """How many times a stage failed and was skipped."""
        self.last_fault = ""
        """The stage that failed last, and how."""
        conditions.check()

    def process(self, alert: Alert, now_ns: int) -> Outcome:
        """What is found out about the alert, and the lanes that deliver it."""
        now_at = self._clock.tick(now_ns)
        key = self._key(alert)
        if not self.dedup.config.enabled:
            sighting = Sighting("first", "dedup is off", None, fingerprint(key))
        else:
            try:
                sighting = self.dedup.see(key, alert, now_at, now_ns)
            except Exception as error:
                sighting = self._unseen(key, error)
        return self._rewritten(self._run(alert, sighting, now_ns, now_at, learn=True))

    def due(self, now_ns: int) -> list[Outcome]:
        """The digests of the windows that have ended.

        They are told once: commit them together with the ``changes`` that follow.
        """
        now_at = self._clock.tick(now_ns)
        self._score.due(now_at)
        self._inhibitions.due(now_at)
        self.silences.due(now_ns)
        digests = [self._digest(closed, now_ns, now_at) for closed in self.dedup.due(now_at)]
        return [self._rewritten(digest) for digest in digests]

    def explain(self, alert: Alert, now_ns: int) -> Explanation:
        """What ``process`` would do at that time, and why; nothing is changed."""
        now_at = self._clock.peek(now_ns)
        key = self._key(alert)
        sighting = Sighting("first", "dedup is off", None, self.dedup.text(key))
        if self.dedup.config.enabled:
            sighting = self.dedup.peek(key, alert, now_at, now_ns)
        outcome = self._run(alert, sighting, now_ns, now_at, learn=False)
        steps = self._steps(alert, key, sighting, outcome, now_ns)
        return Explanation(steps=steps, outcome=self._rewritten(outcome))

    def changes(self) -> list[Item]:
        """The state that changed since the last call, by name; None: it is gone."""
        items: list[Item] = [("clock", _encode((self._clock.latest_ns, self._clock.skew_ns)))]
        for prefix, stage in self._stages().items():
            items += [(prefix + name, value) for name, value in stage.journal.changes()]
        return items

    def snapshot(self) -> list[tuple[str, bytes]]:
        """The whole state, in the form of ``changes``: for another ``Process`` to go on with."""
        items = [("clock", _encode((self._clock.latest_ns, self._clock.skew_ns)))]
        for prefix, stage in self._stages().items():
            items += [(prefix + name, value) for name, value in stage.snapshot()]
        return items

    def restore(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Go on from a snapshot; what another version wrote in another form is left out."""
        items = list(items)
        for _, (latest_ns, skew_ns) in readable(
            (item for item in items if item[0] == "clock"), _decode_clock
        ):
            self._clock = Clock(latest_ns, skew_ns)
        for prefix, stage in self._stages().items():
            stage.restore((n.removeprefix(prefix), v) for n, v in items if n.startswith(prefix))

    def _stages(self) -> Mapping[str, Dedup | Score | Inhibitions | Silences]:
        return {
            "dedup/": self.dedup,
            "score/": self._score,
            "inhibit/": self._inhibitions,
            "silence/": self.silences,
        }

    def _run(
        self, alert: Alert, sighting: Sighting, now_ns: int, now_at: int, *, learn: bool
    ) -> Outcome:
        entry = sighting.entry
        count = alert.count if entry is None else entry.count
        try:
            if self._enrich.active:
                alert = self._enrich.enrich(alert)
            score, parts = self._score.assess(alert, count, now_at, learn=learn)
        except Exception as error:
            score, parts = self._unscored(alert, error)
        rank = band_rank(score)
        self.dedup.rise(sighting, rank)
        kind = sighting.kind
        held, decision = self._decide(alert, sighting, score, now_ns, now_at, learn)
        lanes = decision.lanes[kind]
        if held:
            lanes = ()
        elif not lanes and decision.muted and kind != "repeat":
            held = f"window:{decision.windows[0]}"
        if kind == "reminder" and entry is not None and entry.held:
            parts = (*parts, Part("told again", 0.0, f"{sighting.why}; {held_text(entry)}"))
        if entry is not None:
            kind = self.dedup.settle(
                sighting,
                alert,
                now_at,
                now_ns,
                band=rank,
                lanes=lanes,
                digest_lanes=decision.lanes["digest"],
                routes=decision.paths,
                silenced=bool(held),
            )
        assessment = Assessment(
            fingerprint=sighting.fingerprint,
            kind=kind,
            count=count,
            first_seen_ns=now_ns if entry is None else entry.first_ns,
            last_seen_ns=now_ns,
            score=score,
            parts=parts,
            routes=decision.paths,
            silenced_by=held,
        )
        return Outcome(alert, assessment, lanes)

    def _rewritten(self, outcome: Outcome) -> Outcome:
        if not self._rewrite.active:
            return outcome
        try:
            alert = self._rewrite.rewrite(outcome.alert)
        except Exception as error:
            self._fault("rewrite", error)
            return outcome
        return Outcome(alert, outcome.assessment, outcome.lanes)

    def _decide(
        self, alert: Alert, sighting: Sighting, score: int, now_ns: int, now_at: int, learn: bool
    ) -> tuple[str, Decision]:
        """Who or what holds the alert back ("" for nobody), and where it would go."""
        constant = self._routes.constant
        looked_at = self.silences.any or self._inhibitions.active
        routed = sighting.kind != "repeat" or self._routes.tells_repeats
        if not looked_at:
            if not routed:
                return "", _NOWHERE
            if constant is not None:
                return "", constant
        view = AlertView(alert, score)
        held = ""
        if looked_at:
            held = self._holding(view, sighting.fingerprint, now_ns, now_at, learn)
        if not routed:
            return held, _NOWHERE
        try:
            return held, self._routes.decide(view, score, now_ns)
        except Exception as error:
            self._fault("route", error)
            return held, Decision(("fault",), dict.fromkeys(_TOLD, self._lanes) | {"repeat": ()})

    def _holding(
        self, view: AlertView, fingerprint: str, now_ns: int, now_at: int, learn: bool
    ) -> str:
        try:
            inhibition = self._inhibitions.holding(view, fingerprint, now_at, learn=learn)
            silence = self.silences.holding(view, now_ns)
        except Exception as error:
            self._fault("silence", error)
            return ""
        if silence:
            return f"silence:{silence}"
        return f"inhibit:{inhibition}" if inhibition else ""

    def _digest(self, closed: Closed, now_ns: int, now_at: int) -> Outcome:
        entry = closed.entry
        alert = digest_alert(entry)
        try:
            score, parts = self._score.assess(alert, entry.count, now_at, learn=False)
        except Exception as error:
            score, parts = self._unscored(alert, error)
        why = held_text(entry) + ("; closed early to make room" if closed.early else "")
        sighting = Sighting("digest", why, entry, entry.fingerprint)
        held, decision = self._decide(alert, sighting, score, now_ns, now_at, learn=False)
        lanes = tuple(
            lane for lane in entry.lanes if lane in self._lanes and lane not in decision.muted
        )
        if not held and entry.lanes and not lanes and decision.muted:
            held = f"window:{decision.windows[0]}"
        assessment = Assessment(
            fingerprint=entry.fingerprint,
            kind="digest",
            count=entry.count,
            first_seen_ns=entry.first_ns,
            last_seen_ns=entry.last_ns,
            score=score,
            parts=(*parts, Part("told again", 0.0, why)),
            routes=entry.routes,
            silenced_by=held,
        )
        return Outcome(alert, assessment, () if held else lanes)

    def _key(self, alert: Alert) -> Key:
        try:
            return self._fingerprints.key(alert)
        except Exception as error:
            # Without its fields it must not be taken for a repeat of another alert.
            self._fault("fingerprint", error)
            return ("fault", bounded(alert.rule), bounded(alert.hostname), bounded(alert.time))

    def _unseen(self, key: Key, error: Exception) -> Sighting:
        self._fault("dedup", error)
        return Sighting("first", f"dedup failed: {error}", None, self.dedup.text(key))

    def _unscored(self, alert: Alert, error: Exception) -> tuple[int, tuple[Part, ...]]:
        """The base score; from Critical on 100, so that no route's `min_score` keeps it back."""
        self._fault("score", error)
        score, parts = base_score(alert.priority)
        raised = 100 - score if alert.priority >= Priority.CRITICAL else 0
        why = f"scoring failed ({type(error).__name__})"
        return score + raised, (*parts, Part("fault", float(raised), why))

    def _fault(self, stage: str, error: Exception) -> None:
        self.faults += 1
        self.last_fault = f"{stage}: {type(error).__name__}: {error}"

    def _steps(
        self, alert: Alert, key: Key, sighting: Sighting, outcome: Outcome, now_ns: int
    ) -> tuple[Step, ...]:
        told = outcome.assessment
        view = AlertView(outcome.alert, told.score)
        held = told.silenced_by
        tried = self._routes.explain(view, told.score, now_ns)
        return (
            Step(stage="fingerprint", result=told.fingerprint, why=_key_lines(key)),
            Step(stage="dedup", result=f"{told.kind}, count {told.count}", why=(sighting.why,)),
            _added(alert, outcome.alert),
            Step(
                stage="score",
                result=f"{told.score} ({band(told.score)})",
                why=tuple(f"{part.points:+g} {part.name}: {part.why}" for part in told.parts),
            ),
            Step(stage="silence", result=f"held back by {held}" if held else "not held back"),
            Step(
                stage="route",
                result=", ".join(outcome.lanes) or "no lane: it is only kept in the log",
                why=tuple(f"{t.path} {'+' if t.matched else '-'} {t.why}" for t in tried),
            ),
        )


_TOLD = ("first", "reminder", "digest")
_NOWHERE = Decision((), dict.fromkeys(KINDS, ()))
_encode = msgspec.msgpack.Encoder().encode
_decode_clock = msgspec.msgpack.Decoder(tuple[int, int]).decode


def _key_lines(key: Key) -> tuple[str, ...]:
    names = (key[0] or "").partition(" ")[2].split(",")
    pairs = zip(names, key[1:], strict=False)
    return tuple(f"{name}: {'-' if value is None else value}" for name, value in pairs)


def _added(before: Alert, after: Alert) -> Step:
    if before is after:
        return Step(stage="enrich", result="nothing added")
    fields = [
        f"{name}: {value}"
        for name, value in after.fields.items()
        if name not in before.fields or before.fields[name] != value
    ]
    tags = [f"tag {tag}" for tag in after.tags if tag not in before.tags]
    result = f"fields added: {len(fields)}, tags added: {len(tags)}"
    return Step(stage="enrich", result=result, why=(*fields, *tags))
