"""What the kernel's filters let through, in the real kernel."""

from __future__ import annotations

import ctypes
import os
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import pytest

from sidekick.ebpf.filters import Clause, Paths
from sidekick.sensor.decode import FLAG_STATE, Record
from tests.ebpf.kernel import LIBC, Watcher, watching

RO, WO, RW = os.O_RDONLY, os.O_WRONLY, os.O_RDWR
SYS_SOCKET = 41
CALLS = {
    "openat",
    "dup2",
    "sendto",
    "mkdir",
    "socket",
    "connect",
    "link",
    "symlink",
    "chdir",
    "chown",
}


@pytest.fixture(scope="module")
def watcher() -> Iterator[Watcher]:
    with watching(CALLS) as found:
        yield found


@pytest.fixture(autouse=True)
def _no_filters_after(watcher: Watcher) -> Iterator[None]:
    yield
    watcher.probe.replace_filters({})


def opened(watcher: Watcher, clause: Clause, *paths: str, flags: int = RO) -> list[str]:
    """Which of the files a process that opens them all is told to have opened."""
    watcher.probe.replace_filters({"openat": [clause]})

    def act() -> None:
        for path in paths:
            with suppress(OSError):
                os.open(path, flags)

    return [path for path, _ in _told(watcher.calls_of(act, "openat"))]


def test_without_a_clause_nothing_is_told(watcher: Watcher) -> None:
    watcher.probe.replace_filters({"openat": []})

    assert watcher.calls_of(lambda: os.open("/dev/null", RO), "openat") == []


def test_by_result(watcher: Watcher) -> None:
    paths = ("/dev/null", "/dev/absent")

    assert opened(watcher, Clause(failed=False), *paths) == ["/dev/null"]
    assert opened(watcher, Clause(failed=True), *paths) == ["/dev/absent"]


def test_by_access(watcher: Watcher) -> None:
    writing = Clause(access=frozenset({WO, RW}))

    assert opened(watcher, writing, "/dev/null") == []
    assert opened(watcher, writing, "/dev/null", flags=RW) == ["/dev/null"]


def test_by_bits_of_an_argument(watcher: Watcher) -> None:
    creating = Clause(any_bits={"flags": os.O_CREAT | os.O_TRUNC})

    assert opened(watcher, creating, "/dev/null") == []
    assert opened(watcher, creating, "/dev/null", flags=WO | os.O_TRUNC) == ["/dev/null"]


@pytest.mark.parametrize(
    ("paths", "told"),
    [
        (Paths(exact=frozenset({"{}/a/one"})), ["{}/a/one"]),
        (Paths(exact=frozenset({"{}/a/on", "{}/a/one1"})), []),
        (Paths(prefixes=frozenset({"{}/a/"})), ["{}/a/one", "{}/a/two", "{}/a/absent"]),
        (Paths(prefixes=frozenset({"{}/a/o", "{}/b"})), ["{}/a/one", "{}/b/one"]),
        (Paths(prefixes=frozenset({"/nowhere/"})), []),
        (Paths(names=frozenset({"one"})), ["{}/a/one", "{}/b/one"]),
        (
            Paths(names=frozenset({"absent"}), exact=frozenset({"{}/a/two"})),
            ["{}/a/two", "{}/a/absent"],
        ),
    ],
)
def test_by_path(watcher: Watcher, tmp_path: Path, paths: Paths, told: list[str]) -> None:
    files = [f"{tmp_path}/{name}" for name in ("a/one", "a/two", "b/one", "a/absent")]
    for path in files[:3]:
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).touch()

    def here(texts: frozenset[str]) -> frozenset[str]:
        return frozenset(text.format(tmp_path) for text in texts)

    real = replace(paths, exact=here(paths.exact), prefixes=here(paths.prefixes))

    assert opened(watcher, Clause(paths=real), *files) == [t.format(tmp_path) for t in told]


def test_a_path_is_judged_by_where_it_leads(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to("target")
    clause = Clause(paths=Paths(exact=frozenset({f"{tmp_path}/target"})))
    ways = [f"{tmp_path}/link", f"{tmp_path}/../{tmp_path.name}/target", f"//{tmp_path}//target"]

    assert opened(watcher, clause, *ways, "/dev/null") == ways


def test_by_a_way_up_in_what_was_given(watcher: Watcher, tmp_path: Path) -> None:
    (tmp_path / "a..b").touch()
    up = [f"{tmp_path}/../{tmp_path.name}", "../dev/null", "/etc/../absent", "/" + "x" * 260]
    plain = ["/dev/null", "dev/null", "/dev/./null", "/absent", "."]

    assert opened(watcher, Clause(dotted=True), *up, *plain, f"{tmp_path}/a..b") == [
        *up,
        f"{tmp_path}/a..b",
    ]
    watcher.probe.replace_filters({"openat": [Clause(dotted=True), Clause(failed=True)]})
    records = watcher.calls_of(lambda: _try("/dev/null", "/absent"), "openat")
    assert [path for path, _ in _told(records)] == ["/absent"]


@pytest.mark.parametrize("start", range(9))
def test_a_way_up_is_found_wherever_it_stands(watcher: Watcher, start: int) -> None:
    before = "/" + "x" * start
    up = [f"{before}..", f"{before}/../y", f"{before}/.z/.."]
    plain = [f"{before}.", f"{before}/./y", f"{before}.z.", f"{before}.,."]
    long = ["/.." + "x" * 40, *plain]  # what the one before left behind is not looked at

    assert opened(watcher, Clause(dotted=True), *up, *plain, *long) == [*up, long[0]]


def _try(*paths: str) -> None:
    for path in paths:
        with suppress(OSError):
            os.open(path, RO)


def test_a_failed_open_with_a_path_that_is_not_plain_is_told(watcher: Watcher) -> None:
    clause = Clause(paths=Paths(exact=frozenset({"/etc/shadow"})))
    odd = [
        "relative",
        "/etc/../absent",
        "/etc//absent",
        "/./absent",
        "/absent/",
        "/etc/" + "x" * 250,
    ]

    assert opened(watcher, clause, "/etc/absent", *odd) == odd


def test_an_argument_that_cannot_be_read_is_told(watcher: Watcher) -> None:
    watcher.probe.replace_filters({"mkdir": [Clause(paths=Paths(names=frozenset({"x"})))]})

    (record,) = watcher.calls_of(lambda: LIBC.mkdir(8, 0), "mkdir")

    assert record.result == -14


def test_by_comm(watcher: Watcher) -> None:
    own = Path("/proc/self/comm").read_text().strip()

    assert opened(watcher, Clause(comms=frozenset({own})), "/dev/null")
    assert not opened(watcher, Clause(comms=frozenset({"other"})), "/dev/null")
    assert opened(watcher, Clause(not_comms=frozenset({"other"})), "/dev/null")
    assert not opened(watcher, Clause(not_comms=frozenset({"other", own})), "/dev/null")


def test_by_user(watcher: Watcher) -> None:
    assert opened(watcher, Clause(values={"euid": frozenset({0})}), "/dev/null")
    assert not opened(watcher, Clause(values={"euid": frozenset({1})}), "/dev/null")
    assert not opened(watcher, Clause(not_values={"euid": frozenset({0})}), "/dev/null")


@pytest.mark.parametrize(
    ("name", "number", "told"),
    [("euid", 0, True), ("euid", 1234, False), ("uid", 1234, True), ("uid", 0, False)],
)
def test_the_user_of_the_process_is_not_the_one_that_a_call_names(
    watcher: Watcher, tmp_path: Path, name: str, number: int, told: bool
) -> None:
    path = str(tmp_path).encode()
    watcher.probe.replace_filters({"chown": [Clause(values={name: frozenset({number})})]})

    calls = watcher.calls_of(lambda: LIBC.chown(path, 1234, -1), "chown")

    assert bool(calls) is told


def test_by_an_int_whatever_its_upper_half_is(watcher: Watcher) -> None:
    watcher.probe.replace_filters({"socket": [Clause(values={"domain": frozenset({17})})]})

    def act() -> None:
        LIBC.syscall(SYS_SOCKET, 1, 1, 0)
        LIBC.syscall(SYS_SOCKET, 17, 3, 0)
        LIBC.syscall(SYS_SOCKET, ctypes.c_uint64(17 | 1 << 40), 3, 0)

    assert [record.argument("domain") for record in watcher.calls_of(act, "socket")] == [17, 17]


def test_by_place_once_the_cgroup_is_known(watcher: Watcher) -> None:
    inside = Clause(in_container=True)
    watcher.probe.replace_filters({"openat": [inside]})
    (record,) = watcher.calls_of(lambda: os.open("/dev/null", RO), "openat")
    group = record.header.cgroup_id

    watcher.probe.set_container(group, inside=False)
    assert not opened(watcher, inside, "/dev/null")
    watcher.probe.set_container(group, inside=True)
    assert opened(watcher, inside, "/dev/null")


def connected(watcher: Watcher, clause: Clause, *places: tuple[str, int]) -> list[int]:
    """The remote ports of the UDP connections that are told."""
    watcher.probe.replace_filters({"connect": [clause]})

    def act() -> None:
        for place in places:
            family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
            with suppress(OSError):
                socket.socket(family, socket.SOCK_DGRAM).connect(place)

    found = []
    for record in watcher.calls_of(act, "connect"):
        assert record.socket is not None
        found.append(record.socket.remote_port)
    return found


def test_by_network(watcher: Watcher) -> None:
    local = frozenset({ip_network("127.0.0.0/8"), ip_network("::1/128")})
    one = frozenset({ip_network("127.0.0.2/32")})
    places = [("127.0.0.1", 1), ("127.0.0.2", 2), ("::1", 3), ("::ffff:127.0.0.1", 4)]

    assert connected(watcher, Clause(not_networks=local), *places) == []
    assert connected(watcher, Clause(networks=one), *places) == [2]
    assert connected(watcher, Clause(networks=local, not_networks=one), *places) == [1, 3, 4]


def test_by_port_and_family(watcher: Watcher) -> None:
    places = [("127.0.0.1", 1), ("127.0.0.1", 2), ("::1", 3)]

    assert connected(watcher, Clause(values={"remote_port": frozenset({2, 9})}), *places) == [2]
    assert connected(watcher, Clause(not_values={"family": frozenset({2})}), *places) == [3]


def test_a_call_that_failed_is_judged_by_its_sockets_family(watcher: Watcher) -> None:
    internet = Clause(values={"family": frozenset({2, 10}), "remote_port": frozenset({9})})
    watcher.probe.replace_filters({"connect": [internet]})

    def act() -> None:
        for family, place in (
            (socket.AF_UNIX, "/absent"),
            (socket.AF_INET, ("127.0.0.1", 1)),
            (socket.AF_INET6, ("::1", 1)),
        ):
            with suppress(OSError):
                socket.socket(family, socket.SOCK_STREAM).connect(place)

    told = [r.socket.family for r in watcher.calls_of(act, "connect") if r.socket]
    assert told == [2, 10]


def test_who_names_a_peer_is_told_whatever_the_socket_is_connected_to(watcher: Watcher) -> None:
    def act() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"free", ("127.0.0.1", 5))
            sock.connect(("127.0.0.1", 9))
            sock.send(b"connected")
            sock.sendto(b"elsewhere", ("127.0.0.1", 5))

    def told(port: int) -> list[bytes | None]:
        watcher.probe.replace_filters(
            {"sendto": [Clause(values={"remote_port": frozenset({port})})]}
        )
        return [record.data for record in watcher.calls_of(act, "sendto")]

    assert told(9) == [b"free", b"connected", b"elsewhere"]
    assert told(10) == [b"free", b"elsewhere"]


def test_what_is_no_socket_has_no_family(watcher: Watcher) -> None:
    def act() -> None:
        with socket.socket(socket.AF_INET), open("/dev/null") as file:
            os.dup2(file.fileno(), 40)
            os.dup2(file.fileno() - 1, 41)

    def told(clause: Clause) -> list[int | None]:
        watcher.probe.replace_filters({"dup2": [clause]})
        return [record.result for record in watcher.calls_of(act, "dup2")]

    internet = frozenset({2, 10})
    assert told(Clause(values={"family": internet})) == [41]
    assert told(Clause(not_values={"family": internet})) == [40]
    assert told(Clause(networks=frozenset({ip_network("10.0.0.0/8")}))) == [41]


def test_by_a_named_path_argument(watcher: Watcher, tmp_path: Path) -> None:
    paths = Paths(exact=frozenset({"/etc/shadow"}), argument="target")
    watcher.probe.replace_filters({"symlink": [Clause(paths=paths)]})

    def act() -> None:
        os.symlink("/etc/passwd", tmp_path / "a")
        os.symlink("/etc/shadow", tmp_path / "b")

    (record,) = watcher.calls_of(act, "symlink")

    assert record.argument("target") == b"/etc/shadow"


def test_what_keeps_state_is_told_anyway_and_says_so(watcher: Watcher) -> None:
    watcher.probe.replace_filters({"chdir": []})

    (record,) = watcher.calls_of(lambda: os.chdir("/"), "chdir")

    assert record.header.flags & FLAG_STATE


def test_one_of_the_clauses_is_enough(watcher: Watcher) -> None:
    shadow = Clause(paths=Paths(exact=frozenset({"/etc/shadow"})), access=frozenset({RO}))
    null = Clause(paths=Paths(exact=frozenset({"/dev/null"})), access=frozenset({RW}))
    watcher.probe.replace_filters({"openat": [shadow, null]})

    def act() -> None:
        _open_all([(path, flags) for path in ("/etc/shadow", "/dev/null") for flags in (RO, RW)])

    told = _told(watcher.calls_of(act, "openat"))

    assert told == [("/etc/shadow", RO), ("/dev/null", RW)]


def test_whatever_a_random_filter_should_pass_it_passes(watcher: Watcher, tmp_path: Path) -> None:
    dice = random.Random(20_261_126)
    files = _files(tmp_path)
    for _ in range(40):
        clauses = [_clause(dice, files) for _ in range(dice.randint(1, 6))]
        watcher.probe.replace_filters({"openat": clauses})
        tries = [(dice.choice(files), dice.choice((RO, WO, RW))) for _ in range(30)]

        told = _told(watcher.calls_of(partial(_open_all, tries), "openat"))

        wanted = [one for one in tries if any(_holds(clause, *one) for clause in clauses)]
        assert told == wanted, clauses


def _files(folder: Path) -> list[str]:
    made = [folder / top / name for top in ("a", "ab", "b") for name in ("x", "xy", ".z")]
    for path in made:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return [str(path) for path in made] + [f"{folder}/a/absent", "/dev/null"]


def _clause(dice: random.Random, files: list[str]) -> Clause:
    some = frozenset(dice.sample(files, 2))
    prefix = dice.choice(files)
    paths = dice.choice(
        (
            None,
            Paths(exact=some),
            Paths(prefixes=frozenset({prefix[: dice.randint(2, len(prefix))]})),
            Paths(names=frozenset({"x", "absent"}), exact=some),
        )
    )
    access = frozenset(dice.sample((RO, WO, RW), 2)) if dice.random() < 0.5 else None
    comms, others = dice.choice(((None, ()), ({_OWN, "x"}, ()), ({"x"}, ()), (None, {_OWN})))
    return Clause(
        failed=dice.choice((None, True, False)),
        access=access,
        paths=paths,
        comms=None if comms is None else frozenset(comms),
        not_comms=frozenset(others),
    )


_OWN = Path("/proc/self/comm").read_text().rstrip()


def _holds(clause: Clause, path: str, flags: int) -> bool:
    if clause.failed is not None and clause.failed == os.path.exists(path):
        return False
    if clause.access is not None and flags not in clause.access:
        return False
    if _OWN in clause.not_comms or (clause.comms is not None and _OWN not in clause.comms):
        return False
    if clause.paths is None:
        return True
    return (
        path in clause.paths.exact
        or path.rpartition("/")[2] in clause.paths.names
        or any(path.startswith(prefix) for prefix in clause.paths.prefixes)
    )


def _open_all(tries: list[tuple[str, int]]) -> None:
    for path, flags in tries:
        with suppress(OSError):
            os.close(os.open(path, flags))


def _told(records: list[Record]) -> list[tuple[str, int]]:
    found = []
    for record in records:
        name, flags = record.argument("name"), record.argument("flags")
        assert isinstance(name, bytes)
        assert isinstance(flags, int)
        found.append((os.fsdecode(name), flags & 3))
    return found
