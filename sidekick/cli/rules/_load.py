"""Rule files as the commands name them: on the command line or in a configuration."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sidekick.cli._options import config_option

if TYPE_CHECKING:
    from sidekick.rules.config import RulesConfig
    from sidekick.rules.findings import Finding
    from sidekick.rules.ruleset import RuleSet
    from sidekick.rules.select import Choice

F = TypeVar("F", bound=Callable[..., Any])


def selection_options(function: F) -> F:
    """Give the command ``choices``, made of -t, -T and -D."""

    @click.option("-t", "--tag", "only", multiple=True, help="Only rules with this tag.")
    @click.option("-T", "--without-tag", "without_tags", multiple=True, help="None with this tag.")
    @click.option(
        "-D", "--without", multiple=True, metavar="TEXT", help="None whose name has this in it."
    )
    @wraps(function)
    def command(
        only: tuple[str, ...],
        without_tags: tuple[str, ...],
        without: tuple[str, ...],
        **arguments: Any,
    ) -> Any:
        from sidekick.rules.select import command_line_choices

        if only and without_tags:
            raise click.UsageError("-t and -T cannot be used together")
        choices = command_line_choices(only, without_tags, without)
        return function(choices=choices, **arguments)

    return command  # type: ignore[return-value]


def rules_options(function: F) -> F:
    """Give the command ``rules``: of FILE..., the configuration or our own, with -t, -T and -D."""

    @click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="[FILE]...")
    @config_option
    @selection_options
    @wraps(function)
    def command(
        files: tuple[Path, ...], config: Path | None, choices: Sequence[Choice], **arguments: Any
    ) -> Any:
        return function(rules=load_rules(section_of(files, config), choices), **arguments)

    return command  # type: ignore[return-value]


def events_options(function: F) -> F:
    """Give the command ``files``, ``config``, ``choices``, and ``path``: where the events are."""

    @click.option(
        "--rules",
        "first",
        multiple=True,
        metavar="FILE...",
        type=click.Path(path_type=Path),
        help="Rule files and folders, in their order; more may follow before the events.",
    )
    @config_option
    @selection_options
    @click.argument("paths", nargs=-1, metavar="EVENTS", type=click.Path(path_type=Path))
    @wraps(function)
    def command(first: tuple[Path, ...], paths: tuple[Path, ...], **arguments: Any) -> Any:
        from sidekick.cli.rules._events import rules_and_events

        files, path = rules_and_events(first, paths)
        return function(files=files, path=path, **arguments)

    return command  # type: ignore[return-value]


def section_of(files: Sequence[Path], config: Path | None) -> RulesConfig:
    """The settings of rules in a configuration, but with these files if there are any."""
    from sidekick.rules.config import RulesConfig
    from sidekick.settings import load

    section = RulesConfig() if files and not config else load(config, os.environ).rules
    return section.model_copy(update={"files": tuple(map(str, files))}) if files else section


def load_rules(section: RulesConfig, choices: Sequence[Choice] = ()) -> RuleSet:
    """The rules of the settings, our own if they name no files; they may have errors."""
    from sidekick.rule_files import load_configured
    from sidekick.rules.select import select

    rules = load_configured(section)
    if rules.ok:
        for sentence in select(rules, [*choices, *section.choices]):
            click.echo(f"Warning: {sentence}", err=True)
    return rules


def sound(rules: RuleSet) -> RuleSet:
    """The same rules if they have no error; raises ConfigError with all of them."""
    from sidekick.errors import ConfigError

    if not rules.ok:
        raise ConfigError([describe(rules, found) for found in rules.errors])
    return rules


def describe(rules: RuleSet, finding: Finding) -> str:
    """A finding in a sentence, safe for a terminal."""
    from sidekick.cli._text import safe

    return safe(finding.describe(rules.contents))
