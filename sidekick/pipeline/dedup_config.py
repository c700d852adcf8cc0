"""The settings of dedup, and what they mean for one window."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import Field, model_validator

from sidekick.section import Duration, Section

NS = 1_000_000_000


class RemindConfig(Section):
    """When a repeat is told again, as a reminder."""

    every: Duration = 600.0
    """How long after the last telling a repeat is told again; 0: never because of time."""
    count: int = Field(0, ge=0)
    """How many repeats are held back before one is told again; 0: never because of number."""
    growth: float = Field(2.0, ge=1.0, le=100.0)
    """Each reminder multiplies both waits by this; 1 keeps them the same."""
    longest: Duration = 4 * 3600.0
    """`every` does not grow beyond this."""


class DedupRule(Section):
    """Other windows for the alerts that match."""

    match: str
    """Condition; the first entry that matches the alert that opens a window counts."""
    window: Duration | None = None
    """As `dedup.window`."""
    max_window: Duration | None = None
    """As `dedup.max_window`."""
    remind: RemindConfig | None = None
    """As `dedup.remind`."""


class DedupConfig(Section):
    """Which repeats are held back, and when they are told of."""

    enabled: bool = True
    """Off: every alert is told, none is counted and no state is kept."""
    window: Duration = 1800.0
    """A window ends this long after its last alert."""
    max_window: Duration = 24 * 3600.0
    """A window ends this long after its first alert, however many repeats still come."""
    remind: RemindConfig = RemindConfig()
    """When a repeat is told again within its window."""
    never: tuple[str, ...] = ()
    """Conditions; an alert that matches one is always told and opens no window."""
    new_values: tuple[str, ...] = ("user.name",)
    """Output fields; a repeat with a value that its window has not seen is told at once."""
    new_values_limit: int = Field(16, ge=0, le=1000)
    """Values remembered by window and field; when they are all used, new ones are held back."""
    rising_band: bool = True
    """A repeat whose score is in a higher band than what was told is told at once."""
    rules: tuple[DedupRule, ...] = ()
    """Other windows and reminders for some alerts."""
    limit: int = Field(10_000, ge=1, le=10_000_000)
    """Windows open at once at most; the one nearest its end closes early, with its digest."""

    @model_validator(mode="after")
    def _positive(self) -> DedupConfig:
        windows = [self.window, self.max_window]
        windows += [
            w for rule in self.rules for w in (rule.window, rule.max_window) if w is not None
        ]
        if min(windows) <= 0:
            raise ValueError("a window must be longer than 0; `enabled: false` switches off")
        return self


class Policy(msgspec.Struct, frozen=True, gc=False):
    """The windows and reminders of one entry, in ns."""

    window_ns: int
    max_window_ns: int
    every_ns: int
    longest_ns: int
    count: int
    growth: float

    def wait_ns(self, reminders: int) -> int:
        """How long after the last of that many reminders the next one may be told."""
        grown = self.every_ns * self.growth ** min(reminders, 64)
        return int(max(self.every_ns, min(grown, self.longest_ns)))

    def wait_count(self, reminders: int) -> int:
        """How many repeats are held back after the last of that many reminders."""
        return int(min(self.count * self.growth ** min(reminders, 64), 2**62))


def policy_of(config: DedupConfig, rule: DedupRule | None) -> Policy:
    """The windows of the alerts that a rule matches, of all others for None."""

    def pick(name: str) -> Any:
        value = getattr(rule, name, None)
        return getattr(config, name) if value is None else value

    remind: RemindConfig = pick("remind")
    return Policy(
        int(pick("window") * NS),
        int(pick("max_window") * NS),
        int(remind.every * NS),
        int(remind.longest * NS),
        remind.count,
        remind.growth,
    )
