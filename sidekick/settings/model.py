"""The root of the configuration: every section, each at home beside its code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, PrivateAttr, SerializeAsAny

from sidekick.hub.config import LogConfig, ShutdownConfig
from sidekick.section import Section
from sidekick.sinks import SinkConfig
from sidekick.sources import SourceConfig


class Settings(Section):
    """The whole configuration file."""

    state_dir: Path = Path("state")
    """Folder of the log; made when it is missing. Not changed by a reload."""
    log: LogConfig = LogConfig()
    """The alert log on disk: its bounds."""
    shutdown: ShutdownConfig = ShutdownConfig()
    """What happens on SIGTERM."""
    sources: dict[str, SerializeAsAny[SourceConfig]] = Field(default_factory=dict)
    """Sources beside HTTP, by a name of your choice; `type` says which kind each one is."""
    sinks: dict[str, SerializeAsAny[SinkConfig]] = Field(default_factory=dict)
    """Destinations by a name of your choice, each with a lane of its own; 62 at most. Without this
    key: one named `stdout` that prints a line per alert."""

    _warnings: tuple[str, ...] = PrivateAttr(())

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about keys of the file that have no effect."""
        return self._warnings

    def with_warnings(self, warnings: Sequence[str]) -> Settings:
        """The same settings with these warnings."""
        copy = self.model_copy()
        copy._warnings = tuple(warnings)
        return copy
