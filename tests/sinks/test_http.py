"""What an answer means, who is told what, and TLS towards real servers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from yarl import URL

from sidekick.errors import ConfigError, DeliveryError, Rejected, Retryable
from sidekick.section import Secret
from sidekick.sinks._http import HttpClient, HttpConfig, open_client, proxy_for, retry_after_secs
from sidekick.sinks._wire import Answer
from tests.sinks.http_stand import Got, HttpStand, http_stand

NOW = 1_700_000_000.0


def config(**keys: Any) -> HttpConfig:
    return HttpConfig.model_validate({"type": "http", "proxy": "none", **keys})


def client(*secrets: str) -> HttpClient:
    async def nobody(method: str, url: URL, headers: Any, body: bytes) -> Answer:
        raise AssertionError("nothing is sent")

    return HttpClient(URL("https://host.example:8443/x"), nobody, secrets=secrets)


@asynccontextmanager
async def sending(stand: HttpStand, **keys: Any) -> AsyncIterator[HttpClient]:
    async with open_client(config(**keys), f"{stand.url}/in", {"Content-Type": "a/b"}) as opened:
        yield opened


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Retryable),
        (400, Rejected),
        (401, Retryable),
        (403, Retryable),
        (404, Retryable),
        (408, Retryable),
        (410, Retryable),
        (413, Rejected),
        (422, Rejected),
        (425, Retryable),
        (429, Retryable),
        (500, Retryable),
        (503, Retryable),
        (599, Retryable),
    ],
)
def test_only_what_speaks_of_the_alert_rejects_it(status: int, kind: type[DeliveryError]) -> None:
    error = client().refusal(Answer(status, {}, b"because"))

    assert type(error) is kind
    assert str(error).startswith(f"host.example:8443 answered {status}: because")


@pytest.mark.parametrize("status", [429, 503])
def test_the_receivers_wish_for_a_pause_is_passed_on(status: int) -> None:
    error = client().refusal(Answer(status, {"Retry-After": "7"}, b""))

    assert isinstance(error, Retryable)
    assert error.after == 7


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        ("", None),
        ("0", 0.0),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-3", None),
        ("soon", None),
        ("99999999999999999999", None),
        ("Tue, 14 Nov 2023 22:13:50 GMT", 30.0),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0.0),
        ("Tue, 99 Nov 2023 22:13:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, secs: float | None) -> None:
    assert retry_after_secs({"Retry-After": text}, NOW) == secs


@given(st.text())
def test_no_retry_after_is_too_odd(text: str) -> None:
    secs = retry_after_secs({"Retry-After": text}, NOW)

    assert secs is None or secs >= 0


def test_an_answer_that_repeats_a_secret_is_told_without_it() -> None:
    told = str(client("hunter22", "hunter").refusal(Answer(400, {}, b"no hunter22 here")))

    assert told == "host.example:8443 answered 400: no *** here"


def test_an_answer_is_told_short_and_on_one_line() -> None:
    told = str(client().refusal(Answer(500, {}, b"a\r\n\x1b[31mb\n" + b"x" * 4000)))

    assert "a [31mb xxx" in told
    assert len(told) < 350


@pytest.mark.parametrize("redirect", ["https://elsewhere.example/", "/in/"])
async def test_a_redirection_is_not_followed(redirect: str) -> None:
    def answer(got: Got) -> web.Response:
        return web.Response(status=308, headers={"Location": redirect})

    async with http_stand(answer) as stand, sending(stand) as http:
        with pytest.raises(Retryable, match="correct the url"):
            await http.post(b"x")

        assert len(stand.got) == 1


async def test_headers_are_those_of_the_keys_then_our_own() -> None:
    keys = {"headers": {"X-Mine": "1", "content-type": "mine"}, "user": "u", "password": "p"}
    async with http_stand() as stand, sending(stand, **keys) as http:
        await http.post(b"x", {"X-Sidekick-Id": "i", "X-mine": "2"})

    headers = stand.got[0].headers
    assert headers["X-Mine"] == "1"
    assert headers["Content-Type"] == "mine"
    assert headers["X-Sidekick-Id"] == "i"
    assert headers["Authorization"] == "Basic dTpw"
    assert headers["User-Agent"] == "sidekick"


async def test_a_bearer_token_is_sent() -> None:
    async with http_stand() as stand, sending(stand, bearer_token="t0ken") as http:
        await http.post(b"x")

    assert stand.got[0].headers["Authorization"] == "Bearer t0ken"


async def test_a_large_body_arrives_whole() -> None:
    async with http_stand() as stand, sending(stand) as http:
        await http.post(b"x" * 900_000)

    assert len(stand.got[0].body) == 900_000


async def test_a_connection_that_the_server_closed_meanwhile_costs_no_retry() -> None:
    async with http_stand() as stand, sending(stand) as http:
        await http.post(b"1")
        await stand.stop()
        await stand.start()
        await http.post(b"2")

    assert [got.body for got in stand.got] == [b"1", b"2"]


async def test_a_name_that_does_not_exist_says_so() -> None:
    async with open_client(config(), "http://nowhere.invalid/x", {}) as http:
        with pytest.raises(Retryable, match=r"^nowhere\.invalid: its name cannot be resolved"):
            await http.post(b"x")


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("http://host.example/", "host.example"),
        ("http://host.example:80/", "host.example"),
        ("https://host.example:8443/", "host.example:8443"),
        ("http://[::1]:81/", "[::1]:81"),
        ("http://me:pw@bücher.example/", "xn--bcher-kva.example"),
    ],
)
def test_a_host_is_named_as_in_the_host_header(address: str, host: str) -> None:
    async def nobody(method: str, url: URL, headers: Any, body: bytes) -> Answer:
        raise AssertionError("nothing is sent")

    assert HttpClient(URL(address), nobody).host == host


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def server_context(authority: trustme.CA, clients: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    if clients:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def write_files(authority: trustme.CA, folder: Path) -> dict[str, str]:
    ours = authority.issue_cert("sidekick.example")
    paths = {name: str(folder / f"{name}.pem") for name in ("ca_file", "cert_file", "key_file")}
    authority.cert_pem.write_to_path(paths["ca_file"])
    ours.cert_chain_pems[0].write_to_path(paths["cert_file"])
    ours.private_key_pem.write_to_path(paths["key_file"])
    return paths


async def test_a_certificate_that_nobody_vouches_for_is_refused(authority: trustme.CA) -> None:
    async with http_stand(tls=server_context(authority)) as stand, sending(stand) as http:
        with pytest.raises(Retryable, match="its certificate is not trusted"):
            await http.post(b"x")

    assert stand.got == []


async def test_a_certificate_of_our_own_authority_is_trusted(
    authority: trustme.CA, tmp_path: Path
) -> None:
    tls = {"ca_file": write_files(authority, tmp_path)["ca_file"]}
    async with http_stand(tls=server_context(authority)) as stand:
        async with sending(stand, tls=tls) as http:
            await http.post(b"x")

        assert stand.got[0].body == b"x"


async def test_a_certificate_of_another_name_is_refused(
    authority: trustme.CA, tmp_path: Path
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)
    tls = {"ca_file": write_files(authority, tmp_path)["ca_file"]}
    async with http_stand(tls=context) as stand, sending(stand, tls=tls) as http:
        with pytest.raises(Retryable, match="not trusted"):
            await http.post(b"x")


async def test_verification_can_be_switched_off(authority: trustme.CA) -> None:
    async with http_stand(tls=server_context(authority)) as stand:
        async with sending(stand, tls={"verify": False}) as http:
            await http.post(b"x")

        assert len(stand.got) == 1


async def test_our_own_certificate_is_shown_to_who_asks(
    authority: trustme.CA, tmp_path: Path
) -> None:
    files = write_files(authority, tmp_path)
    async with http_stand(tls=server_context(authority, clients=True)) as stand:
        async with sending(stand, tls=files) as http:
            await http.post(b"x")
        async with sending(stand, tls={"ca_file": files["ca_file"]}) as http:
            with pytest.raises(Retryable):
                await http.post(b"y")

        assert [got.body for got in stand.got] == [b"x"]


@pytest.mark.parametrize("missing", ["ca_file", "cert_file"])
async def test_a_file_that_is_missing_is_named(
    missing: str, authority: trustme.CA, tmp_path: Path
) -> None:
    files = write_files(authority, tmp_path) | {missing: str(tmp_path / f"no-{missing}.pem")}

    with pytest.raises(ConfigError, match=f"{missing}.pem"):
        async with open_client(config(tls=files), "https://127.0.0.1:1/", {}):
            pass


def test_a_certificate_without_its_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="cert_file and key_file"):
        config(tls={"cert_file": "/x"})


# -- proxies -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wish", "variables", "found"),
    [
        ("", {}, None),
        ("", {"http_proxy": "http://p:1"}, "http://p:1"),
        ("", {"https_proxy": "http://p:1"}, None),
        ("", {"http_proxy": "http://p:1", "no_proxy": "host.example"}, None),
        ("none", {"http_proxy": "http://p:1"}, None),
        ("http://q:2", {"http_proxy": "http://p:1"}, "http://q:2"),
    ],
)
def test_the_proxy_is_the_keys_or_the_environments(
    wish: str, variables: dict[str, str], found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    proxy = proxy_for(config(proxy=wish), URL("http://host.example/x"))

    assert proxy == (None if found is None else URL(found))


async def test_requests_go_through_the_proxy() -> None:
    async with http_stand() as stand:
        proxy = f"http://me:pass-w0rd@127.0.0.1:{stand.port}"
        async with open_client(config(proxy=proxy), "http://far.example/in", {}) as http:
            await http.post(b"x", {"X-Sidekick-Id": "i"})
            async with stand.fault("429"):
                with pytest.raises(Retryable) as caught:
                    await http.post(b"y")

    assert stand.got[0].headers["Host"] == "far.example"
    assert stand.got[0].headers["X-Sidekick-Id"] == "i"
    assert "pass-w0rd" not in str(caught.value)


async def test_a_dead_proxy_says_so_without_its_credentials() -> None:
    async with http_stand() as stand:
        port = stand.port
    proxy = f"http://me:pass-w0rd@127.0.0.1:{port}"
    async with open_client(config(proxy=proxy), "http://far.example/in", {}) as http:
        with pytest.raises(Retryable, match=r"far\.example: cannot reach the proxy") as caught:
            await http.post(b"x")

    assert "pass-w0rd" not in str(caught.value)


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"user": "u", "bearer_token": "t"}, "found both"),
        ({"headers": {"bad name": "x"}}, "no name of a header"),
        ({"headers": {"x": "a\r\nInjected: b"}}, "control character"),
    ],
)
def test_keys_that_cannot_be_used_are_refused(keys: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        config(**keys)


async def test_a_secret_address_is_hidden_and_an_open_one_is_not() -> None:
    async with http_stand(lambda got: web.Response(status=400, text=got.path)) as stand:
        for address, told in ((f"{stand.url}/hide-me", "***"), (f"{stand.url}/see", "/see")):
            shown = Secret(address) if told == "***" else address
            async with open_client(config(), shown, {}) as http:
                with pytest.raises(Rejected, match=f": {told.replace('*', '.')}$"):
                    await http.post(b"x")


async def test_a_cancelled_request_leaves_the_client_usable() -> None:
    async with http_stand() as stand, sending(stand) as http:
        async with stand.fault("hanging") as met:
            waiting = asyncio.create_task(http.post(b"1"))
            await met.wait()
            waiting.cancel()
        await http.post(b"2")

    assert [got.body for got in stand.got] == [b"2"]
