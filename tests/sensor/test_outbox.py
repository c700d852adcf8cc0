from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidekick.errors import ConfigError
from sidekick.sensor.outbox import Outbox

MIB = 1024 * 1024


def drained(outbox: Outbox) -> list[bytes]:
    lines: list[bytes] = []
    while found := outbox.oldest():
        path, content = found
        lines += content.splitlines()
        outbox.remove(path)
    return lines


@contextmanager
def limited_file_size(size: int) -> Iterator[None]:
    """As on a full disk: what is written beyond fails, and a part of it stays."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_lines_come_out_in_the_order_in_which_they_went_in(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "box", MIB)
    assert not outbox
    outbox.append([b"1", b"2"])
    outbox.append([b"3"])
    assert outbox
    assert drained(outbox) == [b"1", b"2", b"3"]
    assert not outbox
    assert outbox.oldest() is None


def test_another_process_goes_on_where_one_ended(tmp_path: Path) -> None:
    Outbox(tmp_path, MIB).append([b"1"])
    second = Outbox(tmp_path, MIB)
    second.append([b"2"])
    assert drained(second) == [b"1", b"2"]


def test_what_is_being_sent_is_not_added_to(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, MIB)
    outbox.append([b"1"])
    first = outbox.oldest()
    assert first is not None
    outbox.append([b"2"])
    outbox.remove(first[0])
    assert drained(outbox) == [b"2"]


def test_beyond_the_bound_the_oldest_go_and_are_counted(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, 3 * MIB)
    lines = [b"%06d" % n + b"x" * 1000 for n in range(6000)]
    for line in lines:
        outbox.append([line])
    assert outbox.size <= 3 * MIB + 2000
    left = drained(outbox)
    assert left == lines[-len(left) :]
    assert outbox.dropped == len(lines) - len(left)
    assert 2000 < len(left) < 3200


def test_only_its_own_user_can_read_it(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "box", MIB)
    outbox.append([b"1"])
    found = outbox.oldest()
    assert found is not None
    assert found[0].stat().st_mode & 0o077 == 0
    assert (tmp_path / "box").stat().st_mode & 0o077 == 0


def test_a_full_disk_is_told(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "box", MIB)
    (tmp_path / "box").rmdir()
    with pytest.raises(OSError, match="No such file"):
        outbox.append([b"1"])


def test_of_lines_that_the_disk_does_not_take_whole_it_keeps_none(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, MIB)
    outbox.append([b"1"])
    with limited_file_size(100), pytest.raises(OSError, match="File too large"):
        outbox.append([b"2" * 90, b"3" * 90])
    outbox.append([b"4"])
    assert drained(outbox) == [b"1", b"4"]


def test_a_segment_that_went_for_want_of_room_may_be_removed_once_more(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, MIB)
    outbox.append([b"1" * MIB])
    found = outbox.oldest()  # somebody is sending it
    assert found is not None
    outbox.append([b"2" * MIB])
    assert outbox.dropped == 1
    outbox.remove(found[0])
    assert drained(outbox) == [b"2" * MIB]


def test_two_cannot_use_one_folder_at_a_time(tmp_path: Path) -> None:
    first = Outbox(tmp_path, MIB)
    with pytest.raises(ConfigError, match="another sensor keeps its alerts there; give each"):
        Outbox(tmp_path, MIB, patience_secs=0)
    first.append([b"1"])
    ending = threading.Timer(0.2, first.close)
    ending.start()
    assert drained(Outbox(tmp_path, MIB)) == [b"1"]  # the next one waits for the end of the first
    ending.join()
