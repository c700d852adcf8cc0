"""``sidekick route``: where alerts go, and why."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from sidekick.cli._api import Api
from sidekick.cli._options import api_options, config_option, json_option

if TYPE_CHECKING:
    from sidekick.pipeline.route import RouteConfig


@click.group("route")
def command() -> None:
    """Where alerts go, and why."""


@command.command("explain")
@click.argument("alert", type=click.File("rb"))
@click.option("--at", default="now", help='The time of receipt: "now", "2h", an RFC 3339 time.')
@config_option
@json_option
@api_options
def explain(api: Api, alert: BinaryIO, at: str, config: Path | None, as_json: bool) -> None:
    """What would happen to ALERT (a file with Falco's JSON, - for standard input), and why.

    With -c by that configuration alone, without a running hub; else by the running hub, with what
    it has seen lately. Nothing is sent, stored or counted.
    """
    from sidekick.cli._text import safe_json

    body = alert.read()
    text = _by_file(config, body, at) if config else api.post_raw("/explain", body, at=at)
    if as_json:
        click.echo(safe_json(text.decode()))
    else:
        _print(text)


def _by_file(config: Path, body: bytes, at: str) -> bytes:
    import msgspec

    from sidekick.errors import InvalidAlert
    from sidekick.settings import load
    from sidekick.settings.check import make_process
    from sidekick.sources.falco import decode
    from sidekick.web.moment import parse_moment

    try:
        at_ns = parse_moment(at, time.time_ns())
    except ValueError as error:
        raise click.UsageError(f"--at: {error}") from None
    try:
        found = decode(body)
    except InvalidAlert as error:
        raise click.ClickException(f"this is no alert: {error}") from None
    process = make_process(load(config, os.environ))
    return msgspec.json.encode(process.explain(found, at_ns))


def _print(text: bytes) -> None:
    import msgspec

    from sidekick.cli._text import safe

    found: dict[str, Any] = msgspec.json.decode(text)
    for step in found["steps"]:
        click.echo(f"{click.style(step['stage'], bold=True)}: {safe(step['result'])}")
        for why in step["why"]:
            click.echo(f"  {safe(why)}")
    lanes = ", ".join(found["outcome"]["lanes"]) or "none: it is only kept in the log"
    click.echo(f"{click.style('lanes', bold=True)}: {lanes}")


@command.command("show")
@config_option
@json_option
def show(config: Path | None, as_json: bool) -> None:
    """The tree of routes."""
    from sidekick.cli._text import print_json
    from sidekick.settings import load

    settings = load(config, os.environ)
    if as_json:
        print_json(settings.route.model_dump(mode="json", by_alias=True, exclude_unset=True))
        return
    for line in _tree(settings.route, "/", tuple(settings.sinks), 0):
        click.echo(line)


def _tree(route: RouteConfig, path: str, inherited: tuple[str, ...], depth: int) -> list[str]:
    from sidekick.cli._text import safe

    lanes = inherited if route.lanes is None else route.lanes
    facts = [safe(route.match) or "every alert"]
    facts += [f"score >= {route.min_score}"] if route.min_score else []
    facts += [f"{word} {', '.join(names)}" for word, names in _windows(route) if names]
    facts += ["continue"] if route.continue_ else []
    line = f"{'  ' * depth}{path}  {'; '.join(facts)}  ->  {', '.join(lanes) or 'no lane'}"
    below = [
        inner
        for number, child in enumerate(route.routes)
        for inner in _tree(child, child.name or str(number), lanes, depth + 1)
    ]
    return [line, *below]


def _windows(route: RouteConfig) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("active in", route.active), ("muted in", route.mute)
