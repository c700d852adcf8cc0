from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from sidekick.hub import schema


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    yield connection
    connection.close()


def test_a_new_log_gets_its_tables_and_a_node_number(db: sqlite3.Connection) -> None:
    node = schema.prepare(db)
    tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables >= {"meta", "alert", "lane", "retry", "dead", "quarantine", "state"}
    assert 0 <= node < 2**34


def test_preparing_again_keeps_everything(db: sqlite3.Connection) -> None:
    node = schema.prepare(db)
    db.execute("INSERT INTO state VALUES ('a', x'01')")
    assert schema.prepare(db) == node
    assert db.execute("SELECT count(*) FROM state").fetchone() == (1,)


def test_two_logs_have_different_node_numbers(db: sqlite3.Connection) -> None:
    with sqlite3.connect(":memory:", isolation_level=None) as other:
        assert schema.prepare(db) != schema.prepare(other)
    other.close()


def test_a_log_of_a_newer_version_is_left_alone(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA user_version = {schema.VERSION + 1}")
    with pytest.raises(schema.LogVersionError, match="start the newer version"):
        schema.prepare(db)
    assert db.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)


def test_the_highest_lane_bit_fits_an_integer_of_sqlite(db: sqlite3.Connection) -> None:
    schema.prepare(db)
    mask = 1 << (schema.MAX_LANES - 1)
    db.execute("INSERT INTO alert VALUES (1, 0, 0, 1, ?, '', x'')", (mask,))
    assert db.execute("SELECT lanes FROM alert WHERE lanes & ?", (mask,)).fetchone() == (mask,)
