"""``sidekick rules eval``: what rules, or one condition, say of events in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sidekick.cli.rules._load import events_options, load_rules, section_of, sound

if TYPE_CHECKING:
    from sidekick.cli.rules._events import Events
    from sidekick.model import Alert, Priority
    from sidekick.rules.config import RulesConfig
    from sidekick.rules.engine import Engine
    from sidekick.rules.select import Choice


@click.command("eval")
@events_options
@click.option("--condition", metavar="TEXT", help="Print true or false for each event instead.")
@click.option(
    "--matching",
    "--rule-matching",
    "matching",
    type=click.Choice(["first", "all"]),
    help="One alert an event, or one of each rule that matches.",
)
@click.option("--priority", help="The least severe rules.")
@click.option("--text", is_flag=True, help="Print alerts as text.")
@click.option("--iso8601", is_flag=True, help="Outputs begin with date and time in UTC.")
@click.option("--hostname", help="The hostname of alerts; this machine's by default.")
@click.option(
    "--without-property",
    "omitted",
    multiple=True,
    type=click.Choice(["output", "output_fields", "tags"]),
    help="Leave a part out of the JSON.",
)
@click.option("--with-message", is_flag=True, help="Add the output without time and priority.")
def command(
    files: Sequence[Path],
    path: Path,
    config: Path | None,
    choices: Sequence[Choice],
    condition: str | None,
    omitted: tuple[str, ...],
    with_message: bool,
    text: bool,
    **options: Any,
) -> int:
    """Match EVENTS, JSON objects one a line, with rules, and print the alerts as Falco does.

    An event is {"time": NS, "source": "syscall", "type": "openat", "fields": {"proc.name": "cat"}}
    or {"source": "k8s_audit", "payload": {AUDIT EVENT}}, or a line of an API server's audit log as
    it is. EVENTS "-", or none, is standard input. A line that is no event is told on standard
    error, the others go on, and the exit code is 1.

    The rules are those of --rules, else of the configuration, else the packs that are shipped. With
    --condition, the answer to a bad line is "error"; the condition may use the macros and lists of
    --rules.
    """
    from sidekick.cli.rules._events import Events
    from sidekick.rules.line import JsonParts, json_line, text_line

    events = Events(path)
    if condition is not None:
        lines = _verdicts(condition, files, events)
    else:
        engine = _engine(section_of(files, config), choices, **options)
        parts = JsonParts(message=with_message, **dict.fromkeys(omitted, False))
        line = text_line if text else partial(json_line, parts=parts)
        lines = map(line, _alerts(engine, events))
    _write(lines, at_once=events.live)
    return 1 if events.bad else 0


def _engine(
    section: RulesConfig,
    choices: Sequence[Choice],
    *,
    matching: str | None,
    priority: str | None,
    iso8601: bool,
    hostname: str | None,
) -> Engine:
    """The engine of the settings, with what the command line says instead."""
    import socket
    from dataclasses import replace

    from sidekick.rules.engine import Engine

    config = section.engine_config(socket.gethostname() if hostname is None else hostname)
    if matching is not None:
        config = replace(config, matching="all" if matching == "all" else "first")
    if priority is not None:
        config = replace(config, priority=_priority(priority))
    if iso8601:
        config = replace(config, iso8601=True)
    return Engine(sound(load_rules(section, choices)), config)


def _priority(text: str) -> Priority:
    from sidekick.model import Priority

    found = Priority.parse(text)
    if found is None:
        known = ", ".join(p.name.lower() for p in Priority)
        raise click.UsageError(f'unknown priority "{text}"; there are {known}')
    return found


def _alerts(engine: Engine, events: Events) -> Iterator[Alert]:
    for event in events:
        if event is not None:
            yield from engine.alerts(event.source, event.type, event.record, event.time_ns)


def _verdicts(text: str, files: Sequence[Path], events: Events) -> Iterator[bytes]:
    from sidekick.cli.rules._condition import load_condition

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
