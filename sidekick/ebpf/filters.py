"""What the kernel asks before it tells of a call: up to 32 clauses a call, of which one must hold.

A clause is what a rule asks for, as far as the kernel can tell; it may let through what the rule
does not want, never the other way round. ``compile_filters`` makes the tables of ``filter.bpf.h``:
for each test and value the set of clauses that pass, a bit each.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType

from sidekick.ebpf.btf import Layout
from sidekick.ebpf.calls import Call, all_calls

MAX_CLAUSES = 32
MAX_LOOKUPS = 4
MAX_BIT_TESTS = 2
NO_PLACE = 255
_NAME, _TOP, _PATH, _COMM = 64, 16, 248, 15
_GROUP_BITS = 32

_LONG_KINDS = frozenset({"ptrace_request", "pointer", "uint"})

Network = IPv4Network | IPv6Network

_VALUE_KINDS = MappingProxyType({"euid": 8, "family": 9, "local_port": 10, "remote_port": 11})
"""Beside the names of a call's arguments."""
_TURNS = ("euid", "remote_port", "local_port", "family")
_OF_SOCKET = ("family", "local_port", "remote_port")


@dataclass(frozen=True, slots=True)
class Paths:
    """A path that is one of ``exact``, begins with one of ``prefixes`` (which end anywhere, also
    within a name), or has one of ``names`` as its last component.

    It is that of the file that the record describes (where there is none, as of a failed open, of
    the call's first path argument), or of the ``argument`` of that name, a path or a string. All
    clauses of a call must ask for the same; what the first does not ask for is not asked.
    """

    exact: frozenset[str] = frozenset()
    prefixes: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    argument: str = ""


@dataclass(frozen=True, slots=True)
class Clause:
    """Tests that must all hold; what is None or empty is no test.

    ``values`` and ``not_values`` are by the name of a numeric argument, or ``euid`` (of the
    process: calls have arguments named ``uid``), ``family`` (of the socket), ``local_port``,
    ``remote_port``. Ports of a call that failed pass, and the remote one if it names a peer.
    """

    failed: bool | None = None
    in_container: bool | None = None
    access: frozenset[int] | None = None
    """Of O_RDONLY, O_WRONLY, O_RDWR."""
    any_bits: Mapping[str, int] = field(default_factory=dict)
    """An argument has at least one of these bits."""
    values: Mapping[str, frozenset[int]] = field(default_factory=dict)
    not_values: Mapping[str, frozenset[int]] = field(default_factory=dict)
    comms: frozenset[str] | None = None
    """Names of the thread, of at most 15 bytes; a longer one matches none."""
    not_comms: frozenset[str] = frozenset()
    dotted: bool = False
    """The first path that the call was given has ".." in it."""
    paths: Paths | None = None
    networks: frozenset[Network] | None = None
    """The remote address is in one of them."""
    not_networks: frozenset[Network] = frozenset()


FilterSet = Mapping[str, Sequence[Clause]]
"""The clauses by call. A call that is not in it is told always."""


Entry = tuple[str, bytes, bytes]
"""Of a table of the kernel: the map's name, key, value."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What goes into the kernel's maps: ``filters`` by number of the call."""

    filters: Mapping[int, bytes]
    entries: tuple[Entry, ...]


def compile_filters(filters: FilterSet, layout: Layout, first_group: int) -> Tables:
    """The tables; groups are numbered from ``first_group`` on, one a call.

    What a filter has no room for (more clauses, lookups, bit tests) is not asked: all passes.
    """
    compiled: dict[int, bytes] = {}
    entries: list[Entry] = []
    for place, (name, clauses) in enumerate(sorted(filters.items())):
        if name in all_calls() and len(clauses) <= MAX_CLAUSES:
            made = _CallFilter(all_calls()[name], tuple(clauses), first_group + place)
            compiled[made.call.number] = made.pack(layout)
            entries += made.entries()
    return Tables(compiled, tuple(entries))


class _CallFilter:
    """The filter of one call."""

    def __init__(self, call: Call, clauses: tuple[Clause, ...], group: int) -> None:
        self.call = call
        self._paths_of = next((c.paths.argument for c in clauses if c.paths), "")
        self.clauses = tuple(self._same_path(clause) for clause in clauses)
        self.group = group
        self.all = (1 << len(clauses)) - 1
        self._places = {item.name: place for place, item in enumerate(call.arguments)}
        self._lookups = self._wanted_lookups()

    def _same_path(self, clause: Clause) -> Clause:
        differs = clause.paths is not None and clause.paths.argument != self._paths_of
        return replace(clause, paths=None) if differs else clause

    def pack(self, layout: Layout) -> bytes:
        """``struct filter``. No clause at all means that nothing is told: one that none passes."""
        numbers: dict[str, int] = {}
        for i, name in enumerate(self._lookups):
            numbers[f"lookups.{i}.kind"] = self._kind(name)
            numbers[f"lookups.{i}.others"] = self._others(name)
            numbers[f"lookups.{i}.mask"] = self._value_mask(name)
        bits = self._bit_tests()
        for i in range(MAX_BIT_TESTS):
            place, clauses, mask = bits[i] if i < len(bits) else (NO_PLACE, 0, 0)
            numbers |= {f"bit_tests.{i}.place": place, f"bit_tests.{i}.clauses": clauses}
            numbers[f"bit_tests.{i}.bits"] = mask
        return layout.pack(
            clauses=self.all or 1,
            group=self.group,
            succeeded=self._where(lambda clause: clause.failed is not True),
            failed=self._where(lambda clause: clause.failed is not False),
            host=self._where(lambda clause: clause.in_container is not True),
            container=self._where(lambda clause: clause.in_container is not False),
            access_place=self._access_place(),
            access=tuple(self._with_access(mode) for mode in range(4)),
            comm_others=self._where(lambda clause: clause.comms is None),
            path_others=self._where(lambda clause: clause.paths is None),
            net_others=self._where(lambda clause: clause.networks is None),
            asks_comm=self._where(lambda c: c.comms is not None or bool(c.not_comms)),
            asks_path=self._where(lambda c: c.paths is not None),
            asks_name=self._where(lambda c: c.paths is not None and bool(c.paths.names)),
            asks_place=self._where(lambda c: c.in_container is not None),
            asks_dots=self._where(lambda c: c.dotted and not self._paths_of),
            asks_socket=self._where(self._asks_socket),
            asks_net=self._where(lambda c: c.networks is not None or bool(c.not_networks)),
            asks_value=self._where(self._asks_value),
            path_of_argument=bool(self._paths_of),
            walks_always=any(not _first_component(p) for p in self._path_keys()),
            path_place=self._path_place(),
            lookup_count=len(self._lookups),
            **numbers,
        )

    def entries(self) -> Iterator[Entry]:
        """What this filter has in the tables."""
        for name in self._lookups:
            for value in sorted(self._listed(name)):
                key = struct.pack(
                    "<IIQ", self.group, self._kind(name), value & self._value_mask(name)
                )
                yield "filter_values", key, _mask(self._with_value(name, value))
        for comm in sorted(self._comms()):
            key = struct.pack("<I16s", self.group, os.fsencode(comm))
            yield "filter_comms", key, _mask(self._with_comm(comm))
        yield from self._path_entries()
        for network in sorted(self._networks(), key=str):
            yield "filter_nets", _net_key(self.group, network), _mask(self._in_network(network))

    def _where(self, test: Callable[[Clause], bool]) -> int:
        return sum(1 << bit for bit, clause in enumerate(self.clauses) if test(clause))

    # -- numbers

    def _access_place(self) -> int:
        if all(clause.access is None for clause in self.clauses):
            return NO_PLACE
        flags = [i for i, item in enumerate(self.call.arguments) if item.kind == "open_flags"]
        return flags[0] if flags else NO_PLACE

    def _with_access(self, mode: int) -> int:
        return self._where(lambda clause: clause.access is None or mode in clause.access)

    def _bit_tests(self) -> list[tuple[int, int, int]]:
        wanted = {
            (name, bits)
            for clause in self.clauses
            for name, bits in clause.any_bits.items()
            if name in self._places
        }
        return [
            (self._places[name], self._where(lambda c: c.any_bits.get(name) == bits), bits)  # noqa: B023
            for name, bits in sorted(wanted)[:MAX_BIT_TESTS]
        ]

    def _wanted_lookups(self) -> list[str]:
        names = {name for clause in self.clauses for name in (*clause.values, *clause.not_values)}
        known = names & (self._places.keys() | _VALUE_KINDS.keys())
        return sorted(known, key=self._turn)[:MAX_LOOKUPS]

    def _turn(self, name: str) -> int:
        """Arguments first, then what decides most often."""
        return (
            self._places[name] - len(self._places) if name in self._places else _TURNS.index(name)
        )

    def _kind(self, name: str) -> int:
        return self._places[name] if name in self._places else _VALUE_KINDS[name]

    def _value_mask(self, name: str) -> int:
        """What counts of a value: an argument's upper half only if the call takes a long."""
        kinds = {item.name: item.kind for item in self.call.arguments}
        return (1 << 64) - 1 if kinds.get(name) in _LONG_KINDS else (1 << 32) - 1

    def _listed(self, name: str) -> set[int]:
        found: set[int] = set()
        for clause in self.clauses:
            found |= clause.values.get(name, frozenset()) | clause.not_values.get(name, frozenset())
        return found

    def _others(self, name: str) -> int:
        return self._where(lambda clause: name not in clause.values)

    def _with_value(self, name: str, value: int) -> int:
        return self._where(
            lambda clause: (
                value in clause.values.get(name, (value,))
                and value not in clause.not_values.get(name, ())
            )
        )

    def _asks(self, clause: Clause, name: str) -> bool:
        return name in clause.values or name in clause.not_values

    def _asks_value(self, clause: Clause) -> bool:
        return any(self._asks(clause, name) for name in self._lookups if name not in _OF_SOCKET)

    def _asks_socket(self, clause: Clause) -> bool:
        of_socket = any(self._asks(clause, name) for name in self._lookups if name in _OF_SOCKET)
        return of_socket or clause.networks is not None or bool(clause.not_networks)

    # -- comms

    def _comms(self) -> set[str]:
        found: set[str] = set()
        for clause in self.clauses:
            found |= (clause.comms or frozenset()) | clause.not_comms
        return {comm for comm in found if len(os.fsencode(comm)) <= _COMM}

    def _with_comm(self, comm: str) -> int:
        return self._where(
            lambda clause: (
                (clause.comms is None or comm in clause.comms) and comm not in clause.not_comms
            )
        )

    # -- paths

    def _path_place(self) -> int:
        if self._paths_of:
            return self._places.get(self._paths_of, NO_PLACE)
        paths = [i for i, item in enumerate(self.call.arguments) if item.kind == "path"]
        return paths[0] if paths else NO_PLACE

    def _path_keys(self) -> set[bytes]:
        found = set()
        for clause in self.clauses:
            if clause.paths:
                found |= {os.fsencode(path) for path in clause.paths.prefixes}
                found |= {os.fsencode(path) + b"\0" for path in clause.paths.exact}
        return {path[:_PATH] for path in found}

    def _path_entries(self) -> Iterator[Entry]:
        keys = self._path_keys()
        for path in sorted(keys):
            yield "filter_paths", _path_key(self.group, path), _mask(self._with_path(path))
        for top in sorted({_first_component(path) for path in keys} - {b""}):
            yield "filter_tops", struct.pack("<I16s", self.group, top), _mask(self.all)
        for name in sorted({n for c in self.clauses if c.paths for n in c.paths.names}):
            passing = self._where(lambda c: c.paths is not None and name in c.paths.names)  # noqa: B023
            yield "filter_names", _name_key(self.group, os.fsencode(name)), _mask(passing)

    def _with_path(self, path: bytes) -> int:
        """Clauses with an entry that this entry begins with: the longest has those of all."""
        return self._where(
            lambda clause: (
                clause.paths is not None
                and any(path.startswith(key[:_PATH]) for key in _keys(clause.paths))
            )
        )

    # -- networks

    def _networks(self) -> set[Network]:
        found: set[Network] = set()
        for clause in self.clauses:
            found |= (clause.networks or frozenset()) | clause.not_networks
        return found

    def _in_network(self, network: Network) -> int:
        return self._where(
            lambda clause: (
                (clause.networks is None or _within(network, clause.networks))
                and not _within(network, clause.not_networks)
            )
        )


def _keys(paths: Paths) -> Iterator[bytes]:
    yield from (os.fsencode(path) for path in paths.prefixes)
    yield from (os.fsencode(path) + b"\0" for path in paths.exact)


def _first_component(path: bytes) -> bytes:
    """That of a path that has all of it; empty if it is not complete."""
    first, separator, _ = path[1:].replace(b"\0", b"/").partition(b"/")
    return first if path[:1] == b"/" and separator else b""


def _within(network: Network, others: Iterable[Network]) -> bool:
    return any(
        network.subnet_of(other)  # type: ignore[arg-type]  # of the same version
        for other in others
        if other.version == network.version
    )


def _mask(clauses: int) -> bytes:
    return struct.pack("<I", clauses)


def _path_key(group: int, path: bytes) -> bytes:
    return struct.pack(f"<II{_PATH}s", _GROUP_BITS + 8 * len(path), group, path)


def _name_key(group: int, name: bytes) -> bytes:
    return struct.pack(f"<I{_NAME}s", group, name[: _NAME - 1])


def _net_key(group: int, network: Network) -> bytes:
    family = socket.AF_INET if network.version == 4 else socket.AF_INET6
    address = network.network_address.packed
    return struct.pack("<III16s", 64 + network.prefixlen, group, family, address)
