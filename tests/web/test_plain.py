"""The port without TLS: its paths, and nothing else."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.web.listen import ListenConfig
from tests.listener.test_tls import write
from tests.servers.process import free_ports
from tests.web.listening import FakeIntake, Listener, alert, listening, request, split


@asynccontextmanager
async def both(
    folder: Path, *paths: str, **settings: Any
) -> AsyncIterator[tuple[Listener, Listener]]:
    """A listener with TLS, and the one beside it."""
    (port,) = free_ports(1)
    keys = {"tls": write(folder, "localhost"), "plain": {"port": port, "paths": paths}, **settings}
    intake = FakeIntake()
    async with listening(intake=intake, **keys) as secured:
        yield secured, Listener(port, intake)


@pytest.mark.parametrize(
    ("paths", "method", "path", "status"),
    [
        (["/ping"], "GET", "/ping", 200),
        (["/ping"], "GET", "/ping?a=b", 200),
        (["/ping"], "GET", "/healthz", 404),
        (["/ping"], "GET", "/metrics", 404),
        (["/ping"], "POST", "/", 404),
        (["/ping"], "POST", "/test", 404),
        (["/ping"], "POST", "/ping/other", 404),
        (["/healthz", "/metrics"], "POST", "/healthz", 200),
        (["/healthz", "/metrics"], "GET", "/metrics", 200),
        (["/test"], "POST", "/test", 200),
        (["/test"], "POST", "/", 404),
        (["/"], "POST", "/", 200),
        (["/"], "POST", "/any", 200),
        (["/"], "POST", "/v1/alerts", 200),
        (["/"], "GET", "/ping", 404),
    ],
)
async def test_the_plain_port_serves_its_paths_and_no_others(
    tmp_path: Path, paths: list[str], method: str, path: str, status: int
) -> None:
    async with both(tmp_path, *paths) as (_, plain):
        sent = request(method, path, alert() if method == "POST" else b"")
        assert split(await plain.send(sent))[0] == status


async def test_what_is_plain_is_served_with_tls_too(tmp_path: Path) -> None:
    async with both(tmp_path, "/ping") as (secured, _):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        reader, writer = await asyncio.open_connection("127.0.0.1", secured.port, ssl=context)
        writer.write(request("GET", "/ping", headers={"Connection": "close"}))
        assert split(await reader.read()) == (200, b"pong\n")
        writer.close()


async def test_tokens_are_asked_for_on_both_ports(tmp_path: Path) -> None:
    tokens = [{"name": "falco", "token": "sekret-token"}]
    async with both(tmp_path, "/", "/ping", tokens=tokens) as (_, plain):
        assert (await plain.post(alert()))[0] == 401
        assert (await plain.get("/ping"))[0] == 200
        assert (await plain.post(alert(), headers={"Authorization": "Bearer sekret-token"}))[
            0
        ] == 200


@pytest.mark.parametrize(
    "keys",
    [
        {"plain": {"paths": ["/ping"]}},
        {"plain": {"paths": []}, "tls": {"cert_file": "c", "key_file": "k"}},
        {"plain": {"paths": ["/other"]}, "tls": {"cert_file": "c", "key_file": "k"}},
    ],
)
def test_a_plain_port_wants_tls_beside_it_and_paths_that_there_are(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ListenConfig.model_validate(keys)


def test_the_port_is_falcosidekicks() -> None:
    keys = {"plain": {"paths": ["/ping"]}, "tls": {"cert_file": "c", "key_file": "k"}}
    plain = ListenConfig.model_validate(keys).plain
    assert plain is not None
    assert plain.port == 2810
