"""``sidekick dead``: the dead letters, what lanes gave up on."""

from __future__ import annotations

from pathlib import Path

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, json_option, limit_option, state_option

lane_option = click.option("--lane", help="Only those of this lane.")
all_option = click.option("--all", "everything", is_flag=True, help="All of them.")


@click.group("dead")
def command() -> None:
    """Dead letters: alerts that a lane gave up on."""


@command.command("list")
@lane_option
@limit_option
@state_option
@json_option
@api_options
def list_(api: Api, lane: str | None, limit: int, state: Path | None, as_json: bool) -> None:
    """List dead letters, newest first."""
    from sidekick import document
    from sidekick.cli._log import log_of
    from sidekick.cli._text import print_json, print_table
    from sidekick.web.moment import print_moment

    with log_of(api, state) as log:
        found = log.dead_letters(lane, limit)
    if as_json:
        for letter in found:
            print_json(letter)
    elif not found:
        click.echo("There are no dead letters.", err=True)
    else:
        rows = [
            (
                d.id,
                d.lane,
                print_moment(d.died_ns),
                d.attempts,
                document.read(bytes(d.document)).rule,
                d.error[:200],
            )
            for d in found
        ]
        print_table(("ID", "LANE", "DIED", "TRIES", "RULE", "ERROR"), rows, clip=True)


@command.command("show")
@click.argument("id")
@state_option
@json_option
@api_options
def show(api: Api, id: str, state: Path | None, as_json: bool) -> None:
    """Show a dead letter: in which lanes it died, why, and the alert."""
    import msgspec

    from sidekick.cli._log import log_of
    from sidekick.cli._text import counted, print_json, safe, safe_json
    from sidekick.web.moment import print_moment

    with log_of(api, state) as log:
        found = log.dead_letters(None, 100, id)
    if not found:
        raise click.ClickException(f'there is no dead letter "{safe(id)}"')
    for letter in found:
        if as_json:
            print_json(letter)
            continue
        tries = counted(letter.attempts, "try", "tries")
        click.echo(f"{letter.id} died in lane {safe(letter.lane)}")
        click.echo(f"  at     {print_moment(letter.died_ns)}, after {tries}")
        click.echo(f"  error  {safe(letter.error)}")
    if not as_json:  # the same alert in each lane
        for line in msgspec.json.format(bytes(found[0].document)).decode().split("\n"):
            click.echo(f"  {safe_json(line)}")


@command.command("retry")
@click.argument("ids", nargs=-1)
@lane_option
@all_option
@json_option
@api_options
def retry(
    api: Api, ids: tuple[str, ...], lane: str | None, everything: bool, as_json: bool
) -> None:
    """Let the lanes try dead letters again: those with IDS, of a lane, or all."""
    _settle(api, "retry", "queued again", ids, lane, everything, as_json)


@command.command("drop")
@click.argument("ids", nargs=-1)
@lane_option
@all_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@api_options
def drop(
    api: Api,
    ids: tuple[str, ...],
    lane: str | None,
    everything: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Forget dead letters for good: those with IDS, of a lane, or all."""
    if not ids and not yes and (lane or everything):
        whose = f"of lane {lane}" if lane else "of all lanes"
        click.confirm(f"Forget all dead letters {whose} for good?", abort=True, err=True)
    _settle(api, "drop", "dropped", ids, lane, everything, as_json)


def _settle(
    api: Api,
    what: str,
    done: str,
    ids: tuple[str, ...],
    lane: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    from sidekick.cli._text import counted, print_json
    from sidekick.web.replies import Count

    if not (ids or lane or everything) or (everything and (ids or lane)):
        raise click.UsageError(f"say which dead letters to {what}: IDS, --lane NAME or --all")
    body = {"lane": lane, "ids": list(ids) or None}
    answer = api.post(f"/dead/{what}", Count, body, patient=True)
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{counted(answer.count, 'dead letter')} {done}.")
    if ids and answer.count < len(set(ids)):
        raise click.ClickException(f"{len(set(ids)) - answer.count} of these ids were not found")
