"""``sidekick rules profile``: what each rule costs, and how often it matches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sidekick.cli._options import json_option
from sidekick.cli.rules._load import events_options, load_rules, section_of, sound

if TYPE_CHECKING:
    from sidekick.rules.profile import Profile, RuleCost
    from sidekick.rules.select import Choice

_ENOUGH = 1_000_000


@click.command("profile")
@events_options
@click.option("--limit", type=click.IntRange(1), help="Only so many of the dearest rules.")
@json_option
def command(
    files: Sequence[Path],
    path: Path,
    config: Path | None,
    choices: Sequence[Choice],
    limit: int | None,
    as_json: bool,
) -> int:
    """Time each rule on EVENTS, JSON objects one a line as for `rules eval`.

    EVENTS: how many of them the rule is tried on, by their type. HITS: how many it matches. ALERTS:
    those of which it is the first rule to match. NS: the time of its condition for one of these
    events, the fields being at hand. SHARE: its part of the time of all rules.
    """
    from sidekick.cli.rules._events import Events
    from sidekick.rules.profile import profile

    events = Events(path)
    rules = sound(load_rules(section_of(files, config), choices))
    read = [event for event, _ in zip(events, range(_ENOUGH), strict=False) if event is not None]
    if not read:
        raise click.ClickException("there is no event to try the rules on")
    found = profile(rules, read, time.perf_counter_ns)
    if as_json:
        _print_json(found, limit)
    else:
        _print(found, limit)
    return 1 if events.bad else 0


def _print(found: Profile, limit: int | None) -> None:
    from sidekick.cli._text import counted, print_table

    whole = sum(cost.cost_ns for cost in found.costs) or 1
    rows = [
        (
            cost.events,
            cost.hits,
            cost.alerts,
            _each(cost),
            f"{100 * cost.cost_ns / whole:.1f}%",
            cost.rule.name,
        )
        for cost in found.costs[:limit]
    ]
    print_table(("EVENTS", "HITS", "ALERTS", "NS", "SHARE", "RULE"), rows)
    each = found.total_ns / found.events
    rate = counted(int(1e9 / each), "event") if each else "no time"
    rules = counted(len(found.costs), "rule")
    click.echo(f"{rules} together: {each:,.0f} ns an event, {rate} a second on one core", err=True)


def _print_json(found: Profile, limit: int | None) -> None:
    from sidekick.cli._text import print_json

    for cost in found.costs[:limit]:
        print_json(
            {
                "rule": cost.rule.name,
                "events": cost.events,
                "hits": cost.hits,
                "alerts": cost.alerts,
                "cost_ns": cost.cost_ns,
            }
        )


def _each(cost: RuleCost) -> int:
    return round(cost.cost_ns / cost.events) if cost.events else 0
