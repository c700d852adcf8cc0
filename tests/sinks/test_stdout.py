"""Standard output: lines for people, safe on a terminal, whole when the reader is slow."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick import document
from sidekick.errors import Retryable
from sidekick.model import Envelope, Priority
from sidekick.sinks import stdout
from sidekick.sinks.stdout import Config, Stdout, _line, open_sink
from tests.sinks.conformance import envelope, identity

_HARMLESS = "\u00ad\u061c\u06dd"  # a soft hyphen and marks that belong to writing


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    try:
        yield reader, writer
    finally:
        for number in (reader, writer):
            with suppress(OSError):
                os.close(number)


def line(colored: bool = False, **changes: Any) -> str:
    sent = envelope(1, **changes)
    return _line(document.read(sent.body), sent.priority, colored).decode()


def test_a_line_says_when_how_bad_what_where_and_how_often() -> None:
    assert line() == (
        "2023-11-14T22:13:20.000Z Notice         42 Terminal shell in container"
        f" | proc.name=bash | A shell was spawned id={identity(1)}"
    )
    again = line(kind="reminder", count=3, first_seen_ns=1_700_000_000 * 10**9)
    assert "seen 3 times so far" in again


@given(st.text(max_size=80), st.text(min_size=1, max_size=80))
def test_a_line_is_one_line_that_steers_no_terminal(output: str, rule: str) -> None:
    told = line(output=output, rule=rule, fields={"proc.name": output})
    assert len(told.splitlines()) == 1
    assert not any(
        unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in told if c not in _HARMLESS
    )


@pytest.mark.parametrize("priority", Priority)
def test_colour_begins_and_ends_around_the_priority(priority: Priority) -> None:
    told = line(colored=True, priority=priority)
    assert told.count("\x1b[") == 2
    assert "\x1b[0m" in told


@pytest.mark.parametrize(
    ("color", "terminal", "colored"),
    [("auto", True, True), ("auto", False, False), ("always", False, True), ("never", True, False)],
)
async def test_colour_is_for_terminals(
    monkeypatch: pytest.MonkeyPatch, color: str, terminal: bool, colored: bool
) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()[::-1]
    reader = ours if terminal else theirs
    writer = theirs if terminal else ours
    monkeypatch.setitem(stdout._FILE_NUMBERS, "stdout", writer)
    async with open_sink(Config.model_validate({"color": color})) as sink:
        await sink.send([envelope(1)])
        assert (b"\x1b[" in os.read(reader, 4096)) == colored
    os.close(ours)
    os.close(theirs)


def _body(envelope: Envelope) -> bytes:
    return envelope.body


async def test_json_is_the_document() -> None:
    with pipe() as (reader, writer):
        await Stdout(writer, _body).send([envelope(1), envelope(2)])
        lines = os.read(reader, 65536).splitlines()
    assert [json.loads(one)["uuid"] for one in lines] == [identity(1), identity(2)]


async def test_a_reader_that_takes_its_time_gets_whole_lines_and_stops_nobody() -> None:
    with pipe() as (reader, writer):
        sink = Stdout(writer, _body)
        sending = asyncio.create_task(sink.send([envelope(n) for n in range(500)]))
        os.set_blocking(reader, False)
        got = b""
        async with asyncio.timeout(10):
            while got.count(b"\n") < 500:
                await asyncio.sleep(0)
                with suppress(BlockingIOError):
                    got += os.read(reader, 65536)
        await sending
    assert [json.loads(one)["uuid"] for one in got.splitlines()] == [
        identity(n) for n in range(500)
    ]


async def test_a_write_that_was_cut_short_does_not_spoil_the_next_line() -> None:
    with pipe() as (reader, writer):
        sink = Stdout(writer, _body)
        sending = asyncio.create_task(sink.send([envelope(n) for n in range(500)]))
        while not sink._mid_line:
            await asyncio.sleep(0)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        os.set_blocking(reader, False)
        while True:
            try:
                os.read(reader, 65536)
            except BlockingIOError:
                break
        await sink.send([envelope(7)])
        lines = os.read(reader, 65536).splitlines()
    assert json.loads(lines[-1])["uuid"] == identity(7)


async def test_a_pipe_that_nobody_reads_is_a_fault_that_may_pass() -> None:
    with pipe() as (reader, writer):
        sink = Stdout(writer, _body)
        await sink.probe()
        os.close(reader)
        with pytest.raises(Retryable, match="standard error"):
            await sink.send([envelope(1)])
        with pytest.raises(Retryable, match="nobody reads"):
            await sink.probe()


async def test_falcos_line_has_falcos_keys_alone() -> None:
    with pipe() as (reader, writer):
        ours, theirs = os.dup(1), writer
        os.dup2(theirs, 1)
        try:
            async with open_sink(Config.model_validate({"format": "falco"})) as sink:
                await sink.send([envelope(1)])
        finally:
            os.dup2(ours, 1)
            os.close(ours)
        line = json.loads(os.read(reader, 65536))
    assert list(line) == sorted(line)
    assert set(line) == {
        *("hostname", "output", "output_fields", "priority", "rule", "source", "tags", "time")
    }
