"""``sidekick replay``: send alerts of the log again."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option

if TYPE_CHECKING:
    from sidekick.hub.view import LaneStatus

_LOOK_SECS = 0.5


@click.command("replay")
@click.option("--lane", required=True, help="The lane that shall deliver them.")
@click.option("--since", required=True, help='How long ago ("2h", "1d"), or an RFC 3339 time.')
@click.option("--until", default="now", show_default=True, help="How long ago, or a time.")
@click.option("--match", default="", help="Only alerts that match this condition.")
@click.option(
    "--wait/--no-wait", default=None, help="Wait for the deliveries; as a rule on a terminal only."
)
@json_option
@api_options
def command(
    api: Api, lane: str, since: str, until: str, match: str, wait: bool | None, as_json: bool
) -> None:
    """Send alerts of the log again by one lane.

    Receivers that know an alert by its id do not take it twice.
    """
    from rich.console import Console

    from sidekick.cli._text import counted, print_json
    from sidekick.web.replies import Count

    before = _status(api, lane)
    body = {"lane": lane, "since": since, "until": until, "match": match}
    with Console(stderr=True).status("Queueing"):
        answer = api.post("/replay", Count, body, patient=True)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{counted(answer.count, 'alert')} queued for lane {lane}.")
    if answer.count and (sys.stderr.isatty() if wait is None else wait):
        _watch(api, before, answer.count)


def _status(api: Api, lane: str) -> LaneStatus:
    from sidekick.web.replies import Lanes

    lanes = {found.name: found for found in api.get("/lanes", Lanes).lanes}
    if lane not in lanes:
        names = ", ".join(sorted(lanes)) or "none"
        raise click.ClickException(f'there is no lane "{lane}"; the lanes are: {names}')
    return lanes[lane]


def _watch(api: Api, before: LaneStatus, count: int) -> None:
    """Show a bar until the lane has nothing left; the hub goes on when this is interrupted."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as progress:
        task = progress.add_task("Delivering", total=count)
        while True:
            status = _status(api, before.name)
            settled = status.delivered + status.dead - before.delivered - before.dead
            done = count if status.depth == 0 else max(0, min(settled, count))
            state = "Delivering" if status.state == "running" else f"Lane is {status.state}"
            progress.update(task, completed=done, description=state)
            if done >= count:
                return
            time.sleep(_LOOK_SECS)
