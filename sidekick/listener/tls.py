"""TLS of a listener: its settings, and certificates that are read again when they change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from sidekick.errors import ConfigError
from sidekick.section import Duration, Secret, Section

log = logging.getLogger(__name__)

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

Stamp = tuple[tuple[int, int, int], ...]


class TlsConfig(Section):
    """TLS of a listener; with `client_ca_file` also mutual TLS."""

    cert_file: str
    """PEM file with the certificate and its chain."""
    key_file: str
    """PEM file with the private key."""
    key_password: Secret | None = None
    """Password of the private key, if it has one."""
    client_ca_file: str | None = None
    """PEM file of the authorities of client certificates; every client then needs one."""
    min_version: Literal["1.2", "1.3"] = "1.2"
    """Oldest version of TLS that is spoken."""
    check_every: Duration = 10.0
    """How often the files are looked at; changed ones serve the connections made from then on."""


class Certificates:
    """The certificates of one listener; ``context`` always serves the newest usable ones."""

    def __init__(self, config: TlsConfig) -> None:
        """Read the files; raises ConfigError that says which of them is unusable and why."""
        self._config = config
        self.check_every = config.check_every
        self._stamp = _stamp(config)
        self._current = self.context = _context(config)
        self.context.sni_callback = self._choose

    def reload_if_changed(self) -> bool:
        """Read changed files; True if they are served now, False if nothing changed or they fail.

        Files that do not fit together (one of two is written already) are tried again when
        either changes; until then the old ones are served.
        """
        stamp = _stamp(self._config)
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._current = _context(self._config)
        except ConfigError as error:
            log.warning("The changed certificate is unusable, the old one serves on: %s", error)
            return False
        log.info("The listener serves a new certificate.", extra={"cert": self._config.cert_file})
        return True

    def _choose(self, connection: ssl.SSLObject, name: str | None, old: ssl.SSLContext) -> None:
        """Called by OpenSSL in each handshake, with or without a server name."""
        connection.context = self._current


@contextlib.asynccontextmanager
async def renewed(certificates: Certificates | None) -> AsyncIterator[None]:
    """Look now and then whether the certificates have changed."""
    looking = asyncio.create_task(_look(certificates)) if certificates else None
    try:
        yield
    finally:
        if looking is not None:
            looking.cancel()


async def _look(certificates: Certificates) -> None:
    while True:
        await asyncio.sleep(certificates.check_every)
        await asyncio.to_thread(certificates.reload_if_changed)


def _stamp(config: TlsConfig) -> Stamp:
    """What tells whether a file changed; follows symbolic links, as Kubernetes swaps those."""
    return tuple(
        map(_version, filter(None, (config.cert_file, config.key_file, config.client_ca_file)))
    )


def _version(file: str) -> tuple[int, int, int]:
    try:
        found = os.stat(file)
    except OSError:
        return 0, 0, 0
    return found.st_mtime_ns, found.st_size, found.st_ino


def _context(config: TlsConfig) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.min_version]
    password = config.key_password.get_secret_value() if config.key_password else ""
    _readable({"tls.cert_file": config.cert_file, "tls.key_file": config.key_file})
    try:
        context.load_cert_chain(config.cert_file, config.key_file, lambda: password)
    except (OSError, ValueError) as error:
        files = f"{config.cert_file} with {config.key_file}"
        raise ConfigError([f"tls.cert_file: cannot use {files}: {_reason(error)}"]) from None
    if config.client_ca_file is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(config.client_ca_file)
        except (OSError, ValueError) as error:
            reason = f"cannot use {config.client_ca_file}: {_reason(error)}"
            raise ConfigError([f"tls.client_ca_file: {reason}"]) from None
    return context


def _readable(files: Mapping[str, str]) -> None:
    """OpenSSL does not say which of two files is missing."""
    for setting, file in files.items():
        try:
            with open(file, "rb"):
                pass
        except OSError as error:
            raise ConfigError([f"{setting}: cannot use {file}: {_reason(error)}"]) from None


def _reason(error: Exception) -> str:
    """What is wrong, without the numbers that OpenSSL puts around it."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "not a usable PEM file").replace("_", " ").lower()
    return getattr(error, "strerror", None) or str(error)
