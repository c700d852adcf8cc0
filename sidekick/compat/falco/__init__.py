"""Falco's own configuration, falco.yaml, as sidekick's: the keys of Falco 0.44 and their elders."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sidekick.compat.falco import containers, engine, outputs, plugins
from sidekick.compat.falco.file import FalcoFile
from sidekick.compat.falco.keys import KEYS
from sidekick.compat.translation import Draft, Setting, Translation

_MARKS = """
rules_files rules_file rule_files json_output stdout_output syslog_output file_output http_output
program_output syscall_event_drops engine base_syscalls falco_libs libs_logger load_plugins
rule_matching outputs_queue webserver watch_config_files config_files
"""
_REPEATS = "Falco tells every repeat; without this line they are held back and counted"
_IDENTICAL = "the same: without it identical events beyond ten a second are one alert with a count"
_HISTORY = "Falco has no scores; without this line those of one pod or host add up"


def recognise(value: Mapping[str, Any], own: Collection[str]) -> bool:
    """Whether these are Falco's keys: at least one is that nobody else has, and none is one of our
    ``own``. A list of rules is Falco's, our ``rules`` are a section; ``metrics`` have both."""
    names = {str(key) for key in value} - {"metrics"}
    if isinstance(value.get("rules"), list):
        names.discard("rules")
    return not names.isdisjoint(_MARKS.split()) and names.isdisjoint(own)


def translate(value: Mapping[str, Any]) -> Translation:
    """The same for sidekick; what it has no counterpart for becomes a warning or a reason."""
    file, draft = FalcoFile(value), Draft()
    draft.set(Setting(("dedup", "enabled"), False, why=_REPEATS))
    draft.set(Setting(("score", "entity_window"), 0, why=_HISTORY))
    draft.set(Setting(("sensor", "repeats"), 0, why=_IDENTICAL))
    for key in KEYS:
        key.apply(file, draft)
    engine.translate(file, draft)
    containers.translate(file, draft)
    plugins.translate(file, draft)
    outputs.translate(file, draft)
    for name in file.left():
        draft.warn(f"{name}: sidekick knows no such setting of Falco's")
    return Translation(draft.settings, tuple(draft.warnings), draft.needless)
