"""The rules of the configuration, made ready to judge events."""

from __future__ import annotations

import logging
import socket
from collections.abc import Sequence
from pathlib import Path

from sidekick.errors import ConfigError
from sidekick.rule_files import load_files, rule_files
from sidekick.rule_packs import SHIPPED
from sidekick.rules.config import RulesConfig
from sidekick.rules.engine import Engine
from sidekick.rules.output import OutputError
from sidekick.rules.select import select

log = logging.getLogger(__name__)


def rule_paths(config: RulesConfig, files: Sequence[Path] = ()) -> list[Path]:
    """Every rule file: of ``files`` if there are some, of the configuration, or of the packs."""
    return rule_files([*files] or config.files or [SHIPPED])


def build_engine(config: RulesConfig, files: Sequence[Path] = ()) -> Engine:
    """The rules of ``rule_paths``; raises ConfigError that names all faults of the files."""
    rules = load_files(rule_paths(config, files))
    if not rules.ok:
        raise ConfigError([found.describe(rules.contents) for found in rules.errors])
    for sentence in select(rules, config.choices):
        log.warning(f"rules.select: {sentence}")
    try:
        return Engine(rules, config.engine_config(socket.gethostname()))
    except OutputError as error:
        raise ConfigError([f"rules.append_output: {error}"]) from error
