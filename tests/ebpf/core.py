"""Which fields an object asks a kernel for, and which of them the kernel has not.

What libbpf does when it relocates, without loading: the relocations of an object's ``.BTF.ext``
against a kernel's type information (Documentation/bpf/llvm_reloc.rst).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from sidekick.ebpf.btf import elf_section

_ARRAY, _STRUCT, _UNION = 3, 4, 5
_TRANSPARENT = {8, 9, 10, 11, 18}  # typedef, volatile, const, restrict, type tag
_EACH = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
_FIXED = {1: 4, 3: 12, 14: 4, 17: 4}
_FIELD_OFFSET, _FIELD_SIZE, _FIELD_EXISTS, _TYPE_EXISTS = 0, 1, 2, 8


@dataclass(frozen=True)
class Type:
    kind: int
    name: str
    refers: int
    members: tuple[tuple[str, int], ...] = ()
    """Of structures and unions: name and type."""
    element: int = 0


class Types:
    """Raw BTF: numbers of types, as relocations need them."""

    def __init__(self, data: bytes) -> None:
        header, start, size, texts = struct.unpack_from("<4I", data, 4)
        self._texts = data[header + texts :]
        self.all = [Type(0, "void", 0), *self._read(data[header + start :][:size])]
        self.structs = {t.name: t for t in self.all if t.kind in (_STRUCT, _UNION) and t.name}

    def text(self, offset: int) -> str:
        return self._texts[offset : self._texts.index(b"\0", offset)].decode()

    def _read(self, data: bytes) -> Iterator[Type]:
        at = 0
        while at < len(data):
            name, info, refers = struct.unpack_from("<3I", data, at)
            kind, count = info >> 24 & 31, info & 0xFFFF
            size = _FIXED.get(kind, _EACH.get(kind, 0) * count)
            body = data[at + 12 : at + 12 + size]
            members: tuple[tuple[str, int], ...] = ()
            if kind in (_STRUCT, _UNION):
                members = tuple((self.text(n), t) for n, t, _ in struct.iter_unpack("<3I", body))
            element = struct.unpack_from("<I", body)[0] if kind == _ARRAY else 0
            yield Type(kind, self.text(name), refers, members, element)
            at += 12 + size

    def strip(self, number: int) -> Type:
        found = self.all[number]
        while found.kind in _TRANSPARENT:
            found = self.all[found.refers]
        return found

    def member(self, around: Type, name: str) -> Type | None:
        """A member by name, also within ones that have none."""
        for label, number in around.members:
            inner = self.strip(number)
            if label == name:
                return inner
            if not label and (found := self.member(inner, name)):
                return found
        return None

    def has(self, around: str, path: list[str]) -> bool:
        """Is there such a structure, with a member of a member ...?"""
        found = self.structs.get(around)
        for name in path:
            if found and found.kind == _ARRAY and name.isdigit():
                found = self.strip(found.element)
            else:
                found = found and self.member(found, name)
        return found is not None


def fields_asked_for(elf: bytes) -> Iterator[tuple[str, list[str]]]:
    """Structures (with their flavour) and paths of members whose offset or size is wanted."""
    return _asked(elf, _FIELD_OFFSET, _FIELD_SIZE)


def structures_in_doubt(elf: bytes) -> set[str]:
    """Structures of which the object asks first whether the kernel has them, or a field of them."""
    found = _asked(elf, _FIELD_EXISTS, _TYPE_EXISTS)
    return {name.partition("___")[0] for name, _ in found}


def _asked(elf: bytes, *kinds: int) -> Iterator[tuple[str, list[str]]]:
    types = Types(elf_section(elf, ".BTF"))
    extra = elf_section(elf, ".BTF.ext")
    header, start, length = struct.unpack_from("<I16xII", extra, 4)
    at, end = header + start + 4, header + start + length
    while at < end:
        _, count = struct.unpack_from("<2I", extra, at)
        at += 8
        for _ in range(count):
            _, number, access, kind = struct.unpack_from("<4I", extra, at)
            at += 16
            if kind in kinds:
                yield _path(types, number, types.text(access))


def _path(types: Types, number: int, access: str) -> tuple[str, list[str]]:
    root = found = types.strip(number)
    path = []
    for step in map(int, access.split(":")[1:]):
        if found.kind == _ARRAY:
            path.append(str(step))
            found = types.strip(found.element)
        else:
            name, inner = found.members[step]
            path += [name] if name else []
            found = types.strip(inner)
    return root.name, path


def missing_fields(elf: bytes, kernel: Types) -> set[str]:
    """``struct.member...`` that a kernel has not, named as the object does."""
    return {
        ".".join([name, *path])
        for name, path in fields_asked_for(elf)
        if not kernel.has(name.partition("___")[0], path)
    }
