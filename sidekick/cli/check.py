"""``sidekick check``: is the configuration good, and with ``--probe``, can its sinks be reached?"""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sidekick.cli._options import config_option, json_option

if TYPE_CHECKING:
    from sidekick.settings import Settings

_PROBE_SECS = 15.0


@click.command("check")
@config_option
@click.option("--probe", is_flag=True, help="Also try to reach each sink; sends no alert.")
@json_option
def command(config: Path | None, probe: bool, as_json: bool) -> int:
    """Check the configuration and its rules: every fault at once, each with its line."""
    from sidekick.cli._text import print_json
    from sidekick.errors import ConfigError
    from sidekick.rule_engine import build_engine
    from sidekick.settings import load
    from sidekick.settings.check import certificate_faults

    try:
        settings = load(config, os.environ)
        rules = len(build_engine(settings.rules).rules)
        if faults := certificate_faults(settings):
            raise ConfigError(faults)
    except ConfigError as error:
        if not as_json:
            raise
        print_json({"ok": False, "faults": error.faults, "warnings": (), "sinks": {}})
        return 1
    if probe:
        logging.disable()  # what libraries have to say of it is in the faults
    found = asyncio.run(probe_all(settings)) if probe else {}
    if as_json:
        ok = not any(found.values())
        print_json({"ok": ok, "faults": (), "warnings": settings.warnings, "sinks": found})
    else:
        _print(config, settings, rules, found)
    return 1 if any(found.values()) else 0


def _print(config: Path | None, settings: Settings, rules: int, found: dict[str, str]) -> None:
    from sidekick.cli._text import coloured, counted, safe

    for warning in settings.warnings:
        click.echo(f"{coloured('warn')}  {safe(warning)}")
    for name, fault in found.items():
        told = (
            f"{coloured('fail')}  {name}: {safe(fault)}" if fault else f"{coloured('ok')}    {name}"
        )
        click.echo(told)
    place = config or _place_of_variables()
    sinks = counted(len(settings.sinks), "sink")
    sources = counted(len(settings.sources), "source")
    matched = counted(rules, "rule")
    click.echo(f"{place}: no faults; {sinks}, {sources} beside HTTP, {matched}")


def _place_of_variables() -> str:
    """What counts without a file."""
    from sidekick import compat

    return "falcosidekick's variables" if compat.switched_on(os.environ) else "the defaults"


async def probe_all(settings: Settings) -> dict[str, str]:
    """Why each sink cannot be reached, by its name; "" for one that can."""
    names = list(settings.sinks)
    faults = await asyncio.gather(*(_probe(settings.sinks[name]) for name in names))
    return dict(zip(names, faults, strict=True))


async def _probe(config: Any) -> str:
    from sidekick.errors import ConfigError, SidekickError
    from sidekick.sinks import sink_module

    try:
        async with (
            asyncio.timeout(_PROBE_SECS),
            sink_module(config.type).open_sink(config) as sink,
        ):
            await sink.probe()
    except TimeoutError:
        return f"no answer within {_PROBE_SECS:g} s"
    except ConfigError as error:
        return "; ".join(error.faults)
    except (SidekickError, OSError) as error:
        return str(error)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""
