"""The rules of the configuration, made ready to judge events."""

from __future__ import annotations

import logging
import socket

from sidekick.errors import ConfigError
from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.config import RulesConfig
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.select import select

log = logging.getLogger(__name__)


def build_engine(config: RulesConfig) -> Engine:
    """Raises ConfigError that names all faults of the files; without files the packs are taken."""
    rules = load_files(config.files or pack_files())
    if not rules.ok:
        raise ConfigError([found.describe(rules.contents) for found in rules.errors])
    for sentence in select(rules, config.choices):
        log.warning(f"rules.select: {sentence}")
    return Engine(
        rules,
        EngineConfig(
            matching=config.matching, priority=config.priority, hostname=socket.gethostname()
        ),
    )
