"""How bad is it, from 0 to 100, and why: every part has its exact share and a reason.

The priority gives a base. Each further part multiplies the odds: the parts' logarithms are summed
(within -3 and +3) and added to the base's log-odds, so a score never leaves 0-100, every part moves
it one way only, and their order does not matter. The difference from the base is then shared out
among the parts in proportion to their logarithms: the points of all parts sum to the score.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from math import exp, fsum, log
from typing import Any

import msgspec
from pydantic import Field

from sidekick.model import Alert, Part, Priority
from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.fingerprint import bounded
from sidekick.pipeline.state import Journal, readable
from sidekick.pipeline.view import AlertView
from sidekick.section import Duration, Section

BANDS = ("info", "low", "medium", "high", "critical")
_RANKS = tuple(sum(score >= start for start in (20, 40, 60, 80)) for score in range(101))
NS = 1_000_000_000
_LIMIT = 3.0
_REMEMBERED = 4096
_RULES_BY_ENTITY = 32

BASE = {
    Priority.DEBUG: 2,
    Priority.INFORMATIONAL: 8,
    Priority.NOTICE: 20,
    Priority.WARNING: 40,
    Priority.ERROR: 55,
    Priority.CRITICAL: 75,
    Priority.ALERT: 85,
    Priority.EMERGENCY: 95,
}
_MATURITY = {"stable": 1.0, "incubating": 0.85, "sandbox": 0.6, "deprecated": 0.4}
_TACTICS = {
    "impact": 1.3,
    "exfiltration": 1.3,
    "credential_access": 1.3,
    "privilege_escalation": 1.3,
    "command_and_control": 1.3,
    "persistence": 1.2,
    "defense_evasion": 1.2,
    "lateral_movement": 1.2,
    "initial_access": 1.2,
    "execution": 1.0,
    "collection": 1.0,
    "discovery": 0.8,
    "reconnaissance": 0.8,
}


def band(score: int) -> str:
    """The band of a score: info, low, medium, high or critical."""
    return BANDS[band_rank(score)]


def band_rank(score: int) -> int:
    """The band's place in ``BANDS``."""
    return _RANKS[score]


class AssetConfig(Section):
    """What is at stake where the alerts that match come from."""

    match: str
    """Condition; the first entry that matches counts."""
    name: str = Field(min_length=1)
    """What it is, as the score's reason prints it: "payments"."""
    factor: float = Field(gt=0, le=20)
    """Multiplies the odds: 2 for what must not fall, 0.5 for a test system."""


class FloorConfig(Section):
    """A score that the alerts that match never fall below."""

    match: str
    """Condition; of several that match, the highest score counts."""
    score: int = Field(ge=0, le=100)
    """The lowest score they may have."""


class ScoreConfig(Section):
    """What makes an alert count more or less. Factors multiply the odds; 1 changes nothing."""

    enabled: bool = True
    """Off: the score is the priority's base alone, and no state is kept."""
    maturity: dict[str, float] = Field(_MATURITY)
    """Factors by the rule's tag `maturity_*`."""
    rules: dict[str, float] = Field({})
    """Factors by rule, from how precise it proved to be here: 0.25 mostly false, 2 always true."""
    tactics: dict[str, float] = Field(_TACTICS)
    """Factors by the tag `mitre_*`; of several the highest counts."""
    assets: tuple[AssetConfig, ...] = ()
    """What is at stake, by condition."""
    floors: tuple[FloorConfig, ...] = ()
    """Lowest scores, by condition."""
    repetition_floor: float = Field(0.25, gt=0, le=1)
    """The lowest factor of repetition (0.5 at least from Critical on); 1 switches it off."""
    entity_window: Duration = 1800.0
    """How long the rules that fired on one container, pod, user or host count together; 0: off."""
    entities: int = Field(10_000, ge=1, le=10_000_000)
    """Entities remembered at most; the one seen longest ago is forgotten."""


class Seen(msgspec.Struct, gc=False):
    """The rules that fired on one entity: when last (steady ns) and with which tactics."""

    rules: dict[str, tuple[int, tuple[str, ...]]]
    last_at: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Seen).decode

Factor = tuple[str, float, str]
"""A part's name, the logarithm of its factor, its reason."""

Scored = tuple[int, tuple[Part, ...]]


class Score:
    """Scores alerts; remembers for a while which rules fired on which entity."""

    def __init__(self, config: ScoreConfig, conditions: Conditions) -> None:
        self._config = config
        self._window_ns = int(config.entity_window * NS) if config.enabled else 0
        # An OrderedDict: looking for the first of a dict passes over all that were deleted there.
        self._entities: OrderedDict[str, Seen] = OrderedDict()
        self.journal = Journal(_encode)
        self._tactics: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._known: dict[tuple[str, Priority, tuple[str, ...]], list[Factor]] = {}
        self._results: dict[tuple[str, Priority, tuple[str, ...], int], Scored] = {}
        self._assets: list[tuple[Condition, Factor]] = []
        for n, asset in enumerate(config.assets):
            condition = conditions.compile(f"score.assets.{n}.match", asset.match, scored=False)
            self._assets.append((condition, ("asset", log(asset.factor), asset.name)))
        self._floors = [
            (conditions.compile(f"score.floors.{n}.match", floor.match, scored=False), floor.score)
            for n, floor in enumerate(config.floors)
        ]
        for place, factors in (("maturity", config.maturity), ("rules", config.rules)):
            _check(conditions, place, factors)
        _check(conditions, "tactics", config.tactics)

    def assess(self, alert: Alert, count: int, now_at: int, *, learn: bool = True) -> Scored:
        """The score and its parts for the ``count``-th alert of a window.

        ``learn`` is False when the alert shall not be remembered for its entity.
        """
        if not self._config.enabled:
            return base_score(alert.priority)
        moving: list[Factor] = []
        if self._window_ns:
            seen = self._visit(alert, now_at) if learn else self._peek(alert, now_at)
            if len(seen) > 1:
                moving = _together(alert, seen)
        if self._assets or self._floors:
            return self._judge(alert, count, moving)
        if moving:
            return combine(alert.priority, [*self._fixed(alert, count), *moving])
        key = (alert.rule, alert.priority, alert.tags, _doublings(count))
        result = self._results.get(key)
        if result is None:
            result = combine(alert.priority, self._fixed(alert, count))
            _remember(self._results, key, result, key[0], key[2])
        return result

    def due(self, now_at: int) -> None:
        """Forget the entities on which nothing fired for a window."""
        limit = now_at - self._window_ns
        while self._entities:
            entity, seen = next(iter(self._entities.items()))
            if seen.last_at > limit:
                return
            self._forget(entity)

    def snapshot(self) -> list[tuple[str, bytes]]:
        """What is remembered, by entity."""
        return [(entity, _encode(seen)) for entity, seen in self._entities.items()]

    def restore(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Take back a snapshot, or all that ``journal`` wrote; what cannot be read is left out."""
        for entity, seen in sorted(readable(items, _decode), key=lambda item: item[1].last_at):
            self.journal.restored(entity)
            self._entities[entity] = seen

    def _judge(self, alert: Alert, count: int, moving: Sequence[Factor]) -> Scored:
        view = AlertView(alert)
        factors = [*self._fixed(alert, count), *moving]
        asset = next((factor for match, factor in self._assets if match(view)), None)
        if asset is not None:
            factors.append(asset)
        score, parts = combine(alert.priority, factors)
        floor = max((low for match, low in self._floors if match(view)), default=0)
        if floor <= score:
            return score, parts
        raised = round(float(floor) - sum(part.points for part in parts), 1)
        return floor, (*parts, Part("floor", raised, f"never below {floor} by the configuration"))

    def _fixed(self, alert: Alert, count: int) -> list[Factor]:
        """What follows from the rule, its tags and the number of repeats."""
        key = (alert.rule, alert.priority, alert.tags)
        factors = self._known.get(key)
        if factors is None:
            factors = self._of_rule(alert)
            _remember(self._known, key, factors, key[0], key[2])
        doublings = _doublings(count)
        if not doublings or self._config.repetition_floor == 1:
            return factors
        floor = self._config.repetition_floor
        if alert.priority >= Priority.CRITICAL:
            floor = max(floor, 0.5)
        # The fourth root: half the odds at 16 repeats, a quarter at 256.
        factor = max(floor, 2 ** (-doublings / 4))
        why = f"at least {3 + 2 ** (doublings - 1)} of these alerts in one window"
        return [*factors, ("repetition", log(factor), why)]

    def _of_rule(self, alert: Alert) -> list[Factor]:
        config = self._config
        factors: list[Factor] = []
        for tag in alert.tags:
            if tag.startswith("maturity_") and tag[9:] in config.maturity:
                why = f"the rule's maturity is {tag[9:]}"
                factors.append(("maturity", log(config.maturity[tag[9:]]), why))
                break
        if alert.rule in config.rules:
            factor = config.rules[alert.rule]
            why = f"alerts of this rule count {factor:g} times by the configuration"
            factors.append(("precision", log(factor), why))
        known = [t for t in _tactics(alert.tags) if t in config.tactics]
        if known:
            tactic = max(known, key=lambda name: (config.tactics[name], name))
            why = f"MITRE tactic {tactic.replace('_', ' ')}"
            factors.append(("tactic", log(config.tactics[tactic]), why))
        return [factor for factor in factors if factor[1]]

    def _visit(self, alert: Alert, now_at: int) -> dict[str, tuple[int, tuple[str, ...]]]:
        """Remember that the rule fired on the alert's entity; all that fired there lately."""
        entity = entity_of(alert)
        if entity is None:
            return {}
        entities, tags = self._entities, alert.tags
        tactics = self._tactics.get(tags)
        if tactics is None:
            tactics = _tactics(tags)
            _remember(self._tactics, tags, tactics, "", tags)
        seen = entities.get(entity)
        if seen is None:
            if len(entities) >= self._config.entities:
                self._forget(next(iter(entities)))
            seen = entities[entity] = Seen({}, now_at)
        else:
            entities.move_to_end(entity)
            seen.last_at = now_at
        rules = seen.rules
        rules[bounded(alert.rule)] = (now_at, tactics)
        if len(rules) > 1:
            _expire(rules, now_at - self._window_ns)
        self.journal.dirty[entity] = seen
        return rules

    def _peek(self, alert: Alert, now_at: int) -> dict[str, tuple[int, tuple[str, ...]]]:
        seen = self._entities.get(entity_of(alert) or "")
        rules = {} if seen is None else dict(seen.rules)
        rules[bounded(alert.rule)] = (now_at, _tactics(alert.tags))
        _expire(rules, now_at - self._window_ns)
        return rules

    def _forget(self, entity: str) -> None:
        del self._entities[entity]
        self.journal.gone(entity)


def base_score(priority: Priority) -> Scored:
    """The score of a priority alone."""
    base = BASE[priority]
    return base, (_by_priority(priority),)


def _by_priority(priority: Priority) -> Part:
    # Points are written 70.0, never 70: who guesses a field's type from the first document that
    # comes, as Elasticsearch does, takes it for whole numbers otherwise and refuses the others.
    return Part("priority", float(BASE[priority]), f"priority {priority.label}")


def combine(priority: Priority, factors: Sequence[Factor]) -> Scored:
    """The score of a priority with these factors, and each one's share in points."""
    base = BASE[priority]
    total = fsum(x for _, x, _ in factors)
    parts = [_by_priority(priority)]
    if not factors:
        return base, tuple(parts)
    start = log(base / (100 - base))
    moved = max(-_LIMIT, min(_LIMIT, total))
    end = 100 / (1 + exp(-start - moved))
    # Opposite factors that cancel out still have their shares: the slope's limit.
    slope = (end - base) / total if abs(total) > 1e-9 else base * (100 - base) / 100
    tenths = [round(slope * x * 10) for _, x, _ in factors]
    largest = max(range(len(factors)), key=lambda n: abs(factors[n][1]))
    tenths[largest] += round(end * 10) - base * 10 - sum(tenths)
    parts += [Part(f[0], t / 10, f[2]) for f, t in zip(factors, tenths, strict=True)]
    return (round(end * 10) + 5) // 10, tuple(parts)


def entity_of(alert: Alert) -> str | None:
    """What the alert is about: a container, pod, audit user or host; None if it does not say."""
    get = alert.fields.get
    container = get("container.id")
    if container and container != "host" and container != "<NA>":
        return f"container {container}" if len(str(container)) < 200 else bounded(str(container))
    if pod := get("k8s.pod.name"):
        return bounded(f"pod {get('k8s.ns.name') or ''}/{pod}")
    if user := get("ka.user.name"):
        return bounded(f"user {user}")
    return f"host {alert.hostname}" if alert.hostname else None


def _tactics(tags: Iterable[str]) -> tuple[str, ...]:
    return tuple([tag[6:60] for tag in tags if tag.startswith("mitre_")][:8])


def _doublings(count: int) -> int:
    """0 for up to three alerts in a window, then 1 more each time their number doubles."""
    return (count - 3).bit_length() if count > 3 else 0


def _expire(rules: dict[str, tuple[int, tuple[str, ...]]], limit: int) -> None:
    for rule in [rule for rule, (at, _) in rules.items() if at <= limit]:
        del rules[rule]
    while len(rules) > _RULES_BY_ENTITY:
        del rules[min(rules, key=lambda rule: (rules[rule][0], rule))]


def _together(alert: Alert, seen: dict[str, tuple[int, tuple[str, ...]]]) -> list[Factor]:
    """What several rules, and several tactics, on one entity add."""
    entity = entity_of(alert) or ""
    many = {2: 1.15, 3: 1.3, 4: 1.4}.get(len(seen), 1.5)
    others = sorted(rule for rule in seen if rule != alert.rule)
    named = ", ".join(f'"{rule[:60]}"' for rule in others[:3])
    why = f"{len(seen)} rules fired on {entity[:80]} lately, also {named}"
    factors: list[Factor] = [("several rules", log(many), why)]
    tactics = sorted({tactic for _, names in seen.values() for tactic in names})
    if len(tactics) > 1:
        chain = {2: 1.4, 3: 2.0}.get(len(tactics), 3.0)
        listed = ", ".join(name[:30].replace("_", " ") for name in tactics[:6])
        factors.append(("several tactics", log(chain), f"{len(tactics)} tactics there: {listed}"))
    return factors


def _remember(
    memory: dict[Any, Any], key: tuple[Any, ...], value: object, rule: str, tags: tuple[str, ...]
) -> None:
    """Keep a result, unless the sender's rule and tags are too long to be ordinary."""
    if len(rule) + sum(map(len, tags)) > 2000:
        return
    if len(memory) >= _REMEMBERED:
        memory.clear()
    memory[key] = value


def _check(conditions: Conditions, place: str, factors: dict[str, float]) -> None:
    for name, factor in factors.items():
        if not 0 < factor <= 20:
            conditions.fault(f"score.{place}.{name}", f"wanted a factor in (0, 20], found {factor}")
