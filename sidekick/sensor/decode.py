"""A record of the kernel as a Python object: parts by name, texts cut out when they are asked for.

The layouts are those of the object's BTF; a field that ``event.h`` gains is a field here.
"""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from sidekick.ebpf.btf import Field, Layout, part_format
from sidekick.ebpf.calls import Argument, Call, all_calls
from sidekick.sensor.record import File, Header, Kind, Socket

AF_INET, AF_INET6 = 2, 10

_TYPES = {
    Kind.EXEC: "execve",
    Kind.FORK: "clone",
    Kind.EXIT: "procexit",
    Kind.RENAME: "rename of a thread",
    Kind.CGROUP: "cgroup",
}


class _Part:
    """A structure within a record, as a named tuple: numbers, and the bytes of its texts.

    ``of`` is generated: one straight expression that unpacks the structure and cuts its texts out.
    """

    def __init__(self, name: str, fields: tuple[Field, ...], prefix: str) -> None:
        slots = tuple(_slots(fields, prefix))
        scope = {
            "unpack": struct.Struct(part_format(fields)).unpack_from,
            "start": fields[0].offset,
            "new": tuple.__new__,
            "made": _tuple_type(name, [slot.name for slot in slots]),
        }
        values = "unpack(data, start)"
        if not all(slot.is_plain for slot in slots):
            first, *rest = [slot.code for slot in slots]
            values = ", ".join([first.replace("v[", f"(v := {values})[", 1), *rest, ""])
            values = f"({values})"
        self.of: Callable[[bytes], Any] = eval(f"lambda data: new(made, {values})", scope)


class _Slot(NamedTuple):
    """A field among a structure's unpacked values ``v``: its place, and how many it takes."""

    name: str
    place: int
    width: int
    is_text: bool

    @property
    def is_plain(self) -> bool:
        return self.width == 1 and not self.is_text

    @property
    def code(self) -> str:
        """The expression of its value."""
        if self.is_text:
            return f"data[v[{self.place}] : v[{self.place}] + v[{self.place + 1}]]"
        if self.width == 1:
            return f"v[{self.place}]"
        return f"v[{self.place} : {self.place + self.width}]"


def _slots(fields: tuple[Field, ...], prefix: str) -> Iterator[_Slot]:
    place = 0
    for field in fields:
        width = 1 if field.is_bytes else field.count
        label = field.name.removeprefix(prefix).replace(".", "_")
        if field.type_name != "text":
            yield _Slot(label, place, width, False)
        elif label.endswith("_offset"):
            yield _Slot(label.removesuffix("_offset"), place, width, True)
        place += width


def _tuple_type(name: str, names: list[str]) -> Any:
    """Byte arrays that hold a name (``comm``, ``name``) end at their first NUL."""
    plain: Any = namedtuple(name, names)  # type: ignore[misc]  # the names come from BTF
    members: dict[str, Any] = {"__slots__": ()}
    for label in {"comm", "name"}.intersection(names):
        members[label] = _until_nul_at(names.index(label))
    return type(name, (plain,), members)


def _until_nul_at(place: int) -> property:
    return property(lambda values: values[place].partition(b"\0")[0])


Get = Callable[[tuple[Any, ...], bytes], Any]


class _Shape:
    """The parts of a kind's records; ``own`` has those that only this kind has, each by itself."""

    def __init__(self, layout: Layout) -> None:
        groups: dict[str, list[Field]] = {"header.": [], "file.": [], "socket.": [], "": []}
        for field in layout.fields:
            next(v for k, v in groups.items() if field.name.startswith(k)).append(field)
        self.header = _Part("Header", tuple(groups["header."]), "header.").of
        self.file = self._part("File", tuple(groups["file."]), "file.")
        self.socket = self._part("Socket", tuple(groups["socket."]), "socket.")
        own = tuple(groups[""])
        self.start = own[0].offset
        self.unpack = struct.Struct(part_format(own)).unpack_from
        self.own: dict[str, Get] = {slot.name: _getter(slot) for slot in _slots(own, "")}

    def _part(
        self, name: str, fields: tuple[Field, ...], prefix: str
    ) -> Callable[[bytes], Any] | None:
        return _Part(name, fields, prefix).of if fields else None


def _getter(slot: _Slot) -> Get:
    if slot.name == "name":  # a new comm, which ends at its first NUL
        return lambda v, data: v[slot.place].partition(b"\0")[0]
    found: Get = eval(f"lambda v, data: {slot.code}")
    return found


class Record:
    """One record; see ``sidekick.sensor.record.Record``, the protocol that it fulfils."""

    __slots__ = (
        "_file",
        "_shape",
        "_socket",
        "_table",
        "_values",
        "bytes",
        "header",
        "kind",
        "type",
    )

    def __init__(
        self, kind: Kind, shape: _Shape, data: bytes, tables: tuple[_Arguments, ...]
    ) -> None:
        self.kind = kind
        self.bytes = data
        self._shape = shape
        self.header: Header = shape.header(data)
        self._values: tuple[Any, ...] | None = None
        self._table: _Arguments | None = None
        if kind is Kind.CALL:
            self._table = tables[cast(Any, self.header).call]
            self.type = self._table.call.name
        else:
            self.type = _TYPES.get(kind, "")

    @property
    def call(self) -> Call | None:
        """The system call that it tells of."""
        return self._table.call if self._table else None

    def __getitem__(self, name: str) -> Any:
        values = self._values
        if values is None:
            values = self._values = self._shape.unpack(self.bytes, self._shape.start)
        get = self._shape.own.get(name)
        return None if get is None else get(values, self.bytes)

    @property
    def result(self) -> int | None:
        """What the call gave; negative: an error's number."""
        return cast("int | None", self["result"])

    @property
    def cwd(self) -> bytes | None:
        """Where a relative path begins, if the kernel told it."""
        return self["cwd"] or None

    @property
    def file(self) -> File | None:
        """What the call's descriptor stands for."""
        try:
            return self._file
        except AttributeError:
            has = self._shape.file and self.header.flags & FLAG_FILE
            self._file: File | None = self._shape.file(self.bytes) if has else None  # type: ignore[misc]
            return self._file

    @property
    def socket(self) -> Socket | None:
        """The socket that the call's descriptor stands for."""
        try:
            return self._socket
        except AttributeError:
            has = self._shape.socket and self.header.flags & FLAG_SOCKET
            self._socket: Socket | None = self._cut_socket() if has else None
            return self._socket

    def _cut_socket(self) -> Socket:
        assert self._shape.socket
        found = self._shape.socket(self.bytes)
        size = {AF_INET: 4, AF_INET6: 16}.get(found.family, 0)
        return cast(Socket, found._replace(local=found.local[:size], remote=found.remote[:size]))

    @property
    def address(self) -> bytes | None:
        """The socket address (struct sockaddr) that the caller gave or was given."""
        place = self._table.address if self._table else None
        return (self[place] if place else None) or self["more"] or None

    @property
    def data(self) -> bytes | None:
        """The beginning of what was sent or received."""
        place = self._table.data if self._table else None
        return self[place] if place else None

    @property
    def identity(self) -> Hashable:
        """What makes it the same as another one; of all but calls the whole record."""
        return self._table.identity(self.bytes) if self._table else self.bytes

    def text(self, name: str) -> bytes | None:
        """What a parameter points to, a path or bytes; of a directory's descriptor its path."""
        place = self._table.texts.get(name) if self._table else None
        return self[place] if place else None

    def argument(self, name: str) -> int | bytes | None:
        """A call's parameter of Falco's name: a number, or the bytes that it points to.

        None if the call has none of that name, or if it comes from what is not there.
        """
        find = self._table.finders.get(name) if self._table else None
        return find(self) if find else None


Find = Callable[[Record], "int | bytes | None"]
Identity = Callable[[bytes], Hashable]


def _identity(layout: Layout, call: Call) -> Identity:
    """Cuts out of a call's record what is not its time, its CPU, an address or no argument."""
    places = {field.name: field.offset for field in layout.fields}
    time, cpu, args = places["header.time_ns"], places["header.cpu"], places["args"]
    dropped = [(time, 8), (cpu, 4)]
    numbers = ("VALUE", "FD", "DIRECTORY")
    kept = {n for n, item in enumerate(call.arguments) if item.reading[0] in numbers}
    dropped += [(args + 8 * n, 8) for n in range(_ARGUMENTS) if n not in kept]
    parts, at = "", 0
    for offset, size in sorted(dropped):
        if offset > at:
            parts += f"data[{at}:{offset}], "
        at = offset + size
    found: Identity = eval(f"lambda data: ({parts}data[{at}:])")
    return found


class _Arguments:
    """How the parameters of a call are found; ``texts``, ``address`` and ``data`` name fields."""

    def __init__(self, call: Call, identity: Identity) -> None:
        self.call = call
        self.texts: dict[str, str] = {}
        self.address: str | None = None
        self.data: str | None = None
        self.identity = identity
        self.finders: dict[str, Find] = {
            name: find for name, find in _DERIVED.items() if name in call.parameters
        }
        for place, argument in reversed(tuple(enumerate(call.arguments))):
            field = f"texts_{place}"
            if argument.reading[0] not in ("VALUE", "FD"):
                self.texts[argument.name] = field
            if argument.kind in ("address", "address_out"):
                self.address = field
            if argument.kind in ("data", "result_data", "message", "messages"):
                self.data = field
            for name in _PARTS.get(argument.kind, ()):
                self.finders[name] = _part(field, argument.kind, name)
            self.finders[argument.name] = _finder(place, argument)


def _finder(place: int, argument: Argument) -> Find:
    if argument.reading[0] not in ("VALUE", "FD", "DIRECTORY"):
        return _text_finder(f"texts_{place}")
    bits, signed = _NUMBERS.get(argument.kind, (32, False))
    mask, limit = (1 << bits) - 1, 1 << (bits - 1)

    def number(record: Record) -> int:
        found: int = record["args"][place] & mask
        return found - (1 << bits) if signed and found >= limit else found

    return number


def _text_finder(field: str) -> Find:
    return lambda record: cast(bytes, record[field])


_ARGUMENTS = 6
FLAG_STATE, FLAG_COMPAT, FLAG_IO_URING, FLAG_TRUNCATED = 1, 2, 4, 8
FLAG_UNREADABLE, FLAG_FILE, FLAG_SOCKET = 16, 32, 64
"""``enum record_flag`` of event.h; a test compares them."""

_NUMBERS: Mapping[str, tuple[int, bool]] = {
    "int": (32, True),
    "uint": (64, False),
    "fd": (32, True),
    "dirfd": (32, True),
    "pid": (32, True),
    "ptrace_request": (64, True),
    "pointer": (64, False),
}
"""Bits and sign of a kind of argument; others have 32 and none."""

_PARTS: Mapping[str, Mapping[str, tuple[int, str]]] = {
    "open_how": {"flags": (0, "Q"), "mode": (8, "Q"), "resolve": (16, "Q")},
    "clone_args": {"flags": (0, "Q")},
    "fd_pair": {"fd1": (0, "i"), "fd2": (4, "i")},
}
"""Parameters that are parts of what one argument points to."""

_CAPABILITIES = {"cap_effective": 0, "cap_permitted": 4, "cap_inheritable": 8}
_PR_SET_NAME = 15


def _part(field: str, kind: str, name: str) -> Find:
    offset, code = _PARTS[kind][name]
    form = struct.Struct(f"<{code}")

    def find(record: Record) -> int | None:
        data: bytes = record[field]
        return int(form.unpack_from(data, offset)[0]) if len(data) >= offset + form.size else None

    return find


def _capability(name: str) -> Callable[[Record], int | None]:
    def find(record: Record) -> int | None:
        data = record.text("data") or b""
        if len(data) < 24:
            return None
        low, high = (struct.unpack_from("<I", data, _CAPABILITIES[name] + at)[0] for at in (0, 12))
        return int(low | high << 32)

    return find


def _of_file(name: str) -> Callable[[Record], int | bytes | None]:
    return lambda record: getattr(record.file, name, None)


def _arg2(text: bool) -> Callable[[Record], int | bytes | None]:
    def find(record: Record) -> int | bytes | None:
        option, value = record["args"][:2]
        if (option == _PR_SET_NAME) is not text:
            return None
        return record.header.comm if text else int(value)

    return find


_DERIVED: Mapping[str, Callable[[Record], int | bytes | None]] = {
    "res": lambda record: record.result,
    "fd": lambda record: record.result,
    "size": lambda record: record.result,
    "dev": _of_file("dev"),
    "ino": _of_file("ino"),
    "path": _of_file("path"),
    **{name: _capability(name) for name in _CAPABILITIES},
    "arg2_str": _arg2(True),
    "arg2_int": _arg2(False),
}


class Decoder:
    """Makes records of bytes. ``layouts`` are the probe's."""

    def __init__(self, layouts: Mapping[str, Layout]) -> None:
        self._shapes = {
            int(kind): (kind, _Shape(layouts[f"{kind.name.lower()}_record"])) for kind in Kind
        }
        header = {field.name: field for field in layouts["header"].fields}
        self._kind = struct.Struct("<" + "x" * header["kind"].offset + "I").unpack_from
        of_calls = layouts["call_record"]
        tables = [_Arguments(call, _identity(of_calls, call)) for call in all_calls().values()]
        self._tables = (tables[0], *tables)

    def decode(self, data: bytes) -> Record:
        """The record that the bytes are."""
        (number,) = self._kind(data)
        kind, shape = self._shapes[number]
        return Record(kind, shape, data, self._tables)
