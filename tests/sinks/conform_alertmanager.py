"""Alertmanager's stand: the real one, behind a server that may be broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.servers.alertmanager import Alertmanager, alertmanager
from tests.servers.shared import SERVERS
from tests.sinks.conformance import ids_in
from tests.sinks.http_stand import HttpStand, in_front_of

LACKS: Mapping[str, str] = {}
KEEPS_ONE = True
MARKS: Sequence[pytest.MarkDecorator] = (pytest.mark.servers,)


@dataclass
class AlertmanagerStand:
    server: Alertmanager
    front: HttpStand
    secrets: Sequence[str] = ("bearer-token",)
    keys: Mapping[str, Any] = field(default_factory=dict)

    async def ids(self) -> list[str]:
        """Alertmanager holds a set, so any order is in order."""
        held = self.server.alerts()
        return sorted(one for a in held for one in ids_in(a["annotations"]["id"]))

    def fault(self, name: str) -> Any:
        return self.front.fault(name)


@asynccontextmanager
async def open_stand(folder: Path) -> AsyncIterator[AlertmanagerStand]:
    server = SERVERS._server(alertmanager)
    server.forget()
    async with in_front_of(server.url) as front:
        keys = {"urls": [front.url], "bearer_token": "bearer-token"}
        yield AlertmanagerStand(server, front, keys=keys)
