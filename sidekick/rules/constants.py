"""Constants: the text of a condition as a value of the field's type, decided when it is loaded."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any

from sidekick.errors import SidekickError
from sidekick.model import Priority
from sidekick.rules.fields import FieldType
from sidekick.rules.network import pack, parse_network

LENGTH_LIMIT = 255
"""Bytes that Falco keeps of a constant; it refuses longer ones."""

_DECIMAL = re.compile(r"[+-]?[0-9]+")
_HEX = re.compile(r"(-?)0[xX]([0-9a-fA-F]+)")
_FLOAT = re.compile(r"[+-]?[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?")
_BITS = {
    FieldType.INT8: 8,
    FieldType.INT16: 16,
    FieldType.INT32: 32,
    FieldType.INT64: 64,
    FieldType.UINT8: 8,
    FieldType.UINT16: 16,
    FieldType.UINT32: 32,
    FieldType.UINT64: 64,
    FieldType.RELTIME: 64,
    FieldType.ABSTIME: 64,
}
_SIGNED = frozenset({FieldType.INT8, FieldType.INT16, FieldType.INT32, FieldType.INT64})
# The names that rules use, so that they mean the same where /etc/services is missing.
_SERVICES = {
    "ftp": 21,
    "ssh": 22,
    "telnet": 23,
    "smtp": 25,
    "domain": 53,
    "http": 80,
    "pop3": 110,
    "ntp": 123,
    "imap2": 143,
    "snmp": 161,
    "ldap": 389,
    "https": 443,
    "ldaps": 636,
    "imaps": 993,
    "pop3s": 995,
    "mysql": 3306,
    "postgresql": 5432,
    "redis": 6379,
}


class BadConstant(SidekickError):
    """The text is not a constant of the type."""


def parse_constant(text: str, type_: FieldType, operator: str) -> Any:
    """The value that a text means for a type; raises BadConstant.

    Numbers are int, addresses packed bytes, networks ``(packed, prefix length)``, byte buffers
    bytes (of hexadecimal digits after ``bcontains`` and ``bstartswith``), priorities their rank.
    A DYNAMIC constant stays text: the value that it meets decides.
    """
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > LENGTH_LIMIT:
        raise BadConstant(f"filter parameter too long (used={size}, available={LENGTH_LIMIT})")
    if "\0" in text:
        raise BadConstant("filter value cannot contain a NUL byte (\\x00)")
    if type_ is FieldType.BYTES and operator in ("bcontains", "bstartswith"):
        return _hex_bytes(text)
    return _PARSERS.get(type_, _text)(text, type_)


def number(text: str) -> int | float | None:
    """The number that a text is, decimal, hexadecimal or with a fraction; None if it is none."""
    integer = _integer(text)
    if integer is not None:
        return integer
    return float(text) if _FLOAT.fullmatch(text) else None


def _integer(text: str) -> int | None:
    # Falco keeps 64 bits; int() of a long text would take quadratic time.
    if _DECIMAL.fullmatch(text) and len(text) <= 40:
        return int(text)
    if match := _HEX.fullmatch(text):
        return int(match[1] + match[2], 16)
    return None


def _parse_integer(text: str, type_: FieldType) -> int:
    value, bits = _integer(text), _BITS[type_]
    if value is None:
        raise BadConstant(f'wanted {type_.value}, found "{text}"')
    low = -(1 << (bits - 1))
    high = (1 << (bits - 1)) if type_ in _SIGNED else (1 << bits)
    if not low <= value < high:
        raise BadConstant(f'"{text}" does not fit {type_.value} of {bits} bits')
    # As in C, a negative constant of an unsigned type wraps around.
    return value if type_ in _SIGNED else value % (1 << bits)


def _parse_double(text: str, type_: FieldType) -> int | float:
    value = number(text)
    if value is None:
        raise BadConstant(f'wanted {type_.value}, found "{text}"')
    return value


def _parse_port(text: str, type_: FieldType) -> int:
    value = _integer(text)
    if value is None:
        value = _service(text)
    if value is None or not 0 <= value < 65536:
        raise BadConstant(f'wanted a port or the name of a service, found "{text}"')
    return value


def _service(name: str) -> int | None:
    if name in _SERVICES:
        return _SERVICES[name]
    try:
        return socket.getservbyname(name)
    except (OSError, ValueError):
        return None


def _parse_bool(text: str, type_: FieldType) -> bool:
    if text not in ("true", "false"):
        raise BadConstant(f'wanted true or false, found "{text}"')
    return text == "true"


def _parse_address(text: str, type_: FieldType) -> bytes:
    address = pack(text)
    if address is None:
        raise BadConstant(f'wanted an IP address, found "{text}"')
    return address


def _parse_network(text: str, type_: FieldType) -> tuple[bytes, int]:
    network = parse_network(text)
    if network is None:
        raise BadConstant(f'wanted an IP network such as 10.0.0.0/8, found "{text}"')
    return network


def _parse_priority(text: str, type_: FieldType) -> int:
    priority = Priority.parse(text)
    if priority is None:
        known = ", ".join(p.name.lower() for p in Priority)
        raise BadConstant(f'unknown priority "{text}"; wanted one of {known}')
    return int(priority)


def _hex_bytes(text: str) -> bytes:
    if len(text) % 2 or not re.fullmatch("[0-9a-fA-F]*", text):
        raise BadConstant(f'wanted an even number of hexadecimal digits, found "{text}"')
    return bytes.fromhex(text)


def _parse_bytes(text: str, type_: FieldType) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _text(text: str, type_: FieldType) -> str:
    return text


_PARSERS: dict[FieldType, Callable[[str, FieldType], Any]] = {
    **dict.fromkeys(_BITS, _parse_integer),
    FieldType.DOUBLE: _parse_double,
    FieldType.PORT: _parse_port,
    FieldType.BOOL: _parse_bool,
    FieldType.ADDRESS: _parse_address,
    FieldType.NETWORK: _parse_network,
    FieldType.PRIORITY: _parse_priority,
    FieldType.BYTES: _parse_bytes,
}
