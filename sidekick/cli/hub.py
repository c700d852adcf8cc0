"""``sidekick hub``: take, assess and deliver alerts until stopped."""

from __future__ import annotations

import os
from pathlib import Path

import click

from sidekick.cli._options import config_option, state_dir_option


@click.command()
@config_option
@state_dir_option
def command(config: Path | None, state: Path | None) -> None:
    """Take alerts on :2801, deliver them to the configured sinks.

    Without a configuration file, falcosidekick's environment variables count; without those, a
    line per alert is printed.
    """
    import uvloop

    from sidekick.app import App
    from sidekick.sensor.privileges import gain_none

    gain_none()

    async def run() -> None:
        overrides = {} if state is None else {"state_dir": str(state)}
        await App(config, os.environ, overrides).run()

    uvloop.run(run())
