"""``sidekick rules parse``: what a condition is, or where it is wrong."""

from __future__ import annotations

import json
import sys

import click


@click.command("parse")
@click.argument("condition")
def command(condition: str) -> int:
    """Print how CONDITION is read, as one line of JSON.

    {"ok": true, "canonical": TEXT, "ast": TREE}: the condition as Falco prints it, and its syntax
    tree. {"ok": false, "error": SENTENCE, "line": N, "column": N} and exit code 1: where it is
    wrong. Names of fields, macros and lists are not looked up.

    With "-", conditions come as JSON strings, one a line, and are answered one a line; the exit
    code is 0 however they turn out.
    """
    if condition != "-":
        text, good = answer(condition)
        click.echo(text)
        return 0 if good else 1
    for line in sys.stdin.buffer:
        if line.strip():
            click.echo(answer_line(line))
    return 0


def answer(condition: str) -> tuple[str, bool]:
    """The line of JSON for a condition, and whether it is one."""
    from sidekick.errors import ConditionError
    from sidekick.rules.ast_json import as_json
    from sidekick.rules.parser import parse
    from sidekick.rules.printer import canonical

    try:
        tree = parse(condition)
    except ConditionError as fault:
        return _refusal(fault.reason, fault.line, fault.column), False
    return f'{{"ok":true,"canonical":{json.dumps(canonical(tree))},"ast":{as_json(tree)}}}', True


def answer_line(line: bytes) -> str:
    """The answer to a condition that comes as a JSON string."""
    try:
        condition = json.loads(line)
    except (ValueError, RecursionError) as fault:
        return _refusal(f"wanted a condition as a JSON string: {fault}", 1, 1)
    if not isinstance(condition, str):
        return _refusal("wanted a condition as a JSON string, found other JSON", 1, 1)
    return answer(condition)[0]


def _refusal(reason: str, line: int, column: int) -> str:
    refusal = {"ok": False, "error": reason, "line": line, "column": column}
    return json.dumps(refusal, separators=(",", ":"))
