"""A sink type and a source type that only these tests know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import pytest
from pydantic import Field, field_validator

from sidekick import sinks, sources
from sidekick.errors import ConfigError
from sidekick.section import Duration, Secret
from sidekick.settings import Settings, load


class NotesConfig(sinks.SinkConfig):
    """Pins alerts to a board."""

    type: Literal["notes"]
    """The sink's type."""
    lane: sinks.LaneConfig = sinks.LaneConfig(batch_items=50)
    """Batches of fifty."""
    url: str = ""
    """Where the board is."""
    token: Secret | None = None
    """What opens it."""
    tokens: list[Secret] = Field(default_factory=list)
    """More of them."""
    colour: Literal["red", "green"] = "red"
    """Colour of the pins."""
    pause: Duration = 1.0
    """Time between two pins."""
    fields: list[str] = Field(default_factory=list)
    """What to show."""

    @field_validator("token")
    @classmethod
    def _talkative(cls, token: Secret | None) -> Secret | None:
        if token is not None and "bad" in token.get_secret_value():
            raise ValueError(f"found the bad token {token.get_secret_value()!r}")
        return token

    @field_validator("url")
    @classmethod
    def _talkative_too(cls, url: str) -> str:
        if "bad" in url:
            raise ValueError(f"wanted a good URL, found {url}")
        return url


class PrintConfig(sinks.SinkConfig):
    """Stands in for the sink that there is without a configuration."""

    type: Literal["stdout"]
    """The sink's type."""


class PagesConfig(sources.SourceConfig):
    """Reads alerts from pages."""

    type: Literal["pages"]
    """The source's type."""
    topic: str = "alerts"
    """Which pages."""


def _module(name: str) -> Any:
    known: dict[str, Any] = {"notes": NotesConfig, "stdout": PrintConfig, "pages": PagesConfig}
    if name not in known:
        raise ModuleNotFoundError(f"no module named {name}")
    return SimpleNamespace(Config=known[name])


@pytest.fixture(autouse=True)
def own_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `notes`, `stdout` and `pages` the only types that there are."""
    monkeypatch.setattr(sinks, "sink_types", lambda: ["notes"])
    monkeypatch.setattr(sinks, "sink_module", _module)
    monkeypatch.setattr(sources, "source_types", lambda: ["pages"])
    monkeypatch.setattr(sources, "source_module", _module)


Loader = Callable[..., Settings]


@pytest.fixture
def loads(tmp_path: Path) -> Loader:
    """Loads a text as if it were the file."""

    def load_text(text: str, overrides: Any = None, **environ: str) -> Settings:
        file = tmp_path / "sidekick.yaml"
        file.write_bytes(text.encode("utf-8", "surrogatepass"))
        return load(file, environ, overrides)

    return load_text


@pytest.fixture
def faults_of(loads: Loader, tmp_path: Path) -> Callable[..., list[str]]:
    """The faults of a text, without the folder of the file."""

    def faults(text: str, overrides: Any = None, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            loads(text, overrides, **environ)
        return [fault.removeprefix(f"{tmp_path}/") for fault in caught.value.faults]

    return faults
