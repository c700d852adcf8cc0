"""``sidekick doctor``: what a person on call would look at first, and what to do about it."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click

from sidekick import __version__
from sidekick.cli._api import Api, ApiError, Unreachable
from sidekick.cli._options import api_options, config_option, json_option, state_dir_option

if TYPE_CHECKING:
    from sidekick.settings import Settings

_FEW_FILES = 4096
_LITTLE_ROOM = 256 * 1024**2
_OLD_SECS = 300.0
_SKEW_SECS = 5.0


class Finding(NamedTuple):
    """One thing that was looked at; ``advice`` says what to do unless all is well."""

    state: Literal["ok", "warn", "fail"]
    subject: str
    what: str
    advice: str = ""


@click.command("doctor")
@config_option
@state_dir_option
@json_option
@api_options
def command(api: Api, config: Path | None, state: Path | None, as_json: bool) -> int:
    """Look at the configuration, the machine, the log and the running hub; say what to do."""
    from sidekick.cli._text import coloured, print_json, safe

    found = list(examine(api, config, state))
    if as_json:
        print_json([one._asdict() for one in found])
    else:
        for one in found:
            click.echo(f"{coloured(one.state.ljust(4))}  {one.subject}: {safe(one.what)}")
            if one.advice:
                click.echo(f"      {safe(one.advice)}")
    return 1 if any(one.state == "fail" for one in found) else 0


def examine(api: Api, config: Path | None, state: Path | None = None) -> Iterator[Finding]:
    """Everything there is to look at, one after the other."""
    from sidekick.errors import ConfigError
    from sidekick.settings import load

    yield _versions()
    yield _files()
    try:
        settings = load(config, os.environ, {"state_dir": str(state)} if state else {})
    except ConfigError as error:
        for fault in error.faults:
            yield Finding("fail", "configuration", fault, "correct the file; the hub keeps the old")
    else:
        yield from _configured(settings, config)
    yield from _hub(api)


def _configured(settings: Settings, config: Path | None) -> Iterator[Finding]:
    yield Finding("ok", "configuration", f"{config or 'the defaults'}: no faults")
    for warning in settings.warnings:
        yield Finding(
            "warn",
            "configuration",
            warning,
            "as it stands it has no effect: correct it, or remove it",
        )
    yield _folder(settings)
    yield _room(settings)


def _versions() -> Finding:
    told = f"sidekick {__version__}, Python {platform.python_version()}"
    return Finding("ok", "versions", f"{told}, SQLite {sqlite3.sqlite_version}")


def _files() -> Finding:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit < _FEW_FILES:
        advice = "raise it (ulimit -n, LimitNOFILE=): each sender and each delivery takes one"
        return Finding("warn", "open files", f"at most {limit:,}", advice)
    return Finding("ok", "open files", f"at most {limit:,}")


def _folder(settings: Settings) -> Finding:
    folder = settings.state_dir
    there = folder if folder.exists() else folder.parent
    if not os.access(there, os.W_OK):
        advice = "give it to the user that sidekick runs as, or set state_dir to another"
        return Finding("fail", "state folder", f"{folder} is not writable", advice)
    return Finding("ok", "state folder", f"{folder.absolute()} is writable")


def _room(settings: Settings) -> Finding:
    from sidekick.cli._text import size

    folder = settings.state_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    wanted = settings.log.max_size
    if free < _LITTLE_ROOM:
        advice = "free some: a log without room takes only the more severe alerts"
        return Finding("fail", "disk", f"{size(free)} are free at {folder}", advice)
    if free < wanted and not (settings.state_dir / "alerts.db").exists():
        advice = "lower log.max_size, or use a larger disk"
        told = f"{size(free)} are free at {folder}, the log may grow to {size(wanted)}"
        return Finding("warn", "disk", told, advice)
    return Finding("ok", "disk", f"{size(free)} are free at {folder}")


def _hub(api: Api) -> Iterator[Finding]:
    from sidekick.hub.view import LogStats
    from sidekick.web.replies import Lanes, Version

    try:
        version = api.get("/version", Version)
    except Unreachable as error:
        yield Finding("fail", "hub", error.message, "if it should run: look at its log")
        return
    except ApiError as error:
        yield Finding("fail", "hub", error.message, "give its token")
        return
    up = (version.now_ns - version.started_ns) / 1e9
    yield Finding("ok", "hub", f"{api.url}: sidekick {version.version}, up for {_length(up)}")
    skew = abs(version.now_ns - time.time_ns()) / 1e9
    if skew > _SKEW_SECS:
        advice = "synchronise the clocks: times in alerts, silences and windows depend on them"
        yield Finding("warn", "clock", f"the hub's is {skew:.0f} s from ours", advice)
    try:
        yield _log(api.get("/log", LogStats))
    except ApiError as error:
        advice = "look at the disk and the hub's log; a damaged log has to be moved away"
        yield Finding("fail", "log", error.message, advice)
    for lane in api.get("/lanes", Lanes).lanes:
        yield _lane(lane)
    yield from _quarantine(api, version.now_ns)


def _quarantine(api: Api, now_ns: int) -> Iterator[Finding]:
    from sidekick.web.replies import QuarantinedBodies

    with suppress(ApiError):  # a log that cannot be read has been told
        bodies = api.get("/quarantine", QuarantinedBodies, limit=100).quarantined
        if not bodies or now_ns - bodies[0].received_ns > 3600 * 10**9:
            return
        told = f"lately {len(bodies)}, the last from {bodies[0].source}: {bodies[0].reason}"
        yield Finding("warn", "quarantine", told, "sidekick quarantine shows them")


def _length(seconds: float) -> str:
    from sidekick.cli._text import length

    return length(seconds)


def _log(stats: object) -> Finding:
    from sidekick.cli._text import size
    from sidekick.hub.view import LogStats

    assert isinstance(stats, LogStats)
    told = f"{stats.alerts:,} alerts, {size(stats.bytes)} of {size(stats.limit_bytes)}"
    if stats.failing:
        advice = "nothing is answered 200 now: free some disk, or mend what it says"
        return Finding("fail", "log", f"cannot be written: {stats.failing}", advice)
    if stats.full:
        advice = "the least severe alerts are lost now: free some disk, mend the lane that is stuck"
        return Finding("fail", "log", f"{told}; it is full", advice)
    if stats.disk_free_bytes < _LITTLE_ROOM:
        told += f"; its disk has only {size(stats.disk_free_bytes)} left"
        return Finding("fail", "log", told, "free some, or lower log.max_size")
    if stats.unreserved:
        advice = "free some: without the reserve a full disk takes no alert, however severe"
        return Finding("warn", "log", f"{told}; its disk has no room for log.reserve", advice)
    return Finding("ok", "log", told)


def _lane(lane: object) -> Finding:
    from sidekick.cli._text import counted
    from sidekick.hub.view import LaneStatus

    assert isinstance(lane, LaneStatus)
    subject = f"lane {lane.name}"
    waits = f"{counted(lane.depth, 'alert')} waiting, the oldest for "
    waits += _length(lane.oldest_age_secs)
    if lane.state in ("opening", "paused"):
        advice = f"{lane.last_error or 'see the log'}; sidekick check --probe tries it"
        return Finding("fail", subject, f"{lane.state}; {waits}", advice)
    if lane.depth and lane.oldest_age_secs > _OLD_SECS:
        advice = "it does not keep up: raise lane.concurrency or lane.batch_items"
        return Finding("warn", subject, waits, advice)
    if lane.dead:
        advice = f"sidekick dead list --lane {lane.name}; then dead retry or dead drop"
        return Finding("warn", subject, f"given up: {counted(lane.dead, 'alert')}", advice)
    return Finding("ok", subject, f"{lane.delivered:,} delivered, {lane.depth:,} waiting")
