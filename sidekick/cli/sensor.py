"""``sidekick sensor``: watch this machine, send alerts to a hub elsewhere."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from sidekick.cli._options import sensor_options, sensor_overrides


def address_and_port(
    context: click.Context, option: click.Parameter, value: str | None
) -> Mapping[str, str | int]:
    """The settings that "127.0.0.1:2803", "[::1]:2803" or "2803" stand for."""
    if value is None:
        return {}
    address, _, port = value.rpartition(":")
    if not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"wanted PORT or ADDRESS:PORT, found {value!r}")
    address = address.removeprefix("[").removesuffix("]")
    return {"sensor.listen.address": address or "127.0.0.1", "sensor.listen.port": int(port)}


@click.command()
@click.option(
    "--to",
    "target",
    default="",
    metavar="URL|unix:PATH",
    help="The hub; without it, the one of the same state directory.",
)
@click.option(
    "--ca",
    type=click.Path(path_type=Path, dir_okay=False),
    help="PEM file of the authority that signed the hub's certificate.",
)
@click.option(
    "--metrics",
    "pages",
    metavar="[ADDRESS:]PORT",
    callback=address_and_port,
    help="Answer /metrics, /healthz and /readyz there; ADDRESS is 127.0.0.1 unless given.",
)
@click.option("--supervised", is_flag=True, hidden=True)
@click.option("--exclude", "excluded", type=int, multiple=True, hidden=True)
@sensor_options
def command(
    target: str,
    ca: Path | None,
    pages: Mapping[str, str | int],
    supervised: bool,
    excluded: tuple[int, ...],
    config: Path | None,
    state: Path | None,
    node: str,
    rules: tuple[Path, ...],
) -> int:
    """Watch this machine and send alerts to a hub. Needs root, or CAP_BPF and CAP_PERFMON.

    While the hub is away they are kept on disk. A changed rule file is read again by itself.
    """
    from sidekick.errors import ConfigError, SensorUnavailable
    from sidekick.sensor.sensor import Exit
    from sidekick.sensor.supervisor import MISCONFIGURED, UNAVAILABLE
    from sidekick.sensor_process import SensorOptions, SensorProcess

    overrides = sensor_overrides(state, node) | dict(pages)
    options = SensorOptions(config, overrides, rules, target, ca, supervised, excluded)
    try:
        SensorProcess(options, os.environ).run()
    except SensorUnavailable as error:
        click.echo(f"Error: {error}", err=True)
        return UNAVAILABLE
    except ConfigError as error:
        if not supervised:
            raise
        for fault in error.faults:
            click.echo(f"Error: {fault}", err=True)
        return MISCONFIGURED
    except Exit as error:
        click.echo(f"Error: {error}", err=True)
        return 1
    return 0
