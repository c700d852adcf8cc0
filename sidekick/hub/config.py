"""Configuration of the alert log and of shutting down."""

from __future__ import annotations

from pydantic import Field

from sidekick.section import Duration, Section, Size


class LogConfig(Section):
    """The alert log: every alert that was answered is in it, on disk."""

    max_size: Size = Field(1024**3, ge=16 * 1024**2)
    """Size on disk at which the oldest delivered alerts go, then the least severe ones."""
    max_age: Duration = 7 * 86400.0
    """Delivered alerts older than this are removed."""
    reserve: Size = 16 * 1024**2
    """Disk space held back, so that a full disk leaves room to take severe alerts; on a small disk
    a third of what is free; 0: none."""
    lane_memory: Size = 2 * 1024**2
    """Alert JSON that waits in memory for each lane; a lane further behind reads from disk."""
    in_flight: Size = 64 * 1024**2
    """Alert JSON that may wait for its commit; more is refused until some of it is on disk."""
    quarantine: int = Field(1000, ge=0)
    """Bodies kept that were no alerts; the oldest goes first."""
    dead_letters: int = Field(10_000, ge=1)
    """Dead letters kept per lane; the oldest goes first and is counted as lost."""


class ShutdownConfig(Section):
    """What happens on SIGTERM and SIGINT."""

    drain: Duration = 10.0
    """How long lanes may go on delivering; what is left is delivered after the next start."""
