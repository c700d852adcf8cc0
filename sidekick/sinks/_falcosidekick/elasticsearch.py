"""falcosidekick's document for Elasticsearch: the canonical JSON and ``@timestamp``."""

from __future__ import annotations

from sidekick.model import Envelope
from sidekick.sinks._falcosidekick.payload import payload


def document(envelope: Envelope, flat: bool) -> bytes:
    """The document; ``flat`` writes ``_`` for the dots in the names of fields."""
    alert = payload(envelope.body, (lambda name: name.replace(".", "_")) if flat else None)
    return b'%b,"@timestamp":"%b"}' % (alert.json[:-1], alert.time.encode())
