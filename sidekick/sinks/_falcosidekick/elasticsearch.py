"""falcosidekick's document for Elasticsearch: the canonical JSON and ``@timestamp``.

A field that does not fit the index's mapping is left out and the document written without it, as
falcosidekick does (which then loses ``@timestamp`` as well).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from sidekick.document import time_of
from sidekick.model import Envelope
from sidekick.sinks._falcosidekick.payload import canonical, payload

_UNFIT = frozenset({"document_parsing_exception", "mapper_parsing_exception"})
_FIELD = re.compile(r"\[output_fields\.(\S+?)\](?=[ ,.:;]|$)")
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


def document(envelope: Envelope, flat: bool) -> bytes:
    """The document; ``flat`` writes ``_`` for the dots in the names of fields."""
    json = payload(envelope, _flat).json if flat else canonical(envelope)
    return b'%b,"@timestamp":"%b"}' % (json[:-1], time_of(json))


def unfit_field(result: Mapping[str, Any]) -> str:
    """The output field that does not fit, by what the bulk API says of an item; "" for none."""
    error = result.get("error") or {}
    if error.get("type") not in _UNFIT:
        return ""
    found = _FIELD.search(error.get("reason", ""))
    return found[1] if found else ""


def without(document: bytes, field: str) -> bytes:
    """The document without that field, those in it and those that it is in."""
    members = _members(document)
    fields = _members(members["output_fields"])
    left = {name: value for name, value in fields.items() if not _touches(name, field)}
    return _encode(members | {"output_fields": left})


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _touches(name: str, field: str) -> bool:
    return name == field or name.startswith(f"{field}.") or field.startswith(f"{name}.")
