"""The layouts of an object's structures, from the BTF inside it.

Only what an object of ours has: little-endian ELF, integers, enums, arrays, structures and unions.
Format: the kernel's Documentation/bpf/btf.rst.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

_INT, _PTR, _ARRAY, _STRUCT, _UNION, _ENUM, _FWD, _TYPEDEF = range(1, 9)
_VOLATILE, _CONST, _RESTRICT, _FUNC, _FUNC_PROTO, _VAR, _DATASEC = range(9, 16)
_FLOAT, _DECL_TAG, _TYPE_TAG, _ENUM64 = range(16, 20)
_TRANSPARENT = {_TYPEDEF, _VOLATILE, _CONST, _RESTRICT, _TYPE_TAG, _VAR}
_ENTRY_BYTES = {_STRUCT: 12, _UNION: 12, _ENUM: 8, _FUNC_PROTO: 8, _DATASEC: 12, _ENUM64: 12}
_FIXED_BYTES = {_INT: 4, _ARRAY: 12, _VAR: 4, _DECL_TAG: 4}
_SCALARS = {1: "B", 2: "H", 4: "I", 8: "Q"}
_SIGNED = 1


@dataclass(frozen=True, slots=True)
class Field:
    """A scalar of a structure, or an array of scalars; one within another has a dotted name.

    ``code`` is the scalar's in the ``struct`` module, ``count`` how many there are; ``type_name``
    is that of the structure directly around it.
    """

    name: str
    offset: int
    code: str
    count: int
    type_name: str

    @property
    def is_bytes(self) -> bool:
        """An array of bytes is one value."""
        return self.count > 1 and self.code in "bB"

    @property
    def format(self) -> str:
        """In the ``struct`` module."""
        if self.is_bytes:
            return f"{self.count}s"
        return f"{self.count}{self.code}" if self.count > 1 else self.code


def part_format(fields: Sequence[Field]) -> str:
    """For ``struct.unpack_from`` at the first field's offset: these fields, gaps skipped."""
    text, at = "<", fields[0].offset
    for field in fields:
        text += "x" * (field.offset - at) + field.format
        at = field.offset + struct.calcsize("<" + field.format)
    return text


@dataclass(frozen=True, slots=True)
class Layout:
    """A structure laid flat, by offset."""

    name: str
    size: int
    fields: tuple[Field, ...]

    def format(self) -> str:
        """For ``struct.unpack_from``: every field in order, gaps skipped."""
        found = part_format(self.fields)
        return found + "x" * (self.size - struct.calcsize(found))

    def pack(self, **values: int | tuple[int, ...] | bytes) -> bytes:
        """The structure's bytes; what is not named is zero."""
        flat: list[int | bytes] = []
        for field in self.fields:
            value = values.pop(field.name, b"" if field.is_bytes else 0)
            given = value if isinstance(value, tuple) else (value,)
            flat += given
            flat += () if field.is_bytes else (0,) * (field.count - len(given))
        assert not values, f"{self.name} has no {', '.join(values)}"
        return struct.pack(self.format(), *flat)


@dataclass(frozen=True, slots=True)
class _Type:
    kind: int
    name: str
    size: int  # or the type that it refers to
    entries: bytes
    count: int


class Btf:
    """The types of an ELF object."""

    def __init__(self, elf: bytes) -> None:
        data = elf_section(elf, ".BTF")
        self._symbols = _elf_symbols(elf)  # the places in BTF are only filled in by a linker
        header_size, type_start, type_size, text_start = struct.unpack_from("<4I", data, 4)
        self._texts = data[header_size + text_start :]
        types = data[header_size + type_start :][:type_size]
        self._types = [_Type(0, "void", 0, b"", 0), *self._read(types)]

    def _read(self, data: bytes) -> Iterator[_Type]:
        at = 0
        while at < len(data):
            name, info, size = struct.unpack_from("<3I", data, at)
            kind, count = info >> 24 & 31, info & 0xFFFF
            entries = _FIXED_BYTES.get(kind, _ENTRY_BYTES.get(kind, 0) * count)
            yield _Type(kind, self._text(name), size, data[at + 12 : at + 12 + entries], count)
            at += 12 + entries

    def _text(self, offset: int) -> str:
        return self._texts[offset : self._texts.index(b"\0", offset)].decode()

    @cached_property
    def layouts(self) -> Mapping[str, Layout]:
        """The structures by name."""
        return {
            type_.name: Layout(type_.name, type_.size, tuple(self._fields(number, "", 0)))
            for number, type_ in enumerate(self._types)
            if type_.kind == _STRUCT and type_.name and self._is_flat(number)
        }

    @cached_property
    def enums(self) -> Mapping[str, Mapping[str, int]]:
        """The enumerations by name: their members' values."""
        return {
            type_.name: {
                self._text(name): value for name, value in struct.iter_unpack("<Ii", type_.entries)
            }
            for type_ in self._types
            if type_.kind == _ENUM and type_.name
        }

    def variables(self, section: str) -> Mapping[str, Field]:
        """The global variables of a data section, such as ``.rodata``, with their places in it."""
        found = {}
        for type_ in self._types:
            if type_.kind == _DATASEC and type_.name == section:
                for number, _, _ in struct.iter_unpack("<3I", type_.entries):
                    name = self._types[number].name
                    (field,) = self._fields(number, name, self._symbols[name])
                    found[name] = field
        return found

    def _strip(self, number: int) -> _Type:
        type_ = self._types[number]
        while type_.kind in _TRANSPARENT:
            type_ = self._types[type_.size]
        return type_

    def _is_flat(self, number: int) -> bool:
        """Has it nothing but what a Layout can say? A pointer it cannot."""
        type_ = self._strip(number)
        if type_.kind == _ARRAY:
            return self._is_flat(struct.unpack("<3I", type_.entries)[0])
        if type_.kind == _STRUCT:
            return all(self._is_flat(member) for _, member, _ in _members(type_))
        return type_.kind in (_INT, _ENUM)

    def _fields(self, number: int, name: str, offset: int, around: str = "") -> Iterator[Field]:
        type_ = self._strip(number)
        if type_.kind == _STRUCT:
            for text, member, bits in _members(type_):
                inner = f"{name}.{self._text(text)}" if name else self._text(text)
                yield from self._fields(member, inner, offset + bits // 8, type_.name)
        elif type_.kind == _ARRAY:
            yield from self._elements(type_, name, offset, around)
        elif type_.kind in (_INT, _ENUM):
            code = _SCALARS[type_.size]
            signed = type_.kind == _INT and struct.unpack("<I", type_.entries)[0] >> 24 & _SIGNED
            yield Field(name, offset, code.lower() if signed else code, 1, around)

    def _elements(self, array: _Type, name: str, offset: int, around: str) -> Iterator[Field]:
        element, _, count = struct.unpack("<3I", array.entries)
        inner = self._strip(element)
        if inner.kind == _STRUCT:
            for place in range(count):
                yield from self._fields(element, f"{name}.{place}", offset + place * inner.size)
            return
        total = count
        while inner.kind == _ARRAY:  # of several dimensions: as one
            element, _, more = struct.unpack("<3I", inner.entries)
            total, inner = total * more, self._strip(element)
        (scalar,) = self._fields(element, name, offset, around)
        yield Field(name, offset, scalar.code, total, around)


def _members(type_: _Type) -> Iterator[tuple[int, int, int]]:
    return struct.iter_unpack("<3I", type_.entries)


def elf_section(elf: bytes, name: str) -> bytes:
    """A section's contents; KeyError if there is none of that name."""
    (table,) = struct.unpack_from("<Q", elf, 40)
    size, count, names = struct.unpack_from("<3H", elf, 58)
    headers = [struct.unpack_from("<2I4Q", elf, table + place * size) for place in range(count)]
    texts = headers[names][4]
    for label, _, _, _, start, length in headers:
        at = texts + label
        if elf[at : elf.index(b"\0", at)] == name.encode():
            return elf[start : start + length]
    raise KeyError(name)


def _elf_symbols(elf: bytes) -> Mapping[str, int]:
    texts = elf_section(elf, ".strtab")
    return {
        texts[label : texts.index(b"\0", label)].decode(): value
        for label, _, _, value, _ in struct.iter_unpack("<IHHQQ", elf_section(elf, ".symtab"))
    }
