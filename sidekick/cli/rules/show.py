"""``sidekick rules show``: all that is known of one rule, its macros and lists in place."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import click

from sidekick.cli._options import json_option
from sidekick.cli.rules._load import rules_options, sound

if TYPE_CHECKING:
    from sidekick.rules.event_types import TypeSet
    from sidekick.rules.ruleset import Rule, RuleSet

MOST_CHECKS = 20_000
"""A condition with more is not written out: macros can make one longer than any memory."""


@click.command("show")
@click.argument("name", metavar="RULE")
@rules_options
@json_option
def command(name: str, rules: RuleSet, as_json: bool) -> None:
    """Show one rule: its condition with macros and lists in place, its event types and fields."""
    from sidekick.cli._text import print_json

    rule = find(sound(rules), name)
    if as_json:
        print_json(described(rules, rule))
    else:
        _print(rules, rule)


def find(rules: RuleSet, name: str) -> Rule:
    """The rule of a name; raises ClickException with a similar name."""
    rule = rules.rule(name)
    if rule is None:
        known = [rule.name for rule in rules.rules]
        near = difflib.get_close_matches(name, known, 1, 0.5)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise click.ClickException(f"there is no rule '{name}'{hint}")
    return rule


def described(rules: RuleSet, rule: Rule) -> dict[str, Any]:
    """A rule as JSON; ``expanded`` is null if it is too long."""
    from sidekick.cli.rules._filled import unfilled
    from sidekick.rules.definitions import text_of
    from sidekick.rules.printer import canonical

    mark = rule.definition.context.mark
    small = rules.graph.size(rule.node) <= MOST_CHECKS
    return {
        "rule": rule.name,
        "description": rule.description,
        "priority": rule.priority.label,
        "source": rule.source,
        "enabled": rule.definition.enabled,
        "tags": rule.tags,
        "file": rule.definition.context.file,
        "line": mark.line + 1,
        "event_types": _types(rule.types),
        "fields": rules.keys(rule),
        "unfilled_fields": unfilled(rules, rule),
        "exceptions": [exception.name for exception in rule.definition.exceptions],
        "condition": text_of(rule.definition.condition),
        "expanded": canonical(rules.graph.tree(rule.node)) if small else None,
        "output": rule.output.text,
        "output_fields": sorted(rule.output.keys),
    }


def _types(types: TypeSet) -> list[str] | str:
    return "all" if types.every else sorted(types.known())


def _print(rules: RuleSet, rule: Rule) -> None:
    from sidekick.cli._text import coloured, safe
    from sidekick.rules.layout import layout

    known = described(rules, rule)
    types = known["event_types"]
    rows = {
        "Rule": safe(rule.name),
        "Description": safe(" ".join(rule.description.split())),
        "Priority": coloured(rule.priority.label),
        "Source": safe(rule.source),
        "State": "on" if rule.definition.enabled else "off",
        "Tags": safe(", ".join(rule.tags)),
        "Written in": safe(f"{known['file']}:{known['line']}"),
        "Event types": types if isinstance(types, str) else ", ".join(types) or "none",
        "Fields": safe(", ".join(known["fields"])),
        "Filled by no source": safe(", ".join(known["unfilled_fields"])),
        "Exceptions": safe(", ".join(known["exceptions"])),
        "Output": safe(rule.output.text),
        "Output fields": safe(", ".join(known["output_fields"])),
    }
    for heading, text in rows.items():
        if text:
            click.echo(f"{heading + ':':<21}{text}")
    click.echo("Condition:")
    if known["expanded"] is None:
        click.echo(f"  {rules.graph.size(rule.node):,} checks, too many to write out")
        return
    for line in layout(rules.graph.tree(rule.node)):
        click.echo(f"  {safe(line)}")
