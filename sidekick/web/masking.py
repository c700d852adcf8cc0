"""The configuration as data that may be shown: no secrets."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel

_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")
"""User and password in an address."""


def masked(settings: BaseModel) -> Any:
    """JSON data of the settings; secrets are asterisks, addresses lose user and password."""
    return _mask(settings.model_dump(mode="json"))


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return _USERINFO.sub("***@", value) if isinstance(value, str) else value
