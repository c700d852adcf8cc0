"""``sidekick show``: one alert of the log, with all that was found out about it."""

from __future__ import annotations

from pathlib import Path

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option, state_option


@click.command("show")
@click.argument("id")
@state_option
@json_option
@api_options
def command(api: Api, id: str, state: Path | None, as_json: bool) -> None:
    """Show the alert with this ID: its fields, its score and why, its routes and lanes.

    The ID is what sinks send as `uuid`; `sidekick search --full` shows it, too.
    """
    from sidekick.cli._alert import alert_lines
    from sidekick.cli._log import log_of
    from sidekick.cli._text import print_json

    with log_of(api, state) as log:
        entry = log.find(id)
    if as_json:
        print_json(entry)
    else:
        click.echo("\n".join(alert_lines(entry)))
