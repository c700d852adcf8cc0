"""The file: whole lines, rotation by size and age, and a disk that is full or taken away."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import Retryable
from sidekick.sinks.file import Config, RotatedFile, open_sink
from tests.sinks.conformance import envelope, identity

DAY = 86_400.0


class Clock:
    """The time of a test."""

    def __init__(self) -> None:
        self.secs = 1_700_000_000.0

    def __call__(self) -> float:
        return self.secs


@contextmanager
def rotated(folder: Path, **keys: Any) -> Iterator[tuple[RotatedFile, Clock, Path]]:
    path = folder / "logs" / "alerts.ndjson"
    clock = Clock()
    file = RotatedFile(Config.model_validate({"path": path, **keys}), clock)
    try:
        yield file, clock, path
    finally:
        file.close()


def everything(file: RotatedFile, path: Path) -> bytes:
    """What stands in the rotated files and the current one, in order."""
    read = [gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes()
            for p in file.rotated()]  # fmt: skip
    return b"".join([*read, path.read_bytes()])


async def test_alerts_are_lines_in_a_file_that_only_its_owner_and_group_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "folder" / "alerts.ndjson"
    async with open_sink(Config(path=path)) as sink:
        await sink.send([envelope(1), envelope(2)])
        await sink.send([envelope(3)])
    lines = path.read_text().splitlines()
    assert [json.loads(line)["uuid"] for line in lines] == [identity(n) for n in (1, 2, 3)]
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_is_started_before_one_grows_too_large(tmp_path: Path) -> None:
    with rotated(tmp_path, rotate_size=25) as (file, _, path):
        for n in range(6):
            file.append(b"%09d\n" % n)
        assert path.stat().st_size <= 25
        assert [p.stat().st_size for p in file.rotated()] == [20, 20]
        assert everything(file, path) == b"".join(b"%09d\n" % n for n in range(6))


def test_a_batch_larger_than_a_file_stays_whole(tmp_path: Path) -> None:
    with rotated(tmp_path, rotate_size=5) as (file, _, path):
        file.append(b"a long line\n")
        assert path.read_bytes() == b"a long line\n"


def test_a_day_has_its_file_also_after_a_restart(tmp_path: Path) -> None:
    with rotated(tmp_path, rotate_age="1d") as (file, clock, path):
        file.append(b"one\n")
        file.close()
        os.utime(path, (clock.secs, clock.secs))
        again = RotatedFile(Config(path=path, rotate_age=DAY), clock)
        clock.secs += DAY
        assert again.append(b"two\n")
        again.close()
        assert path.read_bytes() == b"two\n"


def test_only_so_many_files_are_kept_and_packed(tmp_path: Path) -> None:
    with rotated(tmp_path, rotate_size=1, keep=2, gzip=True) as (file, clock, path):
        for n in range(5):
            clock.secs += 1
            file.append(b"%d\n" % n)
            file.tidy()
        assert [p.suffix for p in file.rotated()] == [".gz", ".gz"]
        assert everything(file, path) == b"2\n3\n4\n"


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    with rotated(tmp_path, rotate_size=1, keep=0) as (file, _, path):
        path.parent.mkdir()
        other = path.with_name("alerts.ndjson.bak")
        other.write_text("mine")
        for n in range(3):
            file.append(b"%d\n" % n)
            file.tidy()
        assert sorted(p.name for p in path.parent.iterdir()) == [
            "alerts.ndjson",
            "alerts.ndjson.bak",
        ]


def test_a_file_that_another_program_moved_away_is_opened_anew(tmp_path: Path) -> None:
    with rotated(tmp_path) as (file, _, path):
        file.append(b"one\n")
        path.rename(path.with_name("moved"))
        file.append(b"two\n")
        assert path.read_bytes() == b"two\n"


@given(st.lists(st.binary(min_size=1, max_size=30), min_size=1, max_size=30), st.integers(0, 50))
def test_rotation_loses_and_repeats_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int
) -> None:
    with rotated(tmp_path_factory.mktemp("files"), rotate_size=size, keep=100) as (file, _, path):
        for line in lines:
            file.append(line)
        assert everything(file, path) == b"".join(lines)


async def test_a_folder_that_cannot_be_made_is_named_and_tried_again(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("in the way")
    path = tmp_path / "logs" / "alerts.ndjson"
    async with open_sink(Config(path=path)) as sink:
        with pytest.raises(Retryable, match=r"cannot write to .*alerts\.ndjson"):
            await sink.send([envelope(1)])
        (tmp_path / "logs").unlink()
        await sink.send([envelope(1)])
    assert identity(1) in path.read_text()


async def test_a_full_disk_leaves_no_half_line() -> None:
    async with open_sink(Config(path=Path("/dev/full"))) as sink:
        with pytest.raises(Retryable, match="No space left"):
            await sink.send([envelope(1)])


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({}, {"uuid", "sidekick", "output", "tags"}),
        ({"format": "falco"}, {"output", "tags", "output_fields"}),
        ({"format": "falco", "falco_properties": ["message", "tags"]}, {"message", "tags"}),
    ],
    ids=str,
)
async def test_lines_are_documents_or_what_falco_would_write(
    tmp_path: Path, keys: dict[str, Any], wanted: set[str]
) -> None:
    path = tmp_path / "alerts"
    async with open_sink(Config.model_validate({"path": path, **keys})) as sink:
        await sink.send([envelope(1), envelope(2)])
    optional = {"uuid", "sidekick", "output", "tags", "message", "output_fields"}
    for line in path.read_text().splitlines():
        assert set(json.loads(line)) & optional >= wanted
        if keys:
            assert set(json.loads(line)) & optional == wanted


async def test_falcos_text_is_a_line_an_alert(tmp_path: Path) -> None:
    path = tmp_path / "alerts"
    async with open_sink(Config.model_validate({"path": path, "format": "falco_text"})) as sink:
        await sink.send([envelope(1, output="12:00:00.1: Notice a\nb"), envelope(2, output="é")])
    assert path.read_text() == "12:00:00.1: Notice a\\nb\né\n"
