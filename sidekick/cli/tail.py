"""``sidekick tail``: alerts as they come."""

from __future__ import annotations

import itertools

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option


@click.command("tail")
@click.argument("condition", default="")
@click.option("--limit", type=click.IntRange(1), help="End after so many alerts.")
@json_option
@api_options
def command(api: Api, condition: str, limit: int | None, as_json: bool) -> None:
    """Show alerts as they come, those that match CONDITION.

    \b
      sidekick tail 'alert.priority >= error'
      sidekick tail --json | jq .rule

    With --json: the document of each alert, one a line. Ends when the hub stops.
    """
    from sidekick import document
    from sidekick.cli._alert import alert_line
    from sidekick.cli._text import safe_json

    events = api.events("/alerts/live", match=condition)
    for body in itertools.islice(events, limit):
        if as_json:
            click.echo(safe_json(body.decode()))
        else:
            click.echo(alert_line(document.read(body)))
    if limit is None:
        raise click.ClickException(f"the hub at {api.url} has ended the live view")
