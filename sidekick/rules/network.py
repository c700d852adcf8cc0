"""IP addresses and networks as conditions compare them: packed, four or sixteen bytes."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from functools import lru_cache
from typing import Any


def pack(text: str) -> bytes | None:
    """The packed form of an address; None for anything else.

    With a dot it is IPv4 and without one IPv6, as in Falco: "::ffff:10.0.0.1" is neither.
    """
    try:
        return socket.inet_pton(socket.AF_INET if "." in text else socket.AF_INET6, text)
    except (OSError, ValueError):
        return None


_pack_cached = lru_cache(4096)(pack)


def packed(value: Any) -> bytes | None:
    """The packed form of what a record holds: an address as text or packed already, or None."""
    if isinstance(value, str):
        return _pack_cached(value)
    return value if isinstance(value, bytes) and len(value) in (4, 16) else None


class Networks:
    """A set of networks; ``address in networks`` asks for a packed address, of either family."""

    __slots__ = ("_prefixes",)

    def __init__(self, networks: Iterable[tuple[bytes, int]]) -> None:
        found: dict[tuple[int, int], set[int]] = {}
        for address, length in networks:
            shift = len(address) * 8 - length
            number = int.from_bytes(address, "big") >> shift
            found.setdefault((len(address), shift), set()).add(number)
        self._prefixes = tuple((size, shift, frozenset(f)) for (size, shift), f in found.items())

    def __contains__(self, address: bytes) -> bool:
        size, number = len(address), int.from_bytes(address, "big")
        return any(size == s and number >> shift in found for s, shift, found in self._prefixes)


def parse_network(text: str) -> tuple[bytes, int] | None:
    """The address and prefix length of "10.0.0.0/8"; None for anything else."""
    base, slash, length = text.partition("/")
    address = pack(base)
    if not (slash and address and length.isascii() and length.isdigit() and len(length) < 4):
        return None
    return (address, int(length)) if int(length) <= len(address) * 8 else None
