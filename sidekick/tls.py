"""How a client of ours verifies whom it speaks to."""

from __future__ import annotations

import ssl
from pathlib import Path


def verifying_context(authorities: str | Path | None) -> ssl.SSLContext:
    """A context for a client; ``authorities`` is a PEM file, None: the system's;
    raises ``OSError``.

    From Python 3.13 on a private authority without key usage would be refused (RFC 5280 wants it),
    which Go, OpenSSL and earlier Pythons take: the same configuration means the same here.
    """
    context = ssl.create_default_context(cafile=authorities)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context
