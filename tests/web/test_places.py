from __future__ import annotations

import asyncio
import socket

import pytest

from sidekick.listener.config import ListenerConfig
from sidekick.web.admin import AdminConfig
from sidekick.web.places import cannot_listen, url


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("0.0.0.0", "http://localhost:1"),
        ("::", "http://localhost:1"),
        ("", "http://localhost:1"),
        ("10.0.0.1", "http://10.0.0.1:1"),
        ("fd00::1", "http://[fd00::1]:1"),
    ],
)
def test_a_place_is_shown_as_a_client_calls_it(address: str, shown: str) -> None:
    assert url(ListenerConfig(address=address, port=1)) == shown


def test_the_scheme_is_that_of_the_listener() -> None:
    tls = {"cert_file": "server.pem", "key_file": "server.key"}
    config = AdminConfig.model_validate({"port": 2, "tls": tls})
    assert url(config) == "https://127.0.0.1:2"


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1", "Address already in use; another program uses the port: stop it, or set"),
        ("192.0.2.1", "Cannot assign requested address; no interface of this machine has that"),
        ("no.such.invalid", "; listen.address is neither an address nor a name that is known here"),
    ],
)
async def test_what_is_in_the_way_is_told_with_what_to_do(address: str, said: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = ListenerConfig(address=address, port=other.getsockname()[1])
        try:
            await asyncio.get_running_loop().create_server(
                asyncio.Protocol, config.address, config.port
            )
        except OSError as error:
            told = cannot_listen(config, error)
    assert told.startswith(f"cannot listen on {address}:{config.port}: ")
    assert said in told


def test_an_address_of_no_interface_is_told_also_where_asyncio_gives_no_number() -> None:
    config = ListenerConfig(address="192.0.2.1", port=1)
    error = OSError("could not bind on any address out of [('192.0.2.1', 1)]")
    assert "Cannot assign requested address; no interface" in cannot_listen(config, error)
