"""Certificates that change while the listener runs."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from pathlib import Path

import pytest
import trustme

from sidekick.errors import ConfigError
from sidekick.listener.tls import Certificates, TlsConfig, renewed


def write(folder: Path, name: str) -> TlsConfig:
    """A new certificate for that name, in place of the old one."""
    made = trustme.CA().issue_cert(name)
    made.private_key_pem.write_to_path(folder / "key.pem")
    made.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return TlsConfig(cert_file=str(folder / "cert.pem"), key_file=str(folder / "key.pem"))


def served(certificates: Certificates) -> str:
    """The name in the certificate that a client is shown."""
    ours, theirs = socket.socketpair()
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE

    def serve() -> None:
        with certificates.context.wrap_socket(ours, server_side=True) as connection:
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    with client.wrap_socket(theirs) as connection:
        shown = connection.getpeercert(binary_form=True)
        connection.send(b"x")
    thread.join()
    assert shown is not None
    from cryptography import x509

    found = x509.load_der_x509_certificate(shown)
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(names.get_values_for_type(x509.DNSName)[0])


def test_a_changed_certificate_is_served_to_the_next_connection(tmp_path: Path) -> None:
    certificates = Certificates(write(tmp_path, "one.test"))
    assert served(certificates) == "one.test"
    assert not certificates.reload_if_changed()
    write(tmp_path, "two.test")
    assert certificates.reload_if_changed()
    assert served(certificates) == "two.test"


def test_a_certificate_without_its_key_changes_nothing_until_both_are_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    certificates = Certificates(write(tmp_path, "one.test"))
    old_key = (tmp_path / "key.pem").read_bytes()
    write(tmp_path, "two.test")
    new_key = (tmp_path / "key.pem").read_bytes()
    (tmp_path / "key.pem").write_bytes(old_key)
    assert not certificates.reload_if_changed()
    assert "unusable" in caplog.text
    assert served(certificates) == "one.test"
    (tmp_path / "key.pem").write_bytes(new_key)
    assert certificates.reload_if_changed()
    assert served(certificates) == "two.test"


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, name: str) -> None:
    config = write(tmp_path, "one.test")
    (tmp_path / name).write_text("no PEM")
    with pytest.raises(ConfigError, match=name):
        Certificates(config)


def test_a_missing_authority_is_named(tmp_path: Path) -> None:
    config = write(tmp_path, "one.test").model_copy(
        update={"client_ca_file": str(tmp_path / "ca.pem")}
    )
    with pytest.raises(ConfigError, match=r"client_ca_file.*ca\.pem.*No such file"):
        Certificates(config)


async def test_certificates_are_looked_at_while_they_are_in_use(tmp_path: Path) -> None:
    config = write(tmp_path, "one.test").model_copy(update={"check_every": 0.01})
    certificates = Certificates(config)
    async with renewed(certificates), renewed(None):
        write(tmp_path, "two.test")
        async with asyncio.timeout(10):
            while served(certificates) != "two.test":
                await asyncio.sleep(0.01)
