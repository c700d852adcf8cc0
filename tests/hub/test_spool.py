from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from sidekick.hub import schema
from sidekick.hub.spool import Group, LogError
from tests.hub.logs import SMALL, execute, fill, row, seqs, spool_of


def test_what_was_written_is_there_after_a_crash(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    name = next(iter(spool.lane_rows(["a"])))
    spool.write(
        Group(
            rows=[row(1), row(2)],
            statements=[("INSERT INTO quarantine VALUES (1, 0, 's', 'r', x'')", ())],
            state={"x": b"1"},
            progress=[(2, "[[1, 1]]", 0)],
        )
    )
    image = tmp_path / "after-the-crash"  # the files as they are now; nothing was closed
    image.mkdir()
    for file in ("alerts.db", "alerts.db-wal"):
        (image / file).write_bytes((tmp_path / file).read_bytes())
    found = spool_of(image)
    assert seqs(found) == [1, 2]
    assert found.lane_rows([name]) == {"a": (0, 2, "[[1, 1]]")}
    assert execute(found, "SELECT key, value FROM state") == [("x", b"1")]
    assert execute(found, "SELECT count(*) FROM quarantine") == [(1,)]
    assert found.node == spool.node
    found.close()
    spool.close()


def test_a_second_hub_on_the_same_directory_is_refused_with_a_sentence(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    with pytest.raises(LogError, match=rf"another sidekick \(pid {os.getpid()}\).*stop it"):
        spool_of(tmp_path)
    spool.close()
    spool_of(tmp_path).close()


def test_a_log_of_a_newer_version_is_refused_and_not_kept_locked(tmp_path: Path) -> None:
    spool_of(tmp_path).close()
    db = sqlite3.connect(tmp_path / "alerts.db")
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    db.close()
    for _ in range(2):
        with pytest.raises(LogError, match=r"alerts\.db: .*start the newer version"):
            spool_of(tmp_path)


def test_a_file_that_is_no_log_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "alerts.db").write_bytes(b"not a database at all" * 500)
    with pytest.raises(LogError, match="move the directory away"):
        spool_of(tmp_path)


def test_a_log_that_was_removed_is_found_out(tmp_path: Path) -> None:
    spool = spool_of(tmp_path / "state")
    assert spool.lost() is None
    shutil.rmtree(tmp_path / "state")
    assert "removed the alert log" in str(spool.lost())
    other = spool_of(tmp_path / "state")
    assert "removed the alert log" in str(spool.lost()), "it is another's"
    assert other.lost() is None
    (tmp_path / "state" / "alerts.db").unlink()
    assert "removed the alert log" in str(other.lost())
    other.close()
    spool.close()


def test_a_lock_can_be_had_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sidekick.hub.spool.os.write", full)
    spool_of(tmp_path).close()


def test_nobody_else_can_read_the_log(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "alerts.db").touch(0o644)
    spool = spool_of(tmp_path)
    fill(spool, 1, 1)
    for name in ("alerts.db", "alerts.db-wal", "alerts.db-shm"):
        assert (tmp_path / name).stat().st_mode & 0o077 == 0, name
    spool.close()


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (sqlite3.SQLITE_FULL, "free some disk"),
        (sqlite3.SQLITE_IOERR_WRITE, "look at the disk"),
        (sqlite3.SQLITE_CANTOPEN, "give the folder and its files"),
        (sqlite3.SQLITE_CORRUPT, "move the directory away"),
    ],
)
def test_what_to_do_depends_on_what_is_wrong(code: int, advice: str) -> None:
    error = sqlite3.OperationalError("it is broken")
    error.sqlite_errorcode = code
    told = str(LogError.of(Path("/x/alerts.db"), error))
    assert told.startswith("/x/alerts.db: it is broken; ")
    assert advice in told


def test_a_place_that_cannot_be_a_directory_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match=r"writable directory.*set state_dir"):
        spool_of(tmp_path / "file" / "state")


def test_a_group_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    with pytest.raises(sqlite3.Error):
        spool.write(Group(rows=[row(1)], statements=[("INSERT INTO nowhere VALUES (1)", ())]))
    with pytest.raises(sqlite3.Error):
        spool.write(Group(rows=[row(5), row(5)]))
    assert seqs(spool) == []
    spool.write(Group(rows=[row(1)]))
    assert seqs(spool) == [1]
    spool.close()


@pytest.mark.parametrize("count", [0, 1, 31, 32, 33, 255, 256, 257, 289, 900])
@pytest.mark.parametrize("state", [{}, {"k": b"v"}])
def test_groups_of_any_size_are_written_whole(
    tmp_path: Path, count: int, state: dict[str, bytes | None]
) -> None:
    spool = spool_of(tmp_path)
    rows = [row(n) for n in range(1, count + 1)]
    spool.write(Group(rows=rows, state=state))
    assert execute(spool, "SELECT * FROM alert ORDER BY seq") == rows
    spool.close()


def test_state_is_written_over_and_removed(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    spool.write(Group(state={"a": b"1", "b": b"2"}))
    spool.write(Group(state={"a": b"3", "b": None, "c": None}))
    assert execute(spool, "SELECT key, value FROM state") == [("a", b"3")]
    spool.close()


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    assert spool.last_seq() == 0
    spool.lane_rows(["a"])
    fill(spool, 1, 3)
    assert spool.last_seq() == 3
    execute(spool, "DELETE FROM alert")
    spool.write(Group(progress=[(8, "[]", 0)]))
    assert spool.last_seq() == 7
    execute(spool, "INSERT INTO dead VALUES (0, 11, 0, 1, '', 0, 0, 1, '', x'')")
    assert spool.last_seq() == 11
    spool.close()


def test_a_new_lane_starts_behind_the_last_alert(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    assert spool.lane_rows(["a"]) == {"a": (0, 1, "[]")}
    fill(spool, 1, 5)
    assert spool.lane_rows(["a", "b"]) == {"a": (0, 1, "[]"), "b": (1, 6, "[]")}
    spool.close()


def test_a_lane_that_comes_back_goes_on_where_it_was(tmp_path: Path) -> None:
    spool = spool_of(tmp_path, SMALL)
    spool.lane_rows(["a", "b"])
    fill(spool, 1, 5)
    spool.write(Group(progress=[(3, "[[1, 1]]", 0)]))
    assert spool.lane_rows(["b"]) == {"b": (1, 1, "[]")}
    assert execute(spool, "SELECT name FROM lane WHERE active") == [("b",)]
    assert spool.lane_rows(["a", "b"])["a"] == (0, 3, "[[1, 1]]")
    spool.close()


def test_when_all_bits_are_used_a_lane_that_is_gone_gives_its_bit_and_all_it_had(
    tmp_path: Path,
) -> None:
    spool = spool_of(tmp_path)
    spool.lane_rows([f"lane-{n}" for n in range(schema.MAX_LANES)])
    spool.write(Group(rows=[row(1, lanes=0b11)]))
    execute(spool, "INSERT INTO retry VALUES (0, 1, 0, 0, 0, '')")
    execute(spool, "INSERT INTO dead VALUES (0, 1, 0, 1, '', 0, 0, 1, '', x'')")
    names = [*(f"lane-{n}" for n in range(1, schema.MAX_LANES)), "new"]
    assert spool.lane_rows(names)["new"] == (0, 2, "[]")
    assert execute(spool, "SELECT lanes FROM alert") == [(0b10,)]
    assert execute(spool, "SELECT (SELECT count(*) FROM retry) + count(*) FROM dead") == [(0,)]
    spool.close()


def test_little_of_a_page_is_left_empty(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    empty = spool.room.used()
    fill(spool, 1, 1000, size=1500)
    assert 1_500_000 < spool.room.used() - empty < 1_700_000
    spool.close()


def test_a_log_with_pages_of_another_size_keeps_them(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "alerts.db")) as db:
        db.execute("PRAGMA page_size = 4096")
        db.execute("VACUUM")
    spool = spool_of(tmp_path)
    fill(spool, 1, 100, size=1500)
    spool.checkpoint()
    assert execute(spool, "SELECT page_size FROM pragma_page_size") == [(4096,)]
    assert spool.room.used() == (tmp_path / "alerts.db").stat().st_size
    spool.close()


def test_the_write_ahead_log_is_moved_when_there_is_enough_of_it(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    spool.checkpoint()
    assert not spool.wants_checkpoint
    before = (tmp_path / "alerts.db").stat().st_size
    fill(spool, 1, 9, size=1024 * 1024)
    assert spool.wants_checkpoint
    spool.checkpoint()
    assert not spool.wants_checkpoint
    assert (tmp_path / "alerts.db").stat().st_size > before + 9 * 1024 * 1024
    spool.close()
