"""``sidekick search``: alerts of the log."""

from __future__ import annotations

from pathlib import Path

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option, limit_option, state_option


@click.command("search")
@click.argument("condition", default="")
@click.option("--since", default="1h", show_default=True, help="How long ago, or a time.")
@click.option("--until", default="now", show_default=True, help="How long ago, or a time.")
@limit_option
@click.option("--full", is_flag=True, help="All that is known of each alert, and its id.")
@state_option
@json_option
@api_options
def command(
    api: Api,
    condition: str,
    since: str,
    until: str,
    limit: int,
    full: bool,
    state: Path | None,
    as_json: bool,
) -> None:
    """Search the log for alerts that match CONDITION, newest first.

    \b
      sidekick search 'alert.priority >= warning and proc.name = nc' --since 2d
      sidekick search 'k8s.ns.name = shop' --since 2026-01-31T12:00:00Z --json

    With --json: one object a line, in which `document` is the alert.
    """
    from sidekick import document
    from sidekick.cli._alert import alert_line, alert_lines
    from sidekick.cli._log import log_of
    from sidekick.cli._text import print_json

    with log_of(api, state) as log:
        found = log.search(condition, since, until, limit)
    for entry in found:
        if as_json:
            print_json(entry)
        elif full:
            click.echo("\n".join(alert_lines(entry)))
        else:
            click.echo(alert_line(document.read(bytes(entry.document))))
    if not found and not as_json:
        click.echo("No alert of that time matches.", err=True)
    elif len(found) == limit:
        click.echo(f"These are the newest {limit:,}; --limit shows more.", err=True)
