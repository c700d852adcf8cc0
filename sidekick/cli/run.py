"""``sidekick run``: watch this machine and deliver alerts, in one command."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sidekick.cli._options import sensor_options, sensor_overrides


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print each alert as Falco's JSON, a line.")
@sensor_options
def command(
    as_json: bool, config: Path | None, state: Path | None, node: str, rules: tuple[Path, ...]
) -> None:
    """Watch this machine and deliver alerts to the configured sinks.

    The sensor needs root, or CAP_BPF and CAP_PERFMON; without them the hub runs alone, as
    `sidekick hub` does. Without a configuration file, falcosidekick's environment variables count;
    without those, a line per alert is printed.
    """
    import uvloop

    from sidekick.app import App

    overrides = sensor_overrides(state, node)
    sensor = [sys.executable, "-m", "sidekick", "sensor", "--supervised"]
    for option, value in (("-c", config), ("--state", state), ("--node", node)):
        sensor += [option, str(value)] if value else []
    for file in rules:
        sensor += ["--rules", str(file)]
    sensor += ["--exclude", str(os.getpid())]
    if as_json:
        overrides |= _printing(config)

    async def run() -> None:
        banner_to = sys.stderr if as_json else None
        await App(config, os.environ, overrides, sensor, banner_to).run()

    uvloop.run(run())


def _printing(config: Path | None) -> Mapping[str, Any]:
    """Without a configuration every alert is printed, repeats too."""
    own: dict[str, Any] = {"sinks.stdout": {"type": "stdout", "format": "falco"}}
    return own if config else own | {"dedup.enabled": False}
