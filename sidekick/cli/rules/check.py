"""``sidekick rules check``: do rule files load, and will their rules see what they ask for?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sidekick.cli._options import json_option
from sidekick.cli.rules._load import rules_options

if TYPE_CHECKING:
    from sidekick.rules.findings import Finding
    from sidekick.rules.ruleset import RuleSet


@click.command("check")
@rules_options
@json_option
def command(rules: RuleSet, as_json: bool) -> int:
    """Check rule files: every error and warning, each with its line.

    \b
    Files and folders are read in order, as Falco does; later ones change earlier ones. With
    --json it prints Falco's own validation result. Exits with 1 if there is an error.
    """
    from sidekick.cli._text import print_json

    missing = _unfilled(rules)
    if as_json:
        print_json({**rules.as_json(), "unfilled_fields": missing})
    else:
        _print(rules, missing)
    return 0 if rules.ok else 1


def _unfilled(rules: RuleSet) -> dict[str, list[str]]:
    """By each field that no source fills, the enabled rules that read it."""
    from sidekick.cli.rules._filled import unfilled

    found: dict[str, list[str]] = {}
    for rule in rules.rules:
        if rule.definition.enabled:
            for key in unfilled(rules, rule):
                found.setdefault(key, []).append(rule.name)
    return dict(sorted(found.items()))


def _print(rules: RuleSet, missing: dict[str, list[str]]) -> None:
    from sidekick.cli._text import counted, safe

    _print_findings(rules, "fail", rules.errors)
    _print_findings(rules, "warn", rules.warnings)
    for key, names in missing.items():
        _tell("warn", f"{key}: no source fills it yet; read by {safe(_some(names))}")
    off = sum(not rule.definition.enabled for rule in rules.rules)
    loaded = f"{counted(len(rules.rules), 'rule')} ({off} disabled), " if rules.ok else ""
    click.echo(
        f"{counted(len(rules.results), 'file')}: {loaded}"
        f"{counted(len(rules.errors), 'error')}, {counted(len(rules.warnings), 'warning')}"
    )


def _print_findings(rules: RuleSet, word: str, findings: Iterable[Finding]) -> None:
    from sidekick.cli._text import safe
    from sidekick.cli.rules._load import describe

    for found in findings:
        _tell(word, f"{describe(rules, found)} [{found.code.name}]")
        for line in found.lines(rules.contents).splitlines():
            click.echo(f"      {safe(line)}")


def _tell(word: str, sentence: str) -> None:
    from sidekick.cli._text import coloured

    click.echo(f"{coloured(word)}  {sentence}")


def _some(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
