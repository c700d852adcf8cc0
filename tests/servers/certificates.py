"""An authority, a server and a client for tests of TLS."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
    """The files of a client (PEM), and the server's key and chain as PEM text (PKCS #8)."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    server_key: str
    server_chain: str


def make_certificates(folder: Path) -> Certificates:
    """New ones for 127.0.0.1 and localhost, in ``folder``."""
    import trustme
    from cryptography.hazmat.primitives import serialization

    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1", "localhost")
    client = authority.issue_cert("client.test")
    ca_file, cert_file, key_file = folder / "ca.pem", folder / "client.pem", folder / "client.key"
    authority.cert_pem.write_to_path(ca_file)
    client.cert_chain_pems[0].write_to_path(cert_file)
    client.private_key_pem.write_to_path(key_file)
    key = serialization.load_pem_private_key(server.private_key_pem.bytes(), None)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    chain = "".join(one.bytes().decode() for one in server.cert_chain_pems)
    return Certificates(ca_file, cert_file, key_file, pem.decode(), chain)
