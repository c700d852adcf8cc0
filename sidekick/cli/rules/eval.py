"""``sidekick rules eval``: what rules, or one condition, say of events in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from sidekick.cli.rules._events import Events
    from sidekick.rules.engine import Engine


@click.command("eval")
@click.option(
    "--rules",
    "first",
    multiple=True,
    metavar="FILE...",
    type=click.Path(path_type=Path),
    help="Rule files and folders, in their order; more may follow before the events.",
)
@click.option("--condition", metavar="TEXT", help="Print true or false for each event instead.")
@click.option(
    "--matching",
    type=click.Choice(["first", "all"]),
    default="first",
    show_default=True,
    help="One alert an event, or one of each rule that matches.",
)
@click.option("--priority", default="debug", show_default=True, help="The least severe rules.")
@click.option("--text", is_flag=True, help="Print alerts as text.")
@click.option("--iso8601", is_flag=True, help="Outputs begin with date and time in UTC.")
@click.option("--hostname", help="The hostname of alerts; this machine's by default.")
@click.argument("paths", nargs=-1, metavar="EVENTS", type=click.Path(path_type=Path))
def command(
    first: tuple[Path, ...],
    condition: str | None,
    matching: str,
    priority: str,
    text: bool,
    iso8601: bool,
    hostname: str | None,
    paths: tuple[Path, ...],
) -> int:
    """Match EVENTS, JSON objects one a line, with rules, and print the alerts as Falco does.

    An event is {"time": NS, "source": "syscall", "type": "openat", "fields": {"proc.name": "cat"}}
    or {"source": "k8s_audit", "payload": {AUDIT EVENT}}, or a line of an API server's audit log as
    it is. EVENTS "-", or none, is standard input. A line that is no event is told on standard
    error, the others go on, and the exit code is 1.

    With --condition, the answer to a bad line is "error"; the condition may use the macros and
    lists of --rules.
    """
    from sidekick.cli.rules._events import Events

    events = Events(paths[-1] if paths else Path("-"))
    files = [*first, *paths[:-1]]
    if condition is not None:
        lines = _verdicts(condition, files, events)
    elif files:
        lines = _alerts(_engine(files, matching, priority, iso8601, hostname), events, text)
    else:
        raise click.UsageError("say by which rules: --rules FILE... or --condition TEXT")
    _write(lines, at_once=events.live)
    return 1 if events.bad else 0


def _engine(
    files: Sequence[Path], matching: str, priority: str, iso8601: bool, hostname: str | None
) -> Engine:
    import socket

    from sidekick.cli.rules._rules import load_rules
    from sidekick.model import Priority
    from sidekick.rules.engine import Engine, EngineConfig

    least = Priority.parse(priority)
    if least is None:
        known = ", ".join(p.name.lower() for p in Priority)
        raise click.UsageError(f'unknown priority "{priority}"; there are {known}')
    config = EngineConfig(
        matching="all" if matching == "all" else "first",
        priority=least,
        hostname=socket.gethostname() if hostname is None else hostname,
        iso8601=iso8601,
    )
    return Engine(load_rules(files), config)


def _alerts(engine: Engine, events: Events, text: bool) -> Iterator[bytes]:
    from sidekick.rules.line import json_line, text_line

    for event in events:
        if event is not None:
            for alert in engine.alerts(event.source, event.type, event.record, event.time_ns):
                yield text_line(alert).encode() if text else json_line(alert)


def _verdicts(text: str, files: Sequence[Path], events: Events) -> Iterator[bytes]:
    from sidekick.cli.rules._rules import load_condition

    test = load_condition(text, files)
    for event in events:
        try:
            held = None if event is None else test(event.record)
        except (TypeError, AttributeError) as fault:
            events.refuse(f"a value is of another type than its field: {fault}")
            held = None
        yield b"error" if held is None else b"true" if held else b"false"


def _write(lines: Iterable[bytes], *, at_once: bool) -> None:
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
        if at_once:
            out.flush()
    out.flush()
