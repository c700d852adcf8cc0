"""``sidekick quarantine``: what was posted and is no alert."""

from __future__ import annotations

from pathlib import Path

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option, limit_option, state_option


@click.command("quarantine")
@limit_option
@state_option
@json_option
@api_options
def command(api: Api, limit: int, state: Path | None, as_json: bool) -> None:
    """List what senders posted that is no alert, newest first, and why it is none."""
    from sidekick.cli._log import log_of
    from sidekick.cli._text import print_json, safe
    from sidekick.web.moment import print_moment

    with log_of(api, state) as log:
        found = log.quarantined(limit)
    for body in found:
        if as_json:
            print_json(body)
            continue
        click.echo(
            f"{print_moment(body.received_ns)} from {safe(body.source)}: {safe(body.reason)}"
        )
        click.echo(click.style(f"    {safe(body.body[:500])}", dim=True))
    if not found and not as_json:
        click.echo("The quarantine is empty.", err=True)
