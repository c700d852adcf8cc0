"""What falcosidekick sends, a module a destination: for sinks with ``compat: falcosidekick``."""

from __future__ import annotations

from typing import Literal

Compat = Literal["", "falcosidekick"]
"""Whose payloads a sink sends: its own, or those of falcosidekick."""

HEADERS = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Falcosidekick"}
"""Of each of its requests over HTTP."""
