"""A thin binding of libbpf.so.1 by ctypes: open an object, set it up, load, attach, use its maps.

No binding on the package index can do this: none has ring buffers, read-only data before loading
and a choice of programs. Names and meanings are libbpf's own.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from ctypes import CFUNCTYPE, POINTER, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from pathlib import Path
from types import TracebackType

from sidekick.errors import SensorUnavailable

_PACKAGED = Path(__file__).with_name("lib") / "libbpf.so.1"
_PACKAGES = (
    "Debian, Ubuntu: apt install libbpf1; Fedora: dnf install libbpf; Alpine: apk add libbpf"
)

_SIGNATURES: Mapping[str, tuple[object, tuple[object, ...]]] = {
    "bpf_object__open_mem": (c_void_p, (c_void_p, c_size_t, c_void_p)),
    "bpf_object__load": (c_int, (c_void_p,)),
    "bpf_object__close": (None, (c_void_p,)),
    "bpf_object__next_map": (c_void_p, (c_void_p, c_void_p)),
    "bpf_object__next_program": (c_void_p, (c_void_p, c_void_p)),
    "bpf_map__name": (c_char_p, (c_void_p,)),
    "bpf_map__fd": (c_int, (c_void_p,)),
    "bpf_map__key_size": (c_uint32, (c_void_p,)),
    "bpf_map__value_size": (c_uint32, (c_void_p,)),
    "bpf_map__max_entries": (c_uint32, (c_void_p,)),
    "bpf_map__set_max_entries": (c_int, (c_void_p, c_uint32)),
    "bpf_map__initial_value": (c_void_p, (c_void_p, POINTER(c_size_t))),
    "bpf_program__name": (c_char_p, (c_void_p,)),
    "bpf_program__fd": (c_int, (c_void_p,)),
    "bpf_program__set_autoload": (c_int, (c_void_p, ctypes.c_bool)),
    "bpf_program__attach": (c_void_p, (c_void_p,)),
    "bpf_link__destroy": (c_int, (c_void_p,)),
    "bpf_map_lookup_elem": (c_int, (c_int, c_void_p, c_void_p)),
    "bpf_map_update_elem": (c_int, (c_int, c_void_p, c_void_p, c_uint64)),
    "bpf_map_delete_elem": (c_int, (c_int, c_void_p)),
    "bpf_map_get_next_key": (c_int, (c_int, c_void_p, c_void_p)),
    "ring_buffer__new": (c_void_p, (c_int, c_void_p, c_void_p, c_void_p)),
    "ring_buffer__consume": (c_int, (c_void_p,)),
    "ring_buffer__free": (None, (c_void_p,)),
    "btf__load_vmlinux_btf": (c_void_p, ()),
    "btf__find_by_name_kind": (ctypes.c_int32, (c_void_p, c_char_p, c_uint32)),
    "btf__type_by_id": (POINTER(c_uint32 * 3), (c_void_p, c_uint32)),
    "btf__free": (None, (c_void_p,)),
    "libbpf_num_possible_cpus": (c_int, ()),
    "libbpf_set_print": (c_void_p, (c_void_p,)),
}


class BpfError(OSError):
    """libbpf or the kernel refused; str() says what, and the last lines of libbpf's log."""


@cache
def library() -> ctypes.CDLL:
    """libbpf.so.1: the copy in this package if there is one, else the system's.

    SensorUnavailable if there is none.
    """
    try:
        lib = ctypes.CDLL(str(_PACKAGED) if _PACKAGED.exists() else "libbpf.so.1", use_errno=True)
    except OSError as error:
        raise SensorUnavailable(f"the sensor needs libbpf.so.1 ({_PACKAGES}): {error}") from error
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.libbpf_set_print(_print)
    return lib


_log: list[str] = []
_LOG_LINES = 40


def _keep_log(level: int, text: bytes, arguments: int) -> int:
    """Keeps the last lines, for the message of an error. They come formatted by vsnprintf."""
    line = ctypes.create_string_buffer(2048)
    ctypes.CDLL(None).vsnprintf(line, len(line), text, c_void_p(arguments))
    if level < 2:  # warnings, information; not debugging
        _log.append(line.value.decode(errors="replace").rstrip())
        del _log[:-_LOG_LINES]
    return 0


_print = CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)(_keep_log)


def _error(what: str, code: int = 0) -> BpfError:
    number = -code or ctypes.get_errno()
    tail = "".join(f"\n  {line}" for line in _log[-_LOG_LINES:])
    return BpfError(number, f"{what}: {os.strerror(number)}{tail}")


class Map:
    """A map of an object; reading and writing work once it is loaded."""

    def __init__(self, handle: int) -> None:
        lib = library()
        self._handle = handle
        self.name: str = lib.bpf_map__name(handle).decode()
        self.key_size: int = lib.bpf_map__key_size(handle)

    @property
    def fd(self) -> int:
        """Of the loaded map."""
        return int(library().bpf_map__fd(self._handle))

    @property
    def value_size(self) -> int:
        """In bytes; in a map of a value per CPU, of one of them."""
        return int(library().bpf_map__value_size(self._handle))

    @property
    def max_entries(self) -> int:
        """For a ring buffer: its bytes."""
        return int(library().bpf_map__max_entries(self._handle))

    def resize(self, entries: int) -> None:
        """Before loading."""
        if code := library().bpf_map__set_max_entries(self._handle, entries):
            raise _error(f"cannot give map {self.name} {entries} entries", code)

    def initial(self) -> memoryview:
        """The contents of a data section, to be changed before loading."""
        size = c_size_t()
        start = library().bpf_map__initial_value(self._handle, ctypes.byref(size))
        return memoryview((ctypes.c_char * size.value).from_address(start)).cast("B")

    def lookup(self, key: bytes, copies: int = 1) -> bytes | None:
        """A key's value, or the values of all CPUs (``copies``) one after the other."""
        value = ctypes.create_string_buffer((self.value_size + 7 & ~7) * copies)
        if library().bpf_map_lookup_elem(self.fd, key, value):
            return None
        return value.raw if copies > 1 else value.raw[: self.value_size]

    def update(self, key: bytes, value: bytes) -> None:
        """Set a key's value; BpfError if the map is full."""
        if code := library().bpf_map_update_elem(self.fd, key, value, 0):
            raise _error(f"cannot write to map {self.name}", code)

    def delete(self, key: bytes) -> None:
        """Nothing happens if there is no such key."""
        library().bpf_map_delete_elem(self.fd, key)

    def keys(self) -> Iterator[bytes]:
        """All keys, while nobody else deletes any."""
        key, after = None, ctypes.create_string_buffer(self.key_size)
        while not library().bpf_map_get_next_key(self.fd, key, after):
            key = after.raw
            yield key


class Program:
    """A program of an object."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.name: str = library().bpf_program__name(handle).decode()

    @property
    def fd(self) -> int:
        """Of the loaded program."""
        return int(library().bpf_program__fd(self._handle))

    def leave_out(self) -> None:
        """Before loading: do not load it."""
        library().bpf_program__set_autoload(self._handle, False)

    def attach(self) -> Link:
        """To what its section names."""
        handle = library().bpf_program__attach(self._handle)
        if not handle:
            raise _error(f"cannot attach program {self.name}")
        return Link(handle)


class Link:
    """An attached program; it runs until the link is destroyed or this process ends."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def destroy(self) -> None:
        """Detach."""
        library().bpf_link__destroy(self._handle)


class Object:
    """An object file's maps and programs; a context manager that unloads them."""

    def __init__(self, elf: bytes) -> None:
        self._elf = ctypes.create_string_buffer(elf, len(elf))  # libbpf reads it until it is loaded
        self._handle = library().bpf_object__open_mem(self._elf, len(elf), None)
        if not self._handle:
            raise _error("cannot read the object")
        self.maps = {item.name: item for item in map(Map, self._each("map"))}
        self.programs = {item.name: item for item in map(Program, self._each("program"))}

    def _each(self, what: str) -> Iterator[int]:
        following = getattr(library(), f"bpf_object__next_{what}")
        handle = following(self._handle, None)
        while handle:
            yield handle
            handle = following(self._handle, handle)

    def load(self) -> None:
        """Make the maps and have the kernel verify the programs."""
        if code := library().bpf_object__load(self._handle):
            raise _error("cannot load the sensor's programs", code)

    def close(self) -> None:
        """Unload; may be called twice."""
        if self._handle:
            library().bpf_object__close(self._handle)
        self._handle = None

    def __enter__(self) -> Object:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def possible_cpus() -> int:
    """How many values a map with a value per CPU has."""
    return int(library().libbpf_num_possible_cpus())


class KernelTypes:
    """What the running kernel's type information says; a context manager."""

    _FUNC, _TYPEDEF = 12, 8

    def __enter__(self) -> KernelTypes:
        self._handle = library().btf__load_vmlinux_btf()
        if not self._handle:
            raise _error("cannot read the kernel's type information")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        library().btf__free(self._handle)

    def has_function(self, name: str) -> bool:
        """May programs call it?"""
        return self._find(name, self._FUNC) > 0

    def tracepoint_arguments(self, name: str) -> int | None:
        """How many a tracepoint's programs get; None if there is no such tracepoint."""
        number = self._find(f"btf_trace_{name}", self._TYPEDEF)
        if number <= 0:
            return None
        pointer = self._type(number)[2]
        prototype = self._type(self._type(pointer)[2])
        return int(prototype[1] & 0xFFFF) - 1  # the first is the kernel's own

    def _find(self, name: str, kind: int) -> int:
        return int(library().btf__find_by_name_kind(self._handle, name.encode(), kind))

    def _type(self, number: int) -> tuple[int, int, int]:
        """Of struct btf_type: name, kind and number of members, what it refers to."""
        first, second, third = library().btf__type_by_id(self._handle, number).contents
        return first, second, third
