"""A record of the kernel as a Python object: parts by name, texts cut out when they are asked for.

The layouts are those of the object's BTF; a field that ``event.h`` gains is a field here.
"""

from __future__ import annotations

import struct
from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, cast

from sidekick.ebpf.btf import Field, Layout, part_format
from sidekick.ebpf.calls import Argument, Call, all_calls
from sidekick.sensor.record import File, Header, Kind, Socket

AF_INET, AF_INET6 = 2, 10

_TYPES = {Kind.EXEC: "execve", Kind.FORK: "clone", Kind.EXIT: "procexit"}


class _Part:
    """A structure within a record, as a named tuple: numbers, and the bytes of its texts."""

    def __init__(self, name: str, fields: tuple[Field, ...], prefix: str = "") -> None:
        names, places, at = [], [], 0
        for field in fields:
            width = 1 if field.is_bytes else field.count
            label = field.name.removeprefix(prefix).replace(".", "_")
            if field.type_name != "text":
                names.append(label)
                places.append((at, width))
            elif label.endswith("_offset"):
                names.append(label.removesuffix("_offset"))
                places.append((at, 0))
            at += width
        self._start = fields[0].offset
        self._unpack = struct.Struct(part_format(fields)).unpack_from
        self._places = tuple(places)
        self._plain = all(width == 1 for _, width in places)
        self._make = _tuple_type(name, names)._make

    def of(self, data: bytes) -> Any:
        """The part of a record's bytes."""
        values = self._unpack(data, self._start)
        if self._plain:
            return self._make(values)
        return self._make(_one(values, data, *place) for place in self._places)


def _tuple_type(name: str, names: list[str]) -> Any:
    """Byte arrays that hold a name (``comm``, ``name``) end at their first NUL."""
    plain: Any = namedtuple(name, names)  # type: ignore[misc]  # the names come from BTF
    members: dict[str, Any] = {"__slots__": ()}
    for label in {"comm", "name"}.intersection(names):
        members[label] = _until_nul_at(names.index(label))
    return type(name, (plain,), members)


def _until_nul_at(place: int) -> property:
    return property(lambda values: values[place].split(b"\0", 1)[0])


def _one(values: tuple[Any, ...], data: bytes, place: int, width: int) -> Any:
    if width == 0:
        start, length = values[place : place + 2]
        return data[start : start + length]
    return values[place] if width == 1 else values[place : place + width]


class _Shape:
    """The parts of a kind's records."""

    def __init__(self, layout: Layout) -> None:
        groups: dict[str, list[Field]] = {"header.": [], "file.": [], "socket.": [], "": []}
        for field in layout.fields:
            next(v for k, v in groups.items() if field.name.startswith(k)).append(field)
        self.header, self.file, self.socket, self.own = (
            _Part(prefix.removesuffix(".") or "own", tuple(found), prefix) if found else None
            for prefix, found in groups.items()
        )


class Record:
    """One record; see ``sidekick.sensor.record.Record``, the protocol that it fulfils."""

    def __init__(self, kind: Kind, shape: _Shape, data: bytes, calls: tuple[Call, ...]) -> None:
        self.kind = kind
        self.bytes = data
        self._shape = shape
        assert shape.header
        self.header: Header = shape.header.of(data)
        self.call = calls[cast(Any, self.header).call] if kind is Kind.CALL else None
        self.type = self.call.name if self.call else _TYPES.get(kind, "")

    @cached_property
    def _own(self) -> Any:
        assert self._shape.own
        return self._shape.own.of(self.bytes)

    def __getitem__(self, name: str) -> Any:
        return getattr(self._own, name, None)

    @property
    def result(self) -> int | None:
        """What the call gave; negative: an error's number."""
        return cast("int | None", self["result"])

    @property
    def cwd(self) -> bytes | None:
        """Where a relative path begins, if the kernel told it."""
        return self["cwd"] or None

    @cached_property
    def file(self) -> File | None:
        """What the call's descriptor stands for."""
        if not self._shape.file or not self.header.flags & FLAG_FILE:
            return None
        return cast(File, self._shape.file.of(self.bytes))

    @cached_property
    def socket(self) -> Socket | None:
        """The socket that the call's descriptor stands for."""
        if not self._shape.socket or not self.header.flags & FLAG_SOCKET:
            return None
        found = self._shape.socket.of(self.bytes)
        size = {AF_INET: 4, AF_INET6: 16}.get(found.family, 0)
        found = found._replace(local=found.local[:size], remote=found.remote[:size])
        return cast(Socket, found)

    @property
    def address(self) -> bytes | None:
        """The socket address (struct sockaddr) that the caller gave or was given."""
        return self._text_of_kind("address", "address_out") or self["more"] or None

    @property
    def data(self) -> bytes | None:
        """The beginning of what was sent or received."""
        return self._text_of_kind("data", "result_data", "message")

    def _text_of_kind(self, *kinds: str) -> bytes | None:
        for place, argument in enumerate(self.call.arguments if self.call else ()):
            if argument.kind in kinds:
                return self._text(place)
        return None

    def _text(self, place: int) -> bytes:
        found: bytes = getattr(self._own, f"texts_{place}")
        return found

    def text(self, name: str) -> bytes | None:
        """What a parameter points to, a path or bytes; of a directory's descriptor its path."""
        for place, argument in enumerate(self.call.arguments if self.call else ()):
            if argument.name == name and argument.reading[0] not in ("VALUE", "FD"):
                return self._text(place)
        return None

    def argument(self, name: str) -> int | bytes | None:
        """A call's parameter of Falco's name: a number, or the bytes that it points to.

        None if the call has none of that name, or if it comes from what is not there.
        """
        if self.call is None:
            return None
        for place, argument in enumerate(self.call.arguments):
            if argument.name == name:
                return self._value(place, argument)
            if name in _PARTS.get(argument.kind, ()):
                return _part(self._text(place), argument.kind, name)
        found = _DERIVED.get(name)
        return found(self) if found and name in self.call.parameters else None

    def _value(self, place: int, argument: Argument) -> int | bytes:
        if argument.reading[0] not in ("VALUE", "FD", "DIRECTORY"):
            return self._text(place)
        bits, signed = _NUMBERS.get(argument.kind, (32, False))
        number: int = self["args"][place] & ((1 << bits) - 1)
        return number - (1 << bits) if signed and number >> (bits - 1) else number


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
    "fd_pair": {"fd1": (0, "i"), "fd2": (4, "i")},
}
"""Parameters that are parts of what one argument points to."""

_CAPABILITIES = {"cap_effective": 0, "cap_permitted": 4, "cap_inheritable": 8}
_PR_SET_NAME = 15


def _part(data: bytes, kind: str, name: str) -> int | None:
    offset, code = _PARTS[kind][name]
    if len(data) < offset + struct.calcsize(code):
        return None
    (found,) = struct.unpack_from(f"<{code}", data, offset)
    return int(found)


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
        self._calls = (next(iter(all_calls().values())), *all_calls().values())

    def decode(self, data: bytes) -> Record:
        """The record that the bytes are."""
        (number,) = self._kind(data)
        kind, shape = self._shapes[number]
        return Record(kind, shape, data, self._calls)
