"""Which rules of a set are on: by name, by tag, in the order in which it is asked for."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sidekick.rules.ruleset import Rule, RuleSet


@dataclass(frozen=True, slots=True)
class Choice:
    """Turns rules on or off: those whose name matches ``rule``, in which ``*`` stands for
    anything; those that have ``tag``; those whose name holds ``containing``."""

    enable: bool
    rule: str = ""
    tag: str = ""
    containing: str = ""


def select(rules: RuleSet, choices: Iterable[Choice]) -> list[str]:
    """Turn rules of a set on and off; gives a sentence for each choice that no rule answers to."""
    unanswered: list[str] = []
    for choice in choices:
        for kind, wanted, holds in _tests(choice):
            found = [rule for rule in rules.rules if holds(rule)]
            for rule in found:
                rule.definition.enabled = choice.enable
            if not found:
                unanswered.append(f"no rule {kind} '{wanted}'{_near(kind, wanted, rules)}")
    return unanswered


def command_line_choices(
    only_tags: Sequence[str], without_tags: Sequence[str], without: Sequence[str]
) -> list[Choice]:
    """Falco's ``-t``, ``-T`` and ``-D``: only rules with one of some tags, none with one of some
    tags, none whose name holds one of some texts."""
    choices = [Choice(False, containing=text) for text in without]
    choices += (Choice(False, tag=tag) for tag in without_tags)
    if only_tags:
        choices.append(Choice(False, rule="*"))
        choices += (Choice(True, tag=tag) for tag in only_tags)
    return choices


def _tests(choice: Choice) -> Iterable[tuple[str, str, Callable[[Rule], object]]]:
    if choice.containing:
        yield "has in its name", choice.containing, lambda rule: choice.containing in rule.name
    if choice.rule:
        pattern = re.compile(".*".join(map(re.escape, choice.rule.split("*"))), re.DOTALL)
        yield "is named", choice.rule, lambda rule: pattern.fullmatch(rule.name)
    if choice.tag:
        yield "has the tag", choice.tag, lambda rule: choice.tag in rule.definition.tags


def _near(kind: str, wanted: str, rules: RuleSet) -> str:
    if kind == "has the tag":
        known = {tag for rule in rules.rules for tag in rule.definition.tags}
    else:
        known = {rule.name for rule in rules.rules}
    near = difflib.get_close_matches(wanted[:80], sorted(known), 1, 0.7)
    return f"; did you mean '{near[0]}'?" if near else ""
