"""Where alerts come from. A source turns what it receives into ``Alert``s and offers them.

A module of this package with a ``Config`` is a source that the configuration can name by ``type``.
Its ``run(config, intake, engine)`` reads until it is cancelled; ``engine()`` is the rules in force.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from sidekick.model import Alert
from sidekick.section import Section

Answer = Callable[[BaseException | None], None]
"""Called once, on the event loop: with None when all is durable, with ``Shed`` or another error
when it is not."""


class Intake(Protocol):
    """What a source is given; the hub implements it."""

    def offer(self, alerts: Sequence[Alert], answer: Answer) -> None:
        """Take alerts; ``answer`` is called after they are committed. Never blocks."""

    def quarantine(self, source: str, body: bytes, reason: str) -> None:
        """Keep (bounded) what was no alert, and count it."""


class RuleEngine(Protocol):
    """The rules, for sources whose events are no alerts yet."""

    def alerts(
        self, source: str, type: str, record: Mapping[str, Any], time_ns: int
    ) -> Sequence[Alert]:
        """The alerts of an event; ``record`` gives None for a field that is absent."""


class SourceConfig(Section):
    """What every configured source has, whatever its type."""

    example: ClassVar[str] = ""
    judges: ClassVar[bool] = False
    """Whether its events are judged by the rules."""

    type: str
    """The source's type: the name of a module in `sidekick.sources`."""


def source_types() -> list[str]:
    """The names of all source types; imports their modules, so only for messages and documents."""
    names = (m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))
    return sorted(n for n in names if hasattr(_module(n), "Config"))


def source_module(type_name: str) -> Any:
    """Import the source type of that name; raises ``ModuleNotFoundError``."""
    module = _module(type_name)
    if not hasattr(module, "Config"):
        raise ModuleNotFoundError(f"{module.__name__} is no source type", name=module.__name__)
    return module


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")
