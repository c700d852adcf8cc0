"""``sidekick rules diff``: what two versions of rules mean differently."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sidekick.cli._options import json_option

if TYPE_CHECKING:
    from sidekick.rules.difference import Change, Difference
    from sidekick.rules.ruleset import Rule, RuleSet

_COLOURS = {"+": "green", "-": "red"}


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option(
    "--base",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Rule file or folder that is read before OLD, and before NEW.",
)
@json_option
def command(old: Path, new: Path, base: tuple[Path, ...], as_json: bool) -> int:
    """Show what rules mean differently in NEW than in OLD, two rule files or folders.

    \b
      sidekick rules diff falco_rules-5.0.yaml falco_rules-5.1.yaml
      sidekick rules diff --base falco_rules.yaml local.yaml local-new.yaml

    Conditions are compared with macros and lists in place. Exits with 1 if anything differs.
    """
    from sidekick.cli._text import print_json
    from sidekick.cli.rules._load import load_rules, section_of, sound
    from sidekick.rules.difference import difference

    before, after = (sound(load_rules(section_of([*base, path], None))) for path in (old, new))
    found = difference(before, after)
    if as_json:
        print_json(_as_json(found, before, after))
    else:
        _print(found, before, after)
    return 1 if found else 0


def _as_json(found: Difference, before: RuleSet, after: RuleSet) -> dict[str, Any]:
    changes = []
    for change in found.changed:
        aspects = {name: {"old": old, "new": new} for name, (old, new) in change.aspects.items()}
        if change.condition:
            texts = (_lines(before, change.old), _lines(after, change.new))
            aspects["condition"] = {"old": " ".join(texts[0]), "new": " ".join(texts[1])}
        changes.append({"rule": change.new.name, "changes": aspects})
    return {
        "added": [rule.name for rule in found.added],
        "removed": [rule.name for rule in found.removed],
        "changed": changes,
        "moved": [rule.name for rule in found.moved],
    }


def _print(found: Difference, before: RuleSet, after: RuleSet) -> None:
    from sidekick.cli._text import counted, safe

    for sign, rules in (("+", found.added), ("-", found.removed)):
        for rule in rules:
            _signed(f"{sign} {rule.name} ({rule.priority.label}, {rule.source})")
    for change in found.changed:
        click.echo(f"~ {safe(change.new.name)}")
        for line in _changes(change, before, after):
            _signed(line)
    for rule in found.moved:
        click.echo(f"> {safe(rule.name)} is tried at another place")
    click.echo(
        f"{counted(len(found.added), 'rule')} added, {len(found.removed)} removed, "
        f"{len(found.changed)} changed, {len(found.moved)} moved"
    )


def _changes(change: Change, before: RuleSet, after: RuleSet) -> Iterator[str]:
    for name, (old, new) in change.aspects.items():
        yield f"    {name}:"
        yield from (f"  -   {old}", f"  +   {new}")
    if change.condition:
        yield "    condition:"
        lines = difflib.ndiff(_lines(before, change.old), _lines(after, change.new))
        yield from (f"  {line[0]}   {line[2:]}" for line in lines if line[0] != "?")


def _lines(rules: RuleSet, rule: Rule) -> list[str]:
    from sidekick.cli.rules.show import MOST_CHECKS
    from sidekick.rules.layout import layout

    size = rules.graph.size(rule.node)
    if size > MOST_CHECKS:
        return [f"({size:,} checks, too many to write out)"]
    return layout(rules.graph.tree(rule.node))


def _signed(line: str) -> None:
    from sidekick.cli._text import safe

    click.secho(safe(line), fg=_COLOURS.get(line.strip()[:1]))
