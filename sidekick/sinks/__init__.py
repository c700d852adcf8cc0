"""Destinations: one module a type, found by name; only the configured ones are imported.

A sink module has
- ``Config``: a ``SinkConfig`` whose ``type`` is ``Literal["<module name>"]``, with a docstring per
  key and a class variable ``example`` (YAML text of one instance, tested);
- ``open_sink(config)``: an async context manager that yields a ``Sink``.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, ClassVar, Protocol

from pydantic import Field, field_validator

from sidekick.model import Envelope
from sidekick.section import Duration, Section, Size


class Sink(Protocol):
    """A destination. The lane that calls it is the only place that retries."""

    async def send(self, batch: Sequence[Envelope]) -> None:
        """Deliver the whole batch, in order, within the lane's timeout.

        Raises ``Retryable``, ``Rejected`` or ``PartlyDelivered``; returning means delivered. May
        be called again with the same envelopes: their ``id`` is the idempotency key.
        """

    async def probe(self) -> None:
        """Reach the destination without sending an alert; raises what ``send`` would raise."""


class LaneConfig(Section):
    """How a lane feeds its sink. Sinks have defaults of their own for the first four."""

    batch_items: int = Field(1, ge=1, le=10_000)
    """Alerts in one delivery at most."""
    batch_bytes: Size = 1024 * 1024
    """Bytes of alert JSON in one delivery at most (a single larger alert still goes)."""
    batch_age: Duration = 0.0
    """How long an incomplete batch waits for more alerts."""
    concurrency: int = Field(32, ge=1, le=1024)
    """Deliveries in flight at most."""
    timeout: Duration = 10.0
    """A delivery that takes longer has failed and is tried again."""
    backoff_first: Duration = 0.5
    """Upper bound of the wait before the first retry; doubles each time, with full jitter."""
    backoff_max: Duration = 60.0
    """Upper bound of the wait between two tries."""
    give_up_after: Duration = 72 * 3600.0
    """An alert that could not be delivered for this long becomes a dead letter."""
    attempts: int = Field(0, ge=0)
    """Tries before an alert becomes a dead letter; 0: only `give_up_after` counts."""
    breaker_failures: int = Field(5, ge=1)
    """Failed deliveries in a row that open the circuit breaker."""
    breaker_pause: Duration = 5.0
    """How long an open breaker lets nothing through before it tries one delivery."""


class SinkConfig(Section):
    """What every sink instance has, whatever its type."""

    example: ClassVar[str] = ""

    type: str
    """The sink's type: the name of a module in `sidekick.sinks`."""
    lane: LaneConfig = LaneConfig()
    """Batching, concurrency, retries of this instance."""

    @field_validator("lane", mode="before")
    @classmethod
    def _over_own_defaults(cls, value: Any) -> Any:
        """What the user sets goes over this sink type's defaults, not over the general ones."""
        if not isinstance(value, dict):
            return value
        return cls.model_fields["lane"].default.model_dump(exclude_unset=True) | value


class SinkModule(Protocol):
    """What a sink's module offers."""

    Config: type[SinkConfig]

    def open_sink(self, config: Any) -> AbstractAsyncContextManager[Sink]: ...


def sink_types() -> list[str]:
    """The names of all sink types that are installed, sorted."""
    own = [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]
    return sorted({*own, *(e.name for e in entry_points(group="sidekick.sinks"))})


def sink_module(type_name: str) -> SinkModule:
    """Import the sink type of that name, ours before others'; raises ``ModuleNotFoundError``."""
    # Asking for entry points reads the metadata of every installed package: 3 ms a sink.
    if find_spec(f"{__name__}.{type_name}") is None:
        for entry in entry_points(group="sidekick.sinks", name=type_name):
            module: SinkModule = entry.load()
            return module
    return importlib.import_module(f"{__name__}.{type_name}")
