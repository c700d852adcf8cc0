"""Who hears of it: a tree of routes, searched depth-first from left to right.

A route that matches hands the alert to its child routes in order; the first child that matches ends
the search unless it says `continue`. A route's own lanes are used only when no child matched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from pydantic import ConfigDict, Field

from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.view import AlertView
from sidekick.pipeline.window import Window
from sidekick.section import Section

KINDS = ("first", "repeat", "reminder", "digest")
_TOLD = ("first", "reminder", "digest")


class RouteConfig(Section):
    """A node of the tree of routes. `lanes` and `tell` are inherited, the other keys are not."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True)

    name: str = Field("", pattern=r"^[^/\s]*$")
    """A name for its path (`/team-a/night`); without it its number among its siblings."""
    match: str = ""
    """Condition that an alert must match; empty: every alert does."""
    min_score: int = Field(0, ge=0, le=100)
    """The lowest score of alerts that match."""
    lanes: tuple[str, ...] | None = None
    """The lanes (names of `sinks`) that deliver; unset: as in the parent, at the root all;
    empty: none, the alert is only kept in the log."""
    continue_: bool = Field(False, alias="continue")
    """Whether the next siblings are searched as well when this route matches."""
    tell: tuple[str, ...] | None = None
    """Which kinds are delivered: first, reminder, digest, and repeat for every single one that
    dedup would hold back; unset: as in the parent, at the root first, reminder and digest."""
    active: tuple[str, ...] = ()
    """Windows: outside all of them this route delivers nothing."""
    mute: tuple[str, ...] = ()
    """Windows: inside any of them this route delivers nothing."""
    routes: tuple[RouteConfig, ...] = ()
    """The child routes."""


class Decision(msgspec.Struct, frozen=True, gc=False):
    """Where an alert goes: paths of the routes used, and lanes by kind.

    ``muted`` are the lanes of routes whose windows are closed, ``windows`` the names of these.
    """

    paths: tuple[str, ...]
    lanes: Mapping[str, tuple[str, ...]]
    muted: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()


class Tried(msgspec.Struct, frozen=True, gc=False):
    """One route of the search, for people: whether it matched and why."""

    path: str
    matched: bool
    why: str


class Routes:
    """The tree, checked and compiled."""

    def __init__(
        self,
        config: RouteConfig,
        lanes: Sequence[str],
        windows: Mapping[str, Window],
        conditions: Conditions,
    ) -> None:
        for key in ("match", "min_score", "continue_", "active", "mute", "name"):
            if getattr(config, key):
                reason = "the root takes every alert at all times; set this on a child route"
                conditions.fault(f"route.{key.rstrip('_')}", reason)
        build = _Build(frozenset(lanes), windows, conditions)
        self._root = build.node(config, "route", "", tuple(lanes), _TOLD)
        self.tells_repeats = build.tells_repeats
        """Whether some route wants every single repeat."""
        self._only: Decision | None = None
        if not self._root.children:
            self._only = _decision([self._root], 0)

    def decide(self, view: AlertView, score: int, now_ns: int) -> Decision:
        """Where an alert with this score goes at that time (ns since the epoch)."""
        if self._only is not None:
            return self._only
        found: list[_Node] = []
        self._root.search(view, score, found)
        return _decision(found, now_ns)

    @property
    def constant(self) -> Decision | None:
        """The decision for every alert, when there is only the root."""
        return self._only

    def explain(self, view: AlertView, score: int, now_ns: int) -> list[Tried]:
        """Every route that the search tries, in order."""
        tried: list[Tried] = []
        self._root.explain(view, score, now_ns, tried)
        return tried


class _Node:
    """A route, ready to be searched; ``lanes`` and ``tell`` with what it inherits."""

    __slots__ = (
        *("active", "children", "condition", "continues", "lanes", "min_score", "mute", "path"),
        *("single", "tell", "text"),
    )

    def __init__(self, path: str, config: RouteConfig, condition: Condition | None) -> None:
        self.path = path or "/"
        self.text = config.match
        self.condition = condition
        self.min_score = config.min_score
        self.continues = config.continue_
        self.lanes: tuple[str, ...] = ()
        self.tell: tuple[str, ...] = ()
        self.active: list[Window] = []
        self.mute: list[Window] = []
        self.children: list[_Node] = []
        self.single: Decision | None = None

    def matches(self, view: AlertView, score: int) -> bool:
        return score >= self.min_score and (self.condition is None or self.condition(view))

    def search(self, view: AlertView, score: int, found: list[_Node]) -> None:
        """Add the routes that an alert which matches this one uses."""
        before = len(found)
        for child in self.children:
            if child.matches(view, score):
                child.search(view, score, found)
                if not child.continues:
                    return
        if len(found) == before:
            found.append(self)

    def closed(self, now_ns: int) -> str:
        """The window because of which it delivers nothing at that time, or ""."""
        for window in self.mute:
            if window.contains(now_ns):
                return window.name
        if self.active and not any(window.contains(now_ns) for window in self.active):
            return self.active[0].name
        return ""

    def explain(self, view: AlertView, score: int, now_ns: int, tried: list[Tried]) -> bool:
        """Note this route and what the search does below it; whether it matched."""
        matched = self.matches(view, score)
        place = len(tried)
        used = matched
        for child in self.children if matched else ():
            if child.explain(view, score, now_ns, tried):
                used = False
                if not child.continues:
                    break
        tried.insert(place, Tried(self.path, matched, self._why(matched, used, score, now_ns)))
        return matched

    def _why(self, matched: bool, used: bool, score: int, now_ns: int) -> str:
        if not matched:
            if score < self.min_score:
                return f"the score {score} is below min_score {self.min_score}"
            return f"it does not match: {self.text}"
        matches = f"it matches: {self.text}" if self.text else "it takes every alert"
        if not used:
            return f"{matches}; a child route matched, so its own lanes are not used"
        if window := self.closed(now_ns):
            return f"{matches}; it delivers nothing now because of window {window}"
        then = "; the search goes on" if self.continues else ""
        return f"{matches}; lanes {', '.join(self.lanes) or 'none'}{then}"


class _Build:
    """Builds the nodes and notes faults."""

    def __init__(
        self, lanes: frozenset[str], windows: Mapping[str, Window], conditions: Conditions
    ) -> None:
        self._lanes = lanes
        self._windows = windows
        self._conditions = conditions
        self.tells_repeats = False

    def node(
        self,
        config: RouteConfig,
        place: str,
        path: str,
        lanes: tuple[str, ...],
        tell: tuple[str, ...],
    ) -> _Node:
        condition = None
        if config.match:
            condition = self._conditions.compile(f"{place}.match", config.match)
        node = _Node(path, config, condition)
        node.lanes = lanes if config.lanes is None else self._known_lanes(place, config.lanes)
        node.tell = tell if config.tell is None else self._known_kinds(place, config.tell)
        node.active = self._known_windows(f"{place}.active", config.active)
        node.mute = self._known_windows(f"{place}.mute", config.mute)
        self.tells_repeats |= "repeat" in node.tell and bool(node.lanes)
        node.children = self._children(config, place, path, node)
        if not node.active and not node.mute:
            node.single = _decision([node], 0)
        return node

    def _children(self, config: RouteConfig, place: str, path: str, parent: _Node) -> list[_Node]:
        names = [child.name or str(n) for n, child in enumerate(config.routes)]
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._conditions.fault(f"{place}.routes", f'two routes are called "{name}"')
        return [
            self.node(child, f"{place}.routes.{n}", f"{path}/{name}", parent.lanes, parent.tell)
            for n, (name, child) in enumerate(zip(names, config.routes, strict=True))
        ]

    def _known_lanes(self, place: str, names: Sequence[str]) -> tuple[str, ...]:
        for n, name in enumerate(names):
            if name not in self._lanes:
                known = ", ".join(sorted(self._lanes)) or "none"
                found = f'no sink is called "{name}"; there are: {known}'
                self._conditions.fault(f"{place}.lanes.{n}", found)
        return tuple(dict.fromkeys(names))

    def _known_kinds(self, place: str, names: Sequence[str]) -> tuple[str, ...]:
        for n, name in enumerate(names):
            if name not in KINDS:
                wanted = f'wanted one of {", ".join(KINDS)}, found "{name}"'
                self._conditions.fault(f"{place}.tell.{n}", wanted)
        return tuple(names)

    def _known_windows(self, place: str, names: Sequence[str]) -> list[Window]:
        for n, name in enumerate(names):
            if name not in self._windows:
                known = ", ".join(sorted(self._windows)) or "none"
                found = f'no window is called "{name}"; there are: {known}'
                self._conditions.fault(f"{place}.{n}", found)
        return [self._windows[name] for name in names if name in self._windows]


def _decision(nodes: Iterable[_Node], now_ns: int) -> Decision:
    nodes = list(nodes)
    if len(nodes) == 1 and nodes[0].single is not None:
        return nodes[0].single
    lanes: dict[str, dict[str, None]] = {kind: {} for kind in KINDS}
    muted: dict[str, None] = {}
    windows: dict[str, None] = {}
    for node in nodes:
        if window := node.closed(now_ns):
            windows[window] = None
            muted |= dict.fromkeys(node.lanes)
            continue
        for kind in node.tell:
            lanes.get(kind, {}).update(dict.fromkeys(node.lanes))
    open_lanes = {lane for by_kind in lanes.values() for lane in by_kind}
    return Decision(
        tuple(node.path for node in nodes),
        {kind: tuple(names) for kind, names in lanes.items()},
        tuple(lane for lane in muted if lane not in open_lanes),
        tuple(windows),
    )
