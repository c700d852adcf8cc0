"""Whom a sink trusts."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import pytest
import trustme

from sidekick.errors import ConfigError
from sidekick.sinks._tls import TlsConfig, client_context


def authority(folder: Path, name: str) -> tuple[trustme.CA, Path]:
    """A new authority and its file."""
    made = trustme.CA()
    made.cert_pem.write_to_path(folder / name)
    return made, folder / name


def trusts(context: ssl.SSLContext, issuer: trustme.CA) -> bool:
    """Whether a handshake with a server of that authority succeeds."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issuer.issue_cert("localhost").configure_cert(server)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = context.wrap_bio(to_client, to_server, server_hostname="localhost")
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (ours, theirs):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError:
                return False
    return ours.version() is not None


def test_extra_authorities_are_trusted_beside_the_others(tmp_path: Path) -> None:
    (own, own_file), (extra, extra_file) = (authority(tmp_path, name) for name in ("a", "b"))
    stranger = trustme.CA()
    both = client_context(TlsConfig(ca_file=own_file, extra_ca_files=(extra_file,)))
    assert trusts(both, own)
    assert trusts(both, extra)
    assert not trusts(both, stranger)
    assert not trusts(client_context(TlsConfig(ca_file=own_file)), extra)


def test_the_systems_authorities_stay_trusted_beside_extra_ones(tmp_path: Path) -> None:
    extra, file = authority(tmp_path, "extra")
    context = client_context(TlsConfig(extra_ca_files=(file,)))
    assert trusts(context, extra)
    assert context.cert_store_stats()["x509_ca"] > 1


@pytest.mark.parametrize("text", [None, "no certificate"])
def test_a_file_that_is_of_no_use_is_named(tmp_path: Path, text: str | None) -> None:
    file = tmp_path / "extra.pem"
    if text is not None:
        file.write_text(text)
    with pytest.raises(
        ConfigError, match=f"cannot read the certificates in {re.escape(str(file))}"
    ):
        client_context(TlsConfig(extra_ca_files=(file,)))
