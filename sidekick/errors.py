"""Every exception that sidekick raises on purpose.

SidekickError
├── ConfigError              the configuration cannot be used; names all faults at once
├── InvalidAlert             what a sender posted is not an alert
├── ConditionError           a condition does not parse or compile; has line and column
├── SensorUnavailable        this machine or these rights do not allow the sensor
├── LogUnreadable            the alert log, or the disk under it, is damaged
├── Shed                     the log is full and this alert was not severe enough to be kept
└── DeliveryError            a sink could not deliver
    ├── Retryable            it may succeed later
    ├── Rejected             it never will
    └── PartlyDelivered      some of the batch was delivered
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class SidekickError(Exception):
    """The root; str() is one sentence for a person."""


class ConfigError(SidekickError):
    """The configuration cannot be used. ``faults`` are whole sentences, each with its place."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class InvalidAlert(SidekickError):
    """``field`` is the faulty key ("" for the body as a whole), ``reason`` a sentence; ``body`` is
    what was refused, where it was one of several in a request."""

    def __init__(self, field: str, reason: str, body: bytes = b"") -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason
        self.body = body


class ConditionError(SidekickError):
    """``line`` and ``column`` count from 1; ``reason`` has no position in it."""

    def __init__(self, reason: str, line: int = 1, column: int = 1) -> None:
        super().__init__(f"{line}:{column}: {reason}")
        self.reason = reason
        self.line = line
        self.column = column


class SensorUnavailable(SidekickError):
    """The kernel's events cannot be had; str() says what is missing and what to do."""


class LogUnreadable(SidekickError):
    """The alert log cannot be read: it is damaged, or the disk under it is."""


class Shed(SidekickError):
    """The log cannot take this alert now; the sender may try again later."""


class DeliveryError(SidekickError):
    """A sink could not deliver."""


class Retryable(DeliveryError):
    """It may succeed later; ``after`` is the receiver's wish in seconds (Retry-After), if any."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class Rejected(DeliveryError):
    """The receiver will never take it: a dead letter at once."""


class PartlyDelivered(DeliveryError):
    """``failed`` maps indexes of the batch to why; all others were delivered."""

    def __init__(self, failed: Mapping[int, Retryable | Rejected]) -> None:
        super().__init__(f"{len(failed)} of the batch failed: {next(iter(failed.values()))}")
        self.failed = failed
