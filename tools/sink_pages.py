"""Writes the generated half of each docs/sinks/TYPE.md: what the sink sends, and its settings.

python -m tools.sink_pages
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from sidekick.settings.reference import MARK, settings_and_example
from sidekick.sinks import sink_module, sink_types
from tests.sinks.sent import sent

FOLDER = Path(__file__).parents[1] / "docs" / "sinks"


async def page(type_name: str, old: str) -> str:
    """The page of a sink type: its own words, then what is made from the code."""
    parts = [
        old.partition(MARK)[0] + MARK,
        f"## What is sent\n\n{await sent(type_name)}",
        *await _as_falcosidekick(type_name),
        "## Every setting\n",
        *settings_and_example(sink_module(type_name).Config),
    ]
    return "\n".join(parts).rstrip() + "\n"


async def _as_falcosidekick(type_name: str) -> list[str]:
    if "compat" not in sink_module(type_name).Config.model_fields:
        return []
    return [f"With `compat: falcosidekick`:\n\n{await sent(type_name, compat='falcosidekick')}"]


def path_of(type_name: str) -> Path:
    """Where its page is."""
    return FOLDER / f"{type_name}.md"


async def write() -> None:
    """Bring every page up to date; a new type gets one that lacks its words."""
    for type_name in sink_types():
        path = path_of(type_name)
        old = path.read_text() if path.exists() else f"# {type_name}\n\n"
        path.write_text(await page(type_name, old))


if __name__ == "__main__":
    asyncio.run(write())
