"""``sidekick silence``: hold alerts back for a while."""

from __future__ import annotations

import getpass
import os

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option


@click.group("silence")
def command() -> None:
    """Silences: what is kept in the log but told to nobody for a while."""


@command.command("add")
@click.argument("condition")
@click.option(
    "--for", "--until", "ends", required=True, help='How long ("2h", "7d"), or an RFC 3339 time.'
)
@click.option("--starts", default="now", show_default=True, help='In how long ("1h"), or a time.')
@click.option("-m", "--comment", required=True, help="Why: for the next person who wonders.")
@click.option("--creator", default="", help="Who wants it; without it: your user name.")
@json_option
@api_options
def add(
    api: Api, condition: str, ends: str, starts: str, comment: str, creator: str, as_json: bool
) -> None:
    """Silence alerts that match CONDITION.

    \b
      sidekick silence add 'alert.rule = "Terminal shell in container"' --for 2h -m 'drill'
    """
    from sidekick.cli._text import print_json
    from sidekick.hub.view import SilenceStatus
    from sidekick.web.moment import print_moment

    body = {"match": condition, "starts": starts, "ends": ends, "comment": comment}
    body["creator"] = creator or _user()
    silence = api.post("/silences", SilenceStatus, body)
    if as_json:
        print_json(silence)
    else:
        click.echo(f"Silence {silence.id} lasts until {print_moment(silence.ends_ns)}.")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user, who has no name
        return f"uid {os.getuid()}"


@command.command("list")
@click.option("--expired", is_flag=True, help="Those that have ended, too.")
@json_option
@api_options
def list_(api: Api, expired: bool, as_json: bool) -> None:
    """List silences, the one that ends last first."""
    from sidekick.cli._text import print_json, print_table
    from sidekick.web.moment import print_moment
    from sidekick.web.replies import Silences

    all_ = api.get("/silences", Silences).silences
    found = [s for s in all_ if expired or s.state != "expired"]
    if as_json:
        for silence in found:
            print_json(silence)
    elif not found:
        click.echo("There are no silences.", err=True)
    else:
        rows = [
            (s.id, s.state, print_moment(s.ends_ns), s.creator, s.comment, s.match) for s in found
        ]
        print_table(("ID", "STATE", "ENDS", "CREATOR", "COMMENT", "CONDITION"), rows)


@command.command("expire")
@click.argument("id")
@json_option
@api_options
def expire(api: Api, id: str, as_json: bool) -> None:
    """End a silence now."""
    from urllib.parse import quote

    from sidekick.cli._text import print_json, safe
    from sidekick.hub.view import SilenceStatus

    silence = api.delete(f"/silences/{quote(id, safe='')}", SilenceStatus)
    if as_json:
        print_json(silence)
    else:
        click.echo(f"Silence {safe(silence.id)} has ended.")
