"""The settings of rules: which files, which rules of them, how an event is matched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from sidekick.model import Priority
from sidekick.rules.append_config import AppendConfig
from sidekick.rules.engine import EngineConfig
from sidekick.rules.select import Choice
from sidekick.section import Section


def _priority(value: Any) -> Priority:
    found = value if isinstance(value, Priority) else Priority.parse(str(value))
    if found is None:
        raise ValueError(f"wanted one of {', '.join(p.name.lower() for p in Priority)}")
    return found


_LEVELS = [priority.name.lower() for priority in Priority]
Severity = Annotated[
    Priority, BeforeValidator(_priority), WithJsonSchema({"type": "string", "enum": _LEVELS})
]
"""A priority by its name."""


FieldName = Annotated[
    str, StringConstraints(pattern=r"^[a-zA-Z][a-zA-Z0-9_]*(\.[a-zA-Z][a-zA-Z0-9_]*)*$")
]
"""What may follow ``static.``."""


class ChosenConfig(Section):
    """Some rules, by name or by tag."""

    rule: str = ""
    """Their name; `*` stands for anything."""
    tag: str = ""
    """A tag that they have."""

    @model_validator(mode="after")
    def _names_something(self) -> ChosenConfig:
        if not (self.rule or self.tag):
            raise ValueError("wanted `rule` or `tag`")
        return self


class SelectConfig(Section):
    """Turns some rules on or off."""

    enable: ChosenConfig | None = None
    """Rules to turn on."""
    disable: ChosenConfig | None = None
    """Rules to turn off."""

    @model_validator(mode="after")
    def _is_one(self) -> SelectConfig:
        if (self.enable is None) == (self.disable is None):
            raise ValueError("wanted either `enable` or `disable`")
        return self

    @property
    def choice(self) -> Choice:
        """The same for ``select``."""
        chosen = self.enable or self.disable
        assert chosen
        return Choice(self.enable is not None, chosen.rule, chosen.tag)


class RulesConfig(Section):
    """Falco rules and which of them are on."""

    files: tuple[str, ...] = ()
    """Rule files, and folders of them, in the order in which they are read; `@packs` are those that
    are shipped, `@packs/core.yaml` is one of them."""
    select: tuple[SelectConfig, ...] = ()
    """Rules to turn on and off, one after the other, as Falco's `rules:`."""
    priority: Severity = Priority.DEBUG
    """Rules that are less severe are not matched."""
    matching: Literal["first", "all"] = "first"
    """Which alerts an event gives: that of the `first` rule that matches, or those of `all`."""

    append_output: tuple[AppendConfig, ...] = (AppendConfig(suggested_output=True),)
    """What is added to outputs, as in Falco; `[]` adds nothing."""
    static_fields: dict[FieldName, str] = Field(default_factory=dict)
    """Fields that are the same for all events, for conditions and outputs as `static.NAME`."""
    time_format_iso_8601: bool = False
    """Outputs begin with date and time in UTC instead of the local time of day."""

    def engine_config(self, hostname: str) -> EngineConfig:
        """The same for the engine."""
        return EngineConfig(
            matching=self.matching,
            priority=self.priority,
            hostname=hostname,
            iso8601=self.time_format_iso_8601,
            append_output=tuple(entry.addition for entry in self.append_output),
            static_fields=self.static_fields,
        )

    @property
    def choices(self) -> list[Choice]:
        """What ``select`` means."""
        return [entry.choice for entry in self.select]
