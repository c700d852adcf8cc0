"""Whom the outputs trust, and who we are to them."""

from __future__ import annotations

from msgspec.structs import replace

from sidekick.compat.key import Output, Path, is_true
from sidekick.compat.source import Given, Source
from sidekick.compat.translation import Draft, Setting

_FILES = (("cert_file", "certfile", "client.crt"), ("key_file", "keyfile", "client.key"))


def trust(source: Source, draft: Draft, output: Output, below: Path) -> None:
    """The authorities that all outputs over HTTP trust beside the system's, and Kafka's."""
    given = source.given("tlsclient.cacertfile")
    if given is None or not _has_tls(source, output):
        return
    path = (*below, "tls", "extra_ca_files")
    own = draft.settings.get(path)
    files = [*(own.value if own else ()), given.text]
    draft.set(Setting(path, files, "tlsclient.cacertfile", given.variable, given.place))


def _has_tls(source: Source, output: Output) -> bool:
    key = next((key for key in output.keys if key.name == "checkcert"), None)
    return key is not None and all(source.is_on(output.full(name)) for name in key.when)


def one(draft: Draft, below: Path) -> None:
    """An API key goes over the name and password of an address."""
    if (*below, "api_key") in draft.settings:
        for name in ("user", "password"):
            draft.settings.pop((*below, name), None)


def show(source: Source, draft: Draft, full: str, given: Given, below: Path) -> None:
    """Our certificate, where an output wants one."""
    if not is_true(given.text):
        return
    tls: Path = (*below, "tls")
    for setting, name, file in _FILES:
        draft.set(_file(source, (*tls, setting), name, file))
    authority = _file(source, (*tls, "extra_ca_files"), "cacertfile", "ca.crt")
    draft.set(replace(authority, value=[authority.value]))


def _file(source: Source, path: Path, name: str, default: str) -> Setting:
    """The file of its own key, or the one of that name in the common folder."""
    key = f"mutualtlsclient.{name}"
    if given := source.given(key):
        return Setting(path, given.text, key, given.variable, given.place, whole=True)
    folder = source.given("mutualtlsfilespath") or Given("/etc/certs")
    text = f"{folder.text}/{default}"
    return Setting(path, text, "mutualtlsfilespath", folder.variable, folder.place)
