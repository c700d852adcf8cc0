"""TLS towards a destination: whom we trust and who we are."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Self

from pydantic import model_validator

from sidekick.errors import ConfigError
from sidekick.section import Secret, Section
from sidekick.tls import verifying_context


class TlsConfig(Section):
    """TLS towards a destination; by default it is verified by the system's authorities."""

    ca_file: Path | None = None
    """Certificates of the authorities (PEM) to trust instead of the system's."""
    extra_ca_files: tuple[Path, ...] = ()
    """Certificates of authorities (PEM) to trust beside the system's or those of `ca_file`."""
    cert_file: Path | None = None
    """Our own certificate chain (PEM), for destinations that ask for one (mTLS)."""
    key_file: Path | None = None
    """The private key (PEM) of `cert_file`."""
    key_password: Secret = Secret("")
    """The password of `key_file`, if it has one."""
    verify: bool = True
    """Refuse a destination whose certificate is not valid for its name. `false` lets anyone in
    between read and change what is sent."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("wanted cert_file and key_file, found only one of them")
        return self


def client_context(tls: TlsConfig) -> ssl.SSLContext:
    """The context of these settings; raises ``ConfigError`` naming the file that is of no use.

    Reads files: takes some 20 ms, so call it in a thread.
    """
    context = _trusting(tls)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.cert_file is not None:
        _identify(context, tls)
    return context


def _trusting(tls: TlsConfig) -> ssl.SSLContext:
    file = tls.ca_file
    try:
        context = verifying_context(file)
        for file in tls.extra_ca_files:
            context.load_verify_locations(file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError([f"cannot read the certificates in {file}: {error}"]) from error
    return context


def _identify(context: ssl.SSLContext, tls: TlsConfig) -> None:
    password = tls.key_password.get_secret_value()
    try:
        # Never None: OpenSSL would ask for the password at the terminal.
        context.load_cert_chain(tls.cert_file or "", tls.key_file, password=lambda: password)
    except (OSError, ssl.SSLError) as error:
        files = f"{tls.cert_file} and {tls.key_file}"
        raise ConfigError([f"cannot use the certificate and key in {files}: {error}"]) from error
