"""Settings of the listener that takes alerts."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from sidekick.listener.config import ListenerConfig
from sidekick.section import Size
from sidekick.web.plain import PlainConfig


class ListenConfig(ListenerConfig):
    """Where alerts are taken by HTTP: from Falco's `http_output` and from everything like it."""

    port: int = Field(2801, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    alert_limit: Size = Field(1024**2, ge=1024)
    """Largest single alert; Kafka's brokers by default take none above 1 MiB either."""
    metrics: Literal["open", "token", "off"] = "open"
    """Who may read `/metrics` here: everybody in `allow`, only who has a token, nobody."""
    plain: PlainConfig | None = None
    """With `tls`: a second port of plain HTTP for some paths, such as those of probes."""

    @model_validator(mode="after")
    def _plain_beside_tls(self) -> Self:
        if self.plain and not self.tls:
            raise ValueError("plain is for a listener with tls; without it all is plain")
        return self
