"""``sidekick rules prefilter``: what of each rule the kernel is asked, so that it tells no more."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from sidekick.cli.rules._load import rules_options, sound

if TYPE_CHECKING:
    from sidekick.ebpf.filters import Clause, Paths
    from sidekick.rules.ruleset import RuleSet

_SHOWN = 6
_ACCESS = {os.O_RDONLY: "read", os.O_WRONLY: "write", os.O_RDWR: "read and write", 3: "neither"}


@click.command()
@rules_options
def command(rules: RuleSet) -> None:
    """Show what the kernel is asked for each rule, before it tells of a system call.

    A call is told if one of a rule's lines holds. "everything" means that the rule asks for nothing
    that the kernel can tell. Successful execs are always told: the sensor needs them itself.
    """
    from sidekick.cli._text import safe
    from sidekick.rules.engine import Engine
    from sidekick.sensor.prefilter import Derivation, conditions

    engine = Engine(sound(rules))
    derived = {call: Derivation(engine.graph, call) for call in conditions(engine)}
    for rule in engine.rules:
        alike: list[tuple[tuple[Clause, ...], list[str]]] = []
        for call, derive in derived.items():
            if rule.source == "syscall" and call in rule.types:
                clauses = derive.clauses(rule.node)
                calls = next((calls for found, calls in alike if found == clauses), None)
                if calls is None:
                    alike.append((clauses, [call]))
                else:
                    calls.append(call)
        if alike:
            click.echo(click.style(safe(rule.name), bold=True))
        for clauses, calls in alike:
            click.echo(f"  {_few(calls)}")
            for clause in clauses:
                click.echo(f"    {safe(_sentence(clause))}")


def _sentence(clause: Clause) -> str:
    parts: list[str] = []
    if clause.failed is not None:
        parts.append("failed" if clause.failed else "succeeded")
    if clause.in_container is not None:
        parts.append("in a container" if clause.in_container else "on the host")
    if clause.access is not None:
        parts.append("to " + " or ".join(_ACCESS[mode] for mode in sorted(clause.access)))
    parts += [f"{name} has one of {bits:#o}" for name, bits in clause.any_bits.items()]
    parts += [f"{name} is {_few(map(str, sorted(v)))}" for name, v in clause.values.items()]
    parts += [f"{name} is not {_few(map(str, sorted(v)))}" for name, v in clause.not_values.items()]
    if clause.comms is not None:
        parts.append(f"by {_few(sorted(clause.comms))}")
    if clause.not_comms:
        parts.append(f"not by {_few(sorted(clause.not_comms))}")
    if clause.dotted:
        parts.append("given with ..")
    if clause.paths is not None:
        parts.append(_path_sentence(clause.paths))
    return "; ".join(parts) or "everything"


def _path_sentence(paths: Paths) -> str:
    parts = [*sorted(paths.exact), *(f"{prefix}*" for prefix in sorted(paths.prefixes))]
    parts += [f"*/{name}" for name in sorted(paths.names)]
    return f"{paths.argument or 'path'} {_few(parts)}"


def _few(texts: Iterable[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + more
