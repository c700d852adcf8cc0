from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from sidekick.listener.tls import TlsConfig
from sidekick.section import Secret
from sidekick.web.admin import AdminConfig
from sidekick.web.guard import BODY_LIMIT
from tests.web.fake_hub import Admin, FakeHub

LOCAL = AdminConfig()
NETWORK = AdminConfig(address="0.0.0.0", token=Secret("s3cret"))


def client_of(config: AdminConfig) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(Admin(FakeHub(), config).app)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:2802")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:2802", "localhost", "LOCALHOST:80", "[::1]:2802", "127.8.9.1", "a.localhost"],
)
async def test_a_loopback_listener_may_be_called_as_this_machine(host: str) -> None:
    async with client_of(LOCAL) as client:
        answer = await client.get("/api/v1/version", headers={"Host": host})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "host", ["evil.example:2802", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1", "localhost.x"]
)
@pytest.mark.parametrize("path", ["/api/v1/version", "/docs"])
async def test_a_name_rebound_to_the_loopback_is_refused(host: str, path: str) -> None:
    async with client_of(LOCAL) as client:
        answer = await client.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert "call it as 127.0.0.1" in answer.json()["detail"]


async def test_a_host_of_the_configuration_is_let_through() -> None:
    async with client_of(AdminConfig(hosts=("Sidekick.internal",))) as client:
        answer = await client.get("/api/v1/version", headers={"Host": "sidekick.internal"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_a_page_of_another_site_is_refused(headers: dict[str, str]) -> None:
    async with client_of(LOCAL) as client:
        answer = await client.post("/api/v1/reload", headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1:2802"}, {"Sec-Fetch-Site": "same-origin"}],
)
async def test_a_page_of_our_own_is_let_through(headers: dict[str, str]) -> None:
    async with client_of(LOCAL) as client:
        answer = await client.post("/api/v1/reload", headers=headers)
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_a_link_from_another_site_may_lead_to_the_documentation() -> None:
    async with client_of(LOCAL) as client:
        answer = await client.get("/docs", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [None, "", "s3cret", "Bearer", "Bearer s3cre", "Bearer s3cretx", "Basic s3cret"],
)
async def test_a_call_without_the_token_is_refused(authorization: str | None) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with client_of(NETWORK) as client:
        answer = await client.get("/api/v1/version", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "s3cret" not in answer.text


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
async def test_the_token_opens_the_api_under_any_name(scheme: str) -> None:
    headers = {"Authorization": f"{scheme} s3cret", "Host": "hub.example:2802"}
    async with client_of(NETWORK) as client:
        answer = await client.get("/api/v1/version", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "path", ["/metrics", "/nope", "/api/v1/nope", "/docs/", "/static/../api/v1/config"]
)
async def test_only_the_documentation_is_open_without_the_token(path: str) -> None:
    async with client_of(NETWORK) as client:
        assert (await client.get(path)).status_code == 401
        assert (await client.get("/docs")).status_code == 200


async def test_a_large_body_is_refused() -> None:
    async with client_of(LOCAL) as client:
        answer = await client.post("/api/v1/explain", content=b"x" * (BODY_LIMIT + 1))
    assert answer.status_code == 413


async def test_a_large_body_without_a_length_is_refused() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 65536 + 1):
            yield b"x" * 65536

    async with client_of(LOCAL) as client:
        answer = await client.post("/api/v1/dead/drop", content=chunks())
    assert answer.status_code == 413


@pytest.mark.parametrize("path", ["/docs", "/api/v1/version", "/api/v1/nope"])
async def test_every_answer_tells_browsers_to_trust_nothing(path: str) -> None:
    async with client_of(LOCAL) as client:
        headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.1.2.3", "hub.example"])
def test_an_open_door_to_the_network_is_no_configuration(address: str) -> None:
    with pytest.raises(ValueError, match=r"open to the network at .*: set admin\.token"):
        AdminConfig(address=address)
    AdminConfig(address=address, token=Secret("t"))
    AdminConfig(address=address, enabled=False)


@pytest.mark.parametrize("token", ["", " "])
def test_an_empty_token_is_no_configuration(token: str) -> None:
    with pytest.raises(ValueError, match="the token is empty"):
        AdminConfig(token=Secret(token))


def test_client_certificates_close_the_door_too() -> None:
    tls = TlsConfig(cert_file="a.pem", key_file="b.pem", client_ca_file="ca.pem")
    assert AdminConfig(address="0.0.0.0", tls=tls).token is None
