"""``sidekick rules list``: the rules, in the order in which they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sidekick.cli._options import json_option
from sidekick.cli.rules._load import rules_options, sound

if TYPE_CHECKING:
    from sidekick.rules.event_types import TypeSet
    from sidekick.rules.ruleset import RuleSet

_SHOWN_TYPES = 4


@click.command("list")
@rules_options
@json_option
def command(rules: RuleSet, as_json: bool) -> None:
    """List rules in the order in which they are tried."""
    from sidekick.cli._text import print_json, print_table
    from sidekick.cli.rules.show import described

    sound(rules)
    if as_json:
        for rule in rules.rules:
            print_json(described(rules, rule))
        return
    rows: list[tuple[Any, ...]] = [
        (
            rule.name,
            rule.priority.label,
            rule.source,
            "on" if rule.definition.enabled else "off",
            _types(rule.types),
            ", ".join(rule.tags),
        )
        for rule in rules.rules
    ]
    print_table(("RULE", "PRIORITY", "SOURCE", "STATE", "EVENT TYPES", "TAGS"), rows)


def _types(types: TypeSet) -> str:
    if types.every:
        return "all"
    names = sorted(types.names)
    shown = ", ".join(names[:_SHOWN_TYPES])
    more = f" and {len(names) - _SHOWN_TYPES} more" if len(names) > _SHOWN_TYPES else ""
    return f"all but {shown}{more}" if types.inverted else f"{shown}{more}"
