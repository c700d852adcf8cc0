"""Whom falcosidekick's outputs trust, and who they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.compat.loading import WEBHOOK, loaded, sink


def test_client_certificates_come_from_their_folder_or_their_own_keys(tmp_path: Path) -> None:
    text = "mutualtlsfilespath: /certs\nmutualtlsclient: {keyfile: /k.pem}\n"
    text += "tlsclient: {cacertfile: /more.pem}\n"
    tls = sink(tmp_path, text + WEBHOOK + "  mutualtls: true\n", "webhook")["tls"]
    assert {key: str(value) for key, value in tls.items() if key != "extra_ca_files"} == {
        "cert_file": "/certs/client.crt",
        "key_file": "/k.pem",
    }
    assert tls["extra_ca_files"] == (Path("/certs/ca.crt"), Path("/more.pem"))


@pytest.mark.parametrize(
    ("keys", "verify", "shown"),
    [
        ("checkcert: false", False, False),
        ("checkcert: false\n  mutualtls: false", False, False),
        ("checkcert: true\n  mutualtls: true", True, True),
        # As falcosidekick documents it: with mutual TLS the server is always checked.
        ("checkcert: false\n  mutualtls: true", True, True),
    ],
)
def test_who_is_trusted_and_who_we_are_are_two_things(
    tmp_path: Path, keys: str, verify: bool, shown: bool
) -> None:
    tls = loaded(tmp_path, f"{WEBHOOK}  {keys}\n").sinks["webhook"].tls  # type: ignore[attr-defined]
    assert (tls.verify, tls.cert_file is not None) == (verify, shown)


@pytest.mark.parametrize(
    ("text", "name", "wanted"),
    [
        (
            "elasticsearch: {hostport: 'https://u:p%40ss@e:9200'}",
            "elasticsearch",
            (["https://e:9200"], "u", "p@ss"),
        ),
        (
            "elasticsearch: {hostport: 'https://u:p@e', username: me, password: mine}",
            "elasticsearch",
            (["https://e"], "me", "mine"),
        ),
        (
            "elasticsearch: {hostport: 'https://u:p@e', apikey: k}",
            "elasticsearch",
            (["https://e"], "", ""),
        ),
        ("loki: {hostport: 'http://u:p@l/'}", "loki", ("http://l", "u", "p")),
        (
            "alertmanager: {hostport: 'http://u:p@a,http://u:p@b'}",
            "alertmanager",
            (["http://a", "http://b"], "u", "p"),
        ),
    ],
)
def test_a_name_and_password_in_an_address_are_settings(
    tmp_path: Path, text: str, name: str, wanted: tuple[Any, str, str]
) -> None:
    settings = loaded(tmp_path, text)
    found: Any = settings.sinks[name]
    address = found.url if name == "loki" else found.urls
    assert (address, found.user, found.password.get_secret_value()) == wanted
    assert settings.warnings == ()


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ("apikey: k, username: u, password: p", ("u", "p", "")),
        ("apikey: k, username: u", ("", "", "k")),
        ("username: u", ("", "", "")),
        ("username: u, password: '0'", ("u", "0", "")),
    ],
)
def test_elasticsearch_gets_the_identity_that_falcosidekick_shows(
    tmp_path: Path, keys: str, wanted: tuple[str, str, str]
) -> None:
    text = f"elasticsearch: {{hostport: 'http://e', {keys}}}\n"
    found: Any = loaded(tmp_path, text).sinks["elasticsearch"]
    secrets = found.password.get_secret_value(), found.api_key.get_secret_value()
    assert (found.user, *secrets) == wanted
