from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidekick.rules.definitions import SYSCALL
from sidekick.rules.engine import Engine
from sidekick.rules.load import load
from sidekick.sensor import names
from sidekick.sensor.containers import ContainerInfo
from sidekick.sensor.names import DomainNames, compared, resolve
from tests.ebpf.kernel import need_kernel
from tests.rules.loading import SYSCALL_FILES, good, needs_official_files
from tests.sensor.fields.events import CGROUP, event, knowledge
from tests.sensor.kernel import rule, running
from tests.sensor.records import Socket, call_record

ADDRESS = bytes((10, 96, 0, 1))
OTHER = bytes((10, 96, 0, 2))
MINERS = "Detect outbound connections to common miner pool ports"
API = "kubernetes.default.svc.cluster.local"


class Resolver:
    """Answers from a table; what is not in it cannot be resolved now."""

    def __init__(self, **table: frozenset[bytes]) -> None:
        self.table = table
        self.asked: list[str] = []

    def __call__(self, name: str) -> frozenset[bytes]:
        self.asked.append(name)
        if name not in self.table:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return self.table[name]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.002)


@contextmanager
def looked_up(resolver: names.Resolve, *asked: str, most: int = 99) -> Iterator[DomainNames]:
    found = DomainNames(resolver, most)
    found.ask(asked)
    try:
        yield found
    finally:
        found.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "_FIRST_SECS", 0.005)
    monkeypatch.setattr(names, "_LONGEST_SECS", 0.02)


def test_the_names_of_rules_are_the_constants_beside_the_fields() -> None:
    conditions = (
        f"fd.sip.name = {API} or not fd.cip.name in (a.example, b.example)",
        "fd.rip.name exists and fd.name = /etc/shadow",
    )
    rules = good(
        *(rule(f"rule {n}", f"evt.type = connect and ({c})") for n, c in enumerate(conditions))
    )
    assert compared(Engine(rules)) == {API, "a.example", "b.example"}


def test_names_of_rules_that_are_switched_off_are_not_looked_up() -> None:
    off = "  enabled: false\n"
    rules = good(rule("off", "evt.type = connect and fd.sip.name = pool.example") + off)
    assert compared(Engine(rules)) == set()


def connected(engine: Engine, address: bytes, port: int, names: DomainNames) -> list[str]:
    """The rules that a connection out of a container matches."""
    known = knowledge(ContainerInfo(name="web", repository="shop/web"))
    known.names = names
    sock = Socket(remote=address, remote_port=port)
    record = call_record("connect", 0, cgroup_id=CGROUP, socket=sock, arguments={"fd": 5})
    return [alert.rule for alert in engine.alerts(SYSCALL, "connect", event(record, known), 0)]


@needs_official_files
@pytest.mark.parametrize(
    ("name", "wanted", "address", "port"),
    [
        ("Contact K8S API Server From Container", API, ADDRESS, 443),
        (MINERS, "pool.minexmr.com", bytes((203, 0, 113, 7)), 3333),
    ],
)
def test_falcos_rules_on_names_match(name: str, wanted: str, address: bytes, port: int) -> None:
    rules = load([(file.name, file.read_text()) for file in SYSCALL_FILES])
    chosen = rules.rule(name)
    assert chosen
    engine = Engine(rules, chosen=[chosen])
    with looked_up(Resolver(**{wanted: frozenset({address})}), *compared(engine)) as found:
        until(lambda: found.of(address) == (wanted,))
        assert connected(engine, address, port, found) == [name]
        assert connected(engine, OTHER, port, found) == []
    assert connected(engine, address, port, DomainNames()) == []


def test_an_address_has_the_names_that_lead_to_it() -> None:
    resolver = Resolver(a=frozenset({ADDRESS, OTHER}), b=frozenset({ADDRESS}))
    with looked_up(resolver, "a", "b") as found:
        until(lambda: found.of(ADDRESS) == ("a", "b"))
        assert found.of(OTHER) == ("a",)
        assert found.of(b"\x7f\0\0\1") == ()


def test_nobody_waits_for_a_name_that_is_not_resolved_yet() -> None:
    let = threading.Event()

    def slow(name: str) -> frozenset[bytes]:
        let.wait(10)
        return frozenset({ADDRESS})

    with looked_up(slow, "a") as found:
        assert found.of(ADDRESS) == ()
        let.set()
        until(lambda: found.of(ADDRESS) == ("a",))


def test_a_name_of_a_dead_server_does_not_hold_up_the_others() -> None:
    let = threading.Event()

    def resolver(name: str) -> frozenset[bytes]:
        if name != "z":
            let.wait(10)
        return frozenset({ADDRESS})

    with looked_up(resolver, "a", "b", "z") as found:
        until(lambda: found.of(ADDRESS) == ("z",))
        let.set()


@pytest.mark.usefixtures("quick")
def test_addresses_are_looked_up_again_and_replaced() -> None:
    resolver = Resolver(a=frozenset({ADDRESS}))
    with looked_up(resolver, "a") as found:
        until(lambda: found.of(ADDRESS) == ("a",))
        resolver.table = {"a": frozenset({OTHER})}
        until(lambda: found.of(OTHER) == ("a",))
        assert found.of(ADDRESS) == ()
        resolver.table = {"a": frozenset()}
        until(lambda: found.of(OTHER) == ())


@pytest.mark.usefixtures("quick")
def test_while_the_resolver_fails_a_name_keeps_its_addresses() -> None:
    resolver = Resolver(a=frozenset({ADDRESS}))
    with looked_up(resolver, "a") as found:
        until(lambda: found.of(ADDRESS) == ("a",))
        resolver.table = {}
        before = len(resolver.asked)
        until(lambda: len(resolver.asked) > before + 3)
        assert found.of(ADDRESS) == ("a",)


def test_a_name_that_stays_the_same_is_asked_for_ever_more_rarely() -> None:
    found = DomainNames(Resolver())
    found._wait = {"a": 10.0}
    waits = []
    for _ in range(8):
        began = time.monotonic()
        found._due.clear()
        found._learn("a", frozenset({ADDRESS}))
        waits.append(round(found._due[0][0] - began))
    assert waits == [10, 20, 40, 80, 160, 320, 320, 320]
    found._due.clear()
    found._learn("a", frozenset({OTHER}))
    assert found._due[0][0] - time.monotonic() == pytest.approx(10, abs=1)


def test_names_that_no_rule_has_any_more_are_forgotten() -> None:
    resolver = Resolver(a=frozenset({ADDRESS}), b=frozenset({ADDRESS}))
    with looked_up(resolver, "a") as found:
        until(lambda: found.of(ADDRESS) == ("a",))
        found.ask(["b"])
        until(lambda: found.of(ADDRESS) == ("b",))
        assert found._wait.keys() == found._addresses.keys() == {"b"}
        found.ask([])
        assert found.of(ADDRESS) == ()


def test_an_answer_for_a_name_that_was_dropped_meanwhile_is_not_kept() -> None:
    found = DomainNames(Resolver())
    found._learn("a", frozenset({ADDRESS}))
    assert (found.of(ADDRESS), found._due) == ((), [])


def test_more_names_than_the_bound_are_told(caplog: pytest.LogCaptureFixture) -> None:
    with looked_up(Resolver(), *(f"n{number}" for number in range(20)), most=5) as found:
        assert len(found._wait) == 5
    assert "more names than are looked up" in caplog.text


def test_without_names_there_is_no_thread() -> None:
    with looked_up(Resolver()) as found:
        assert found._threads == []


def test_this_machines_resolver_knows_localhost() -> None:
    assert socket.inet_aton("127.0.0.1") in resolve("localhost")


@pytest.mark.parametrize("name", ["a" * 64 + ".example", "a..b"])
def test_what_cannot_be_a_name_has_no_address(name: str) -> None:
    assert resolve(name) == frozenset()


def test_a_connection_to_a_name_of_a_rule_is_told(tmp_path: Path) -> None:
    need_kernel()
    rules = tmp_path / "rules.yaml"
    text = rule("by name", "evt.type = connect and fd.sip.name = localhost", "%fd.sip.name")
    rules.write_text(text)
    with (
        running("run", "--json", "--rules", str(rules), state=tmp_path) as sidekick,
        socket.create_server(("127.0.0.1", 0)) as server,
    ):
        sidekick.hears("the sensor watches")
        socket.create_connection(server.getsockname()).close()
        found = sidekick.alert("by name")
    assert "localhost" in found["output"]
