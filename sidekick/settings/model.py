"""The root of the configuration: every section, each at home beside its code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import Field, PrivateAttr, SerializeAsAny

from sidekick.hub.config import LogConfig, ShutdownConfig
from sidekick.hub.event_counts import MetricsConfig
from sidekick.logs import LoggingConfig
from sidekick.pipeline.dedup_config import DedupConfig
from sidekick.pipeline.enrich import EnrichConfig
from sidekick.pipeline.fingerprint import FingerprintConfig
from sidekick.pipeline.inhibit import InhibitConfig
from sidekick.pipeline.rewrite import RewriteConfig
from sidekick.pipeline.route import RouteConfig
from sidekick.pipeline.score import ScoreConfig
from sidekick.pipeline.silence import SilenceConfig
from sidekick.pipeline.window import WindowConfig
from sidekick.rules.config import RulesConfig
from sidekick.section import Section
from sidekick.sensor.config import SensorConfig
from sidekick.sinks import SinkConfig
from sidekick.sources import SourceConfig
from sidekick.web.admin import AdminConfig
from sidekick.web.listen import ListenConfig


class Settings(Section):
    """The whole configuration file."""

    state_dir: Path = Path("state")
    """Folder of the log; made when it is missing."""
    listen: ListenConfig = ListenConfig()
    """The listener that takes alerts."""
    admin: AdminConfig = AdminConfig()
    """The listener of the API and the command line."""
    log: LogConfig = LogConfig()
    """The alert log on disk and its bounds."""
    logging: LoggingConfig = LoggingConfig()
    """The service's own log lines."""
    metrics: MetricsConfig = MetricsConfig()
    """falcosidekick's metrics."""
    shutdown: ShutdownConfig = ShutdownConfig()
    """What happens on SIGTERM."""
    sources: dict[str, SerializeAsAny[SourceConfig]] = Field(default_factory=dict)
    """Sources beside HTTP, by a name of your choice; `type` says which kind each one is."""
    rules: RulesConfig = RulesConfig()
    """Falco rules: what the commands `sidekick rules` take without a FILE."""
    fingerprint: FingerprintConfig = FingerprintConfig()
    """Which alerts are the same."""
    dedup: DedupConfig = DedupConfig()
    """Which repeats are held back."""
    enrich: EnrichConfig = EnrichConfig()
    """What is added to alerts."""
    score: ScoreConfig = ScoreConfig()
    """How bad an alert is."""
    silences: list[SilenceConfig] = Field(default_factory=list)
    """What is told to nobody for a time."""
    inhibit: list[InhibitConfig] = Field(default_factory=list)
    """Which alerts are not told because another one explains them."""
    windows: dict[str, list[WindowConfig]] = Field(default_factory=dict)
    """Times by a name of your choice, for `active` and `mute` of routes; a list of intervals."""
    route: RouteConfig = RouteConfig()
    """Who hears of what: the root of the tree of routes."""
    rewrite: RewriteConfig = RewriteConfig()
    """What sinks get in another form than the sender's."""
    sinks: dict[str, SerializeAsAny[SinkConfig]] = Field(default_factory=dict)
    """Destinations by a name of your choice, each with a lane of its own; 62 at most. Without this
    key: one named `stdout` that prints a line per alert."""

    sensor: SensorConfig = SensorConfig()
    """The sensor of `sidekick run` and `sidekick sensor`."""

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
