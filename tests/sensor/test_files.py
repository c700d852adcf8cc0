from __future__ import annotations

import pytest

from sidekick.sensor.files import (
    DIRECTORY,
    FILE,
    MEMFD,
    OTHER,
    PIPE,
    absolute,
    directory_of,
    filename_of,
    kind_of,
)
from tests.sensor.records import File


@pytest.mark.parametrize(
    ("found", "letter", "name"),
    [
        (File(b"/etc/shadow"), "f", "file"),
        (File(b"/etc", mode=0o40755), "f", "file"),  # only O_DIRECTORY makes one of it, as in Falco
        (File(b"/etc", mode=0o40755, flags=0o200000), "d", "directory"),
        (File(b"/dev/null", mode=0o20666), "f", "file"),
        (File(b"/run/fifo", mode=0o10600), "f", "file"),
        (File(b"pipe:", mode=0o10600), "p", "pipe"),
        (File(b"anon_inode:[eventfd]", mode=0o600), "e", "event"),
        (File(b"anon_inode:[signalfd]", mode=0o600), "s", "signalfd"),
        (File(b"anon_inode:[eventpoll]", mode=0o600), "l", "eventpoll"),
        (File(b"anon_inode:inotify", mode=0o600), "i", "inotify"),
        (File(b"anon_inode:[timerfd]", mode=0o600), "t", "timerfd"),
        (File(b"anon_inode:[userfaultfd]", mode=0o600), "u", "userfaultfd"),
        (File(b"anon_inode:[io_uring]", mode=0o600), "r", "io_uring"),
        (File(b"anon_inode:bpf-map", mode=0o600), "b", "bpf"),
        (File(b"anon_inode:[pidfd]", mode=0o600), "P", "pidfd"),
        (File(b"anon_inode:[perf_event]", mode=0o600), "o", "other"),
        (File(b"memfd:x", mode=0o100777), "m", "memfd"),
    ],
)
def test_what_a_descriptor_is(found: File, letter: str, name: str) -> None:
    assert kind_of(found) == (letter, name)


@pytest.mark.parametrize(
    ("path", "directory", "whole"),
    [
        ("/etc/passwd", None, "/etc/passwd"),
        ("/etc/../etc/./shadow", "/", "/etc/shadow"),
        ("shadow", "/etc", "/etc/shadow"),
        ("../etc/shadow", "/tmp", "/etc/shadow"),
        ("../../../../etc", "/a", "/etc"),
        ("x", None, "<UNKNOWN>/x"),
        ("//etc//shadow", None, "/etc/shadow"),
        ("", "/tmp", "/tmp"),
    ],
)
def test_a_path_is_made_whole(path: str, directory: str | None, whole: str) -> None:
    assert absolute(path, directory) == whole


@pytest.mark.parametrize(
    ("path", "directory", "filename"),
    [
        ("/etc/shadow", "/etc", "shadow"),
        ("/x", "/", "x"),
        ("/etc/", "/etc/", ""),
        ("/a/b/c", "/a/b", "c"),
        ("name", "/", "name"),
    ],
)
def test_the_parts_of_a_path(path: str, directory: str, filename: str) -> None:
    assert directory_of(path, FILE) == directory
    assert filename_of(path) == filename


def test_a_directory_is_its_own() -> None:
    assert directory_of("/etc/ssh", DIRECTORY) == "/etc/ssh"


def test_kinds_differ() -> None:
    assert len({FILE, DIRECTORY, PIPE, MEMFD, OTHER}) == 5
