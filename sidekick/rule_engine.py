"""The rules of the configuration, made ready to judge events; validated whole before they are."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from sidekick import metrics
from sidekick.errors import ConfigError
from sidekick.rule_files import load_configured
from sidekick.rules.config import RulesConfig
from sidekick.rules.engine import Engine
from sidekick.rules.output import OutputError
from sidekick.rules.ruleset import Rule
from sidekick.rules.select import select

log = logging.getLogger(__name__)


def build_engine(config: RulesConfig, files: Sequence[Path] = (), hostname: str = "") -> Engine:
    """The rules of ``rule_paths``; raises ConfigError that names all faults of the files.

    ``hostname``: in place of the machine's own.
    """
    try:
        rules = load_configured(config, files)
    except OSError as fault:
        raise ConfigError([f"rules.files: {fault.filename}: {fault.strerror}"]) from None
    if not rules.ok:
        raise ConfigError([found.describe(rules.contents) for found in rules.errors])
    for sentence in select(rules, config.choices):
        log.warning(f"rules.select: {sentence}")
    settings = config.engine_config(hostname or socket.gethostname())
    try:
        return Engine(rules, settings, on_failure=_Failures())
    except OutputError as fault:
        raise ConfigError([f"rules.{fault}"]) from None


class _Failures:
    """Counts the events that a rule could not decide, and tells of each rule once."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def __call__(self, rule: Rule, error: Exception) -> None:
        metrics.faults.labels("rules").inc()
        if rule.name not in self._told:
            self._told.add(rule.name)
            about = {"rule": rule.name, "error": f"{type(error).__name__}: {error}"}
            log.error("a rule could not decide an event; told once a rule", extra=about)
