"""The tables of the alert log, and how an older log is brought up to date.

``alert`` is the log: one row per alert, ``lanes`` a bit set of the lanes that shall deliver it.
A lane's row says what it has done: everything below ``next`` is settled, except the ranges in
``open`` (JSON ``[[first, last], ...]``: deliveries in flight) and its rows in ``retry``. A lane
that is not configured any more is not ``active``: it keeps its place, but holds no alert back.
"""

from __future__ import annotations

import secrets
import sqlite3

VERSION = 1
MAX_LANES = 62
"""Lanes are bits of SQLite's signed 64-bit integer."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE alert (
    seq INTEGER PRIMARY KEY, received_ns INTEGER NOT NULL, time_ns INTEGER NOT NULL,
    priority INTEGER NOT NULL, lanes INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    body BLOB NOT NULL);
CREATE TABLE lane (
    bit INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, next INTEGER NOT NULL,
    open TEXT NOT NULL DEFAULT '[]', active INTEGER NOT NULL DEFAULT 1);
CREATE TABLE retry (
    bit INTEGER NOT NULL, seq INTEGER NOT NULL, due_ns INTEGER NOT NULL,
    since_ns INTEGER NOT NULL, attempts INTEGER NOT NULL, error TEXT NOT NULL,
    PRIMARY KEY (bit, seq)) WITHOUT ROWID;
CREATE INDEX retry_due ON retry (bit, due_ns);
CREATE TABLE dead (
    bit INTEGER NOT NULL, seq INTEGER NOT NULL, died_ns INTEGER NOT NULL,
    attempts INTEGER NOT NULL, error TEXT NOT NULL, received_ns INTEGER NOT NULL,
    time_ns INTEGER NOT NULL, priority INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    body BLOB NOT NULL, PRIMARY KEY (bit, seq)) WITHOUT ROWID;
CREATE TABLE quarantine (
    number INTEGER PRIMARY KEY AUTOINCREMENT, received_ns INTEGER NOT NULL,
    source TEXT NOT NULL, reason TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""


class LogVersionError(Exception):
    """The log was written by a newer sidekick."""


def prepare(db: sqlite3.Connection) -> int:
    """Create or upgrade the tables; gives the log's node number (34 random bits, see ``ids``)."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise LogVersionError(
            f"the alert log has format {version}, this sidekick knows formats up to {VERSION}: "
            "start the newer version, or point state_dir at an empty directory"
        )
    if version == 0:
        node_row = f"INSERT INTO meta VALUES ('node', {secrets.randbits(34)});"
        # In one transaction: a crash leaves a log with a number, or none.
        db.executescript(f"BEGIN; {_TABLES} {node_row} PRAGMA user_version = {VERSION}; COMMIT;")
    node: int = db.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()[0]
    return node
