"""falcosidekick's configuration as ours, by the tables of keys.

Every alert is delivered to every output whose threshold it reaches, as falcosidekick's users
expect: nothing is held back as a repeat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sidekick.compat import additions, addresses, identity, strangers
from sidekick.compat.key import Key, Output, Path
from sidekick.compat.outputs import outputs
from sidekick.compat.service import SERVICE
from sidekick.compat.source import Given, Source
from sidekick.compat.thresholds import Thresholds
from sidekick.compat.translation import Draft, Setting, Translation

_REPEATS = "falcosidekick tells every repeat; without this line they are held back and counted"
_HISTORY = "falcosidekick has no scores; without this line those of one pod or host add up"
_PAYLOAD = "it sends what falcosidekick sends; without this line what docs/sinks/ shows"


def translate(value: Mapping[str, Any], environ: Mapping[str, str]) -> Translation:
    """Our configuration, from a file's value and the environment that goes over it."""
    source = Source(value, environ, aliases())
    draft = Draft(warnings=source.warnings)
    draft.set(Setting(("dedup", "enabled"), False, why=_REPEATS))
    draft.set(Setting(("score", "entity_window"), 0, why=_HISTORY))
    reading = _Reading(source, draft)
    for key in SERVICE.keys:
        reading.key(SERVICE, key, ())
    additions.rewritten(source, draft)
    for output in outputs():
        reading.output(output)
    _sinks(draft, reading.thresholds)
    strangers.warn(source, draft)
    return Translation(draft.settings, tuple(draft.warnings), draft.needless)


def aliases() -> dict[str, str]:
    """Other variables that stand for a key."""
    tables = (SERVICE, *outputs())
    return {t.full(key.name): key.alias for t in tables for key in t.keys if key.alias}


def _sinks(draft: Draft, thresholds: Thresholds) -> None:
    """Who hears of what."""
    for setting in thresholds.settings(draft.sinks()):
        draft.set(setting)
    if not draft.sinks():
        draft.warn("no output is on that sidekick has: alerts are kept in its log and go nowhere")
        draft.set(Setting(("sinks",), {}, why="no output is on; without this line, stdout is"))


class _Reading:
    """Goes through tables and notes what becomes of each key."""

    def __init__(self, source: Source, draft: Draft) -> None:
        self._source = source
        self._draft = draft
        self.thresholds = Thresholds(draft)

    def output(self, output: Output) -> None:
        """Its sink, if it is switched on."""
        on = [name for name in output.switches if self._source.given(output.full(name))]
        if len(on) < len(output.switches):
            off = [output.full(name) for name in output.switches if name not in on]
            if on:
                self._draft.warn(f"{output.name}: it is off, as {', '.join(off)} is not set")
            return
        below: Path = ("sinks", output.sink)
        self._draft.set(Setting((*below, "type"), output.sink))
        self._draft.set(Setting((*below, "compat"), "falcosidekick", why=_PAYLOAD))
        for name, value, why in output.fixed:
            self._draft.set(Setting((*below, *name.split(".")), value, why=why))
        for key in output.keys:
            self.key(output, key, below)
        identity.one(self._draft, below)
        identity.trust(self._source, self._draft, output, below)

    def key(self, output: Output, key: Key, below: Path) -> None:
        """What becomes of one key; ``below`` is where its output's settings stand."""
        full = output.full(key.name)
        given = self._source.given(full)
        if reason := self._reason_against(output, key):
            if given is not None and given.text.lower() != key.default.lower():
                self._draft.needless[given.variable or full] = reason
                if key.unless:
                    self._draft.warn(f"{given.variable or full}: {reason}")
        elif key.kind in ("map", "fields"):
            additions.entries(self._source, self._draft, full, below, key)
        elif key.kind == "labels":
            additions.labels(self._source, self._draft, full, below, key)
        elif key.kind == "tags":
            additions.tags(self._source, self._draft, full, key)
        elif given is not None:
            self._given(output, full, given, below, key)
        elif key.written:
            value = converted(key.default, key)
            self._draft.set(
                Setting((*below, *key.to.split(".")), value, full, why="falcosidekick's default")
            )

    def _given(self, output: Output, full: str, given: Given, below: Path, key: Key) -> None:
        if key.needless:
            self._draft.needless[given.variable or full] = key.needless
        elif key.kind == "threshold":
            self.thresholds.add(output.sink, full, given)
        elif key.kind == "identity":
            identity.show(self._source, self._draft, full, given, below)
        elif key.kind == "addresses":
            addresses.take(self._draft, full, given, below, key)
        elif (value := converted(given.text, key)) is not None:
            path = (*below, *key.to.split("."))
            for setting in key.also if value is True else ():
                self._draft.set(Setting((*below, *setting.split(".")), True, full))
            whole = value == given.text or str(value) == given.text
            self._draft.set(
                Setting(
                    *(path, value, full, given.variable, given.place),
                    *(whole, key.secret, key.differs),
                )
            )

    def _reason_against(self, output: Output, key: Key) -> str:
        """Why the key means nothing as things are, "" if it does."""
        for name in key.when:
            if not self._counts(output, name):
                return f"it means nothing without {output.full(name)}"
        if key.unless and all(self._counts(output, name) for name in key.unless):
            return f"it means nothing beside {' and '.join(map(output.full, key.unless))}"
        return ""

    def _counts(self, output: Output, name: str) -> bool:
        """Whether a key is true, or set if it is no truth value."""
        key = next(key for key in output.keys if key.name == name)
        is_truth = key.default in ("true", "false")
        full = output.full(name)
        return self._source.is_on(full) if is_truth else self._source.given(full) is not None


def converted(text: str, key: Key) -> Any:
    """The value; what cannot be converted stays text, for our setting to say what it wants."""
    try:
        return key.convert(text)
    except ValueError:
        return text
