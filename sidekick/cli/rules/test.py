"""``sidekick rules test``: unit tests of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sidekick.rules.cases import Suite
    from sidekick.rules.neutral import NeutralEvent
    from sidekick.rules.ruleset import RuleSet
    from sidekick.rules.trial import Outcome


@click.command("test")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--rules",
    "rule_files",
    multiple=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Rule files and folders, instead of those that the tests name.",
)
@click.option(
    "--junit",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the outcomes as JUnit XML.",
)
@click.option("--strict", is_flag=True, help="Each rule must have tests of both kinds.")
def command(
    files: tuple[Path, ...], rule_files: tuple[Path, ...], junit: Path | None, strict: bool
) -> int:
    """Run the tests in FILES, YAML files and folders of them, and print what differs.

    A test gives events to rules and says which alerts are to come; docs/rule-tests.md has the
    format. Exit code: 0 all passed, 1 some failed, 2 a test or rule file cannot be used.

    A rule is tested if it fires in one test and stays silent in one of its own ("rule: NAME");
    those that are not are named, and with --strict make the run fail.
    """
    from sidekick.cli.rules._junit import write_junit
    from sidekick.errors import ConfigError

    try:
        runs = [Run(path, rule_files) for path in _test_files(files)]
    except ConfigError as error:
        for fault in error.faults:
            click.echo(f"Error: {fault}", err=True)
        return 2
    for run in runs:
        _print(run)
    lacking = _lacking(runs)
    for name, what in lacking.items():
        click.echo(f"untested  {name}: {what}")
    if junit is not None:
        write_junit(junit, {run.suite.name: run.outcomes for run in runs})
    failed = sum(not outcome.passed for run in runs for outcome in run.outcomes)
    _summary(sum(len(run.outcomes) for run in runs), failed, len(lacking))
    return 1 if failed or (strict and lacking) else 0


class Run:
    """The tests of one file, run; raises ConfigError where something cannot be used."""

    def __init__(self, path: Path, rule_files: Sequence[Path]) -> None:
        from sidekick.rules.case_files import read_suite
        from sidekick.rules.falco_fields import SOURCES
        from sidekick.rules.trial import Trial

        self.suite: Suite = read_suite(_text(path), str(path))
        self.rules: RuleSet = _rules(path, self.suite, rule_files)
        self.outcomes: list[Outcome] = Trial(self.rules, SOURCES, _event).run(self.suite)


def _test_files(paths: Sequence[Path]) -> list[Path]:
    from sidekick.rule_files import rule_files

    return rule_files(paths)


def _text(path: Path) -> str:
    from sidekick.errors import ConfigError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        raise ConfigError([f"{path}: {getattr(fault, 'strerror', None) or fault}"]) from None


def _rules(path: Path, suite: Suite, rule_files: Sequence[Path]) -> RuleSet:
    from sidekick.cli.rules._load import sound
    from sidekick.errors import ConfigError
    from sidekick.rule_files import load_files

    files = rule_files or [path.parent / name for name in suite.rules]
    if not files:
        raise ConfigError([f'{path}: no rules: name them under "rules", or with --rules'])
    return sound(load_files(files))


def _event(event: Mapping[str, Any], number: int) -> NeutralEvent:
    from sidekick.cli.rules._events import event_of
    from sidekick.rules.falco_fields import SOURCES

    return event_of(event, number, SOURCES)


def _lacking(runs: Sequence[Run]) -> dict[str, str]:
    """What rules lack, all tests of the same rule taken together."""
    from sidekick.rules.trial import Coverage

    coverage = Coverage(run.suite for run in runs)
    found: dict[str, str] = {}
    for run in runs:
        found.update(coverage.missing(run.rules))
    return found


def _print(run: Run) -> None:
    from sidekick.cli._text import coloured, safe

    for outcome in run.outcomes:
        if outcome.passed:
            continue
        rule = f"{outcome.case.rule}: " if outcome.case.rule else ""
        place = safe(outcome.case.place)
        click.echo(f"{coloured('fail')}  {place}  {safe(rule + outcome.case.name)}")
        for line in outcome.diff:
            click.echo(f"        {safe(line)}")


def _summary(tests: int, failed: int, lacking: int) -> None:
    from sidekick.cli._text import coloured, counted

    verdict = f"{failed:,} failed" if failed else "all passed"
    untested = f", {counted(lacking, 'rule')} untested" if lacking else ""
    click.echo(
        f"{coloured('fail' if failed else 'ok')}  {counted(tests, 'test')}, {verdict}{untested}"
    )
