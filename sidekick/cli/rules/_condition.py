"""A condition for a command, with the macros and lists of rule files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sidekick.cli.rules._load import sound

_NAME = "--condition"


def load_condition(text: str, files: Sequence[Path]) -> Callable[[Mapping[str, Any]], bool]:
    """A condition over the fields of all sources, which may use the macros and lists of files."""
    from sidekick.rules.compile import compile_condition
    from sidekick.rules.falco_fields import FALCO_FIELDS

    if not files:
        return compile_condition(text, FALCO_FIELDS).test
    return _with_macros(text, files)


def _with_macros(text: str, files: Sequence[Path]) -> Callable[[Mapping[str, Any]], bool]:
    from sidekick.rule_files import rule_files
    from sidekick.rules.falco_fields import FALCO_FIELDS, SOURCES
    from sidekick.rules.load import load
    from sidekick.rules.matcher import make_matcher

    texts = [(str(path), path.read_text(encoding="utf-8")) for path in rule_files(files)]
    rule = {"rule": _NAME, "condition": text, "desc": "-", "output": "-", "priority": "DEBUG"}
    texts.append((_NAME, json.dumps([rule])))
    rules = sound(load(texts, sources=dict.fromkeys(SOURCES, FALCO_FIELDS)))
    found = rules.rule(_NAME)
    assert found
    code = rules.sources[found.source]
    match = make_matcher(rules.graph, code.codes, code.names, [(0, found.node)], {}, every=False)
    return lambda record: bool(match(record))
