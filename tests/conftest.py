"""Fixtures that all tests may use: the real servers."""

from __future__ import annotations

pytest_plugins = ["tests.servers.fixtures"]
