"""``sidekick top``: what comes, what goes, what waits, live."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from sidekick.cli._api import Api, Unreachable
from sidekick.cli._options import api_options, json_option

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from sidekick.hub.view import LaneStatus, LogStats
    from sidekick.web.replies import Lanes, Rates

_STATES = {"running": "green", "paused": "red", "opening": "yellow", "stopped": "dim"}
_PRIORITIES = {
    **dict.fromkeys(("Emergency", "Alert", "Critical", "Error"), "red"),
    "Warning": "yellow",
    "Notice": "cyan",
}


@click.command("top")
@click.option("--once", is_flag=True, help="Print one picture and end.")
@click.option(
    "--every", type=click.FloatRange(0.5, 60), default=2.0, show_default=True, help="Seconds."
)
@click.option("--window", default="1m", show_default=True, help="What rates are an average of.")
@json_option
@api_options
def command(api: Api, once: bool, every: float, window: str, as_json: bool) -> None:
    """Show rates, lanes and the rules seen most. Ctrl-C ends it."""
    from rich.console import Console

    from sidekick.cli._text import print_json

    if as_json:
        rates, lanes, log = _ask(api, window)
        print_json({"rates": rates, "lanes": lanes.lanes, "log": log})
        return
    console = Console(highlight=False)
    if once or not console.is_terminal:
        console.print(picture(api, *_ask(api, window)))
        return
    with suppress(KeyboardInterrupt):
        _live(api, console, every, window)


def _live(api: Api, console: Any, every: float, window: str) -> None:
    from rich.live import Live

    with Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                shown: RenderableType = picture(api, *_ask(api, window))
            except Unreachable as error:
                shown = error.message  # the hub may come back
            live.update(shown, refresh=True)
            time.sleep(every)


def _ask(api: Api, window: str) -> tuple[Rates, Lanes, LogStats]:
    from sidekick.hub.view import LogStats
    from sidekick.web.replies import Lanes, Rates

    return (
        api.get("/rates", Rates, window=window, top=15),
        api.get("/lanes", Lanes),
        api.get("/log", LogStats),
    )


def picture(api: Api, rates: Rates, lanes: Lanes, log: LogStats) -> RenderableType:
    """One frame, as wide as the terminal."""
    from rich.console import Group

    return Group(_head(api, rates, log), "", _lanes(rates, lanes.lanes), "", _rules(rates))


def _head(api: Api, rates: Rates, log: LogStats) -> RenderableType:
    from rich.text import Text

    from sidekick.cli._text import size

    taken, told = rates.received.get("accepted", 0.0), rates.assessed
    line = f"{api.url}   in {taken:,.1f}/s"
    line += "".join(f"   {kind} {per_second:,.1f}/s" for kind, per_second in sorted(told.items()))
    text = Text(line)
    rejected, shed = rates.received.get("rejected", 0.0), rates.received.get("shed", 0.0)
    if rejected:
        text.append(f"   rejected {rejected:,.1f}/s", style="yellow")
    if shed:
        text.append(f"   shed {shed:,.1f}/s", style="bold red")
    text.append(f"\nlog {log.alerts:,} alerts, {size(log.bytes)} of {size(log.limit_bytes)}")
    if log.full:
        text.append("   FULL", style="bold red")
    for reason, count in rates.lost.items():
        if count:
            text.append(f"\nlost {count:,}: {reason}", style="bold red")
    return text


def _lanes(rates: Rates, lanes: list[LaneStatus]) -> RenderableType:
    from sidekick.cli._text import length, safe

    table = _table("LANE", "TYPE", "STATE", ">WAITING", ">OLDEST", ">OUT/s", ">DEAD", "LAST ERROR")
    table.columns[0].min_width = min(20, max([len(lane.name) for lane in lanes], default=0))
    for lane in lanes:
        table.add_row(
            lane.name,
            lane.type,
            f"[{_STATES.get(lane.state, '')}]{lane.state}[/]",
            f"{lane.depth:,}",
            length(lane.oldest_age_secs) if lane.depth else "-",
            f"{rates.delivered.get(lane.name, 0.0):,.1f}",
            f"{lane.dead:,}",
            _literal(safe(lane.last_error)),
        )
    return table


def _rules(rates: Rates) -> RenderableType:
    from sidekick.cli._text import safe

    table = _table(">ALERTS", ">PER s", "PRIORITY", "SOURCE", "RULE")
    for rule in rates.rules:
        colour = _PRIORITIES.get(rule.priority, "")
        table.add_row(
            f"{rule.count:,}",
            f"{rule.per_second:,.2f}",
            f"[{colour}]{rule.priority}[/]" if colour else rule.priority,
            _literal(safe(rule.source)),
            _literal(safe(rule.rule)),
        )
    return table


def _table(*headings: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold", expand=False)
    for heading in headings:
        table.add_column(
            heading.removeprefix(">"),
            justify="right" if heading.startswith(">") else "left",
            no_wrap=heading != headings[-1],  # where it is narrow, the last one gives way
        )
    return table


def _literal(text: str) -> Any:
    """A text of others, in which square brackets are no markup."""
    from rich.text import Text

    return Text(text)
