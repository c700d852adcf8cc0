"""The base of every configuration section, and the value types that sections share."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, SecretStr, WithJsonSchema

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZES = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3}
_SIZES |= {"gb": 1000**3, "kib": 1024, "ki": 1024, "mib": 1024**2, "mi": 1024**2}
_SIZES |= {"gib": 1024**3, "gi": 1024**3}


class Section(BaseModel):
    """A frozen part of the configuration; unknown keys are refused.

    Each key has a docstring beneath it: the generated reference and JSON schema print it. (They
    read it from the source; pydantic doing so at each start would cost a millisecond a class.)
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def parse_duration(value: Any) -> float:
    """Seconds of "250ms", "10s", "1h30m", "7d" or a bare number of seconds; ValueError else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1e11:
        return float(value)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)", str(value))
    if not parts or "".join(n + u for n, u in parts) != str(value).strip():
        raise ValueError('wanted a duration such as "250ms", "10s", "1h30m" or "7d"')
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def parse_size(value: Any) -> int:
    """Bytes of "64MiB", "10MB" (1,000s), "1Gi" or a bare number; ValueError else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?) ?([a-zA-Z]*)", str(value).strip())
    if isinstance(value, bool) or not match or match[2].lower() not in _SIZES:
        raise ValueError('wanted a size such as "64MiB", "10MB" or "1Gi"')
    return int(float(match[1]) * _SIZES[match[2].lower()])


def _written(kind: str, pattern: str) -> WithJsonSchema:
    """The schema of what a person writes; ``x-kind`` is for the generated reference."""
    either = [{"type": "number", "minimum": 0}, {"type": "string", "pattern": pattern}]
    return WithJsonSchema({"anyOf": either, "x-kind": kind})


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    _written("duration", r"^\s*(\d+(\.\d+)?(ms|s|m|h|d|w))+\s*$"),
]
"""Seconds, written "250ms", "10s", "1h30m", "7d"."""

Size = Annotated[
    int, BeforeValidator(parse_size), _written("size", r"^\s*\d+(\.\d+)? ?[a-zA-Z]*\s*$")
]
"""Bytes, written "64MiB", "10MB", "1Gi"."""

Secret = SecretStr
"""A text that is never printed; ``.get_secret_value()`` where it is used."""
