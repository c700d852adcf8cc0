"""What the conformance suite needs of a sink type: a stand, in ``tests/sinks/conform_<type>.py``.

The module has

- ``open_stand(folder)``: an async context manager that yields a ``Stand``, a destination that
  works and that the suite may break;
- ``LACKS``: the faults of ``FAULTS`` that this kind of destination cannot have, each with why;
- ``KEEPS_ONE``: True if the destination itself keeps one of an alert that is sent twice;
- ``MARKS``: pytest marks, such as ``pytest.mark.servers`` when it starts a real server.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, cast

import pytest

from sidekick import document
from sidekick.model import Alert, Assessment, Envelope, Part, Priority

FAULTS = ("refusing", "failing", "throttling", "hanging")
"""Nobody listens; an answer such as 500; an answer such as 429 that asks for 2 s; no answer."""

THROTTLED_SECS = 2.0


class Stand(Protocol):
    """A destination for one test."""

    keys: Mapping[str, Any]
    """The keys of an instance that delivers here, without ``type``; at least one is a secret
    where the type has secrets."""
    secrets: Sequence[str]
    """The texts in ``keys`` that must never be seen."""

    async def ids(self) -> list[str]:
        """The ids of the alerts that arrived and are kept, in order (see ``ids_in``)."""

    def fault(self, name: str) -> AbstractAsyncContextManager[asyncio.Event]:
        """Break the destination in the way ``name``; the event is set when a delivery met it."""


class StandModule(Protocol):
    LACKS: Mapping[str, str]
    KEEPS_ONE: bool
    MARKS: Sequence[pytest.MarkDecorator]

    def open_stand(self, folder: Path) -> AbstractAsyncContextManager[Stand]: ...


def stand_module(type_name: str) -> StandModule | None:
    """The stand of a sink type, None if nobody has written one."""
    name = f"tests.sinks.conform_{type_name}"
    if importlib.util.find_spec(name) is None:
        return None
    return cast(StandModule, importlib.import_module(name))


def envelope(n: int = 0, **changes: Any) -> Envelope:
    """The alert number ``n``; its id stands in its document twice, as uuid and in the output.

    ``changes`` are fields of ``Alert``, or of ``Assessment``.
    """
    mine = {k: changes.pop(k) for k in list(changes) if k in Assessment.__struct_fields__}
    fields = changes.pop("fields", {"proc.name": "bash", "evt.time": 1_700_000_000_000_000_000 + n})
    alert = Alert(
        **{
            "rule": "Terminal shell in container",
            "priority": Priority.NOTICE,
            "source": "syscall",
            "time": f"2023-11-14T22:13:20.{n:09d}Z",
            "time_ns": 1_700_000_000_000_000_000 + n,
            "fields": fields,
            "fields_json": document._encode(fields),
            "output": f"A shell was spawned id={identity(n)}",
            "hostname": "node-1",
            "tags": ("container", "shell"),
        }
        | changes
    )
    assessed: dict[str, Any] = {
        "fingerprint": f"f{n:015x}",
        "first_seen_ns": alert.time_ns,
        "last_seen_ns": alert.time_ns,
        "score": 42,
        "parts": (Part("priority", 30, "Notice"), Part("asset", 12, "namespace prod")),
        "routes": ("root",),
    }
    assessment = Assessment(**(assessed | mine))
    body = document.write(identity(n), alert, assessment)
    return Envelope(
        seq=n,
        id=identity(n),
        priority=alert.priority,
        time_ns=alert.time_ns,
        fingerprint=assessment.fingerprint,
        body=body,
        received_ns=alert.time_ns,
    )


def identity(n: int) -> str:
    """The id of the alert number ``n``."""
    return f"{n:08x}-5ade-4c1c-8000-000000000000"


def ids_in(text: str | bytes) -> list[str]:
    """The ids of all alerts in a text that arrived, in order, those side by side once."""
    found = re.findall(
        r"[0-9a-f]{8}-5ade-4c1c-8000-0{12}", text if isinstance(text, str) else text.decode()
    )
    return [one for i, one in enumerate(found) if i == 0 or found[i - 1] != one]


async def until(condition: Callable[[], object], secs: float = 10.0) -> None:
    """Return as soon as the condition holds; fails after ``secs``."""
    async with asyncio.timeout(secs):
        while not condition():
            await asyncio.sleep(0.005)
