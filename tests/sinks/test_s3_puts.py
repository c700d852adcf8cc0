"""Our own puts are the ones that boto3 makes, but for what they cost."""

from __future__ import annotations

import calendar
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
from aiohttp import web
from botocore.config import Config as BotoConfig
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import Retryable
from sidekick.sinks import _s3_puts
from sidekick.sinks._s3_puts import Keys, Puts, Signer, target
from sidekick.sinks.s3 import Config, open_sink
from tests.sinks.conformance import envelope
from tests.sinks.http_stand import Got, http_stand

ACL = {"ACL": "bucket-owner-full-control"}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def client(token: str = "", **more: Any) -> Any:
    session = boto3.session.Session("access", "secret", token or None)
    config = BotoConfig(request_checksum_calculation="when_required")
    return session.client("s3", config=config, **{"region_name": "eu-central-1", **more})


class Prepared(Exception):
    """The request that boto3 would have sent."""


def prepared(s3: Any, key: str, body: bytes) -> Any:
    def see(request: Any, **_: Any) -> None:
        raise Prepared(request)

    s3.meta.events.register("before-send.s3.PutObject", see)
    try:
        s3.put_object(Bucket="alerts", Key=key, Body=body, **ACL)
    except Prepared as seen:
        return seen.args[0]
    finally:
        s3.meta.events.unregister("before-send.s3.PutObject", see)


def text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode()


def signed_alike(s3: Any, key: str, body: bytes, token: str = "") -> None:
    """Path and signature are boto3's for the same moment."""
    theirs = prepared(s3, key, body)
    date = time.strptime(text(theirs.headers["X-Amz-Date"]), "%Y%m%dT%H%M%SZ")
    found = target(s3, "alerts", **ACL)
    assert found is not None
    head = Signer(found).head(key, body, Keys("access", "secret", token), calendar.timegm(date))
    lines = head.decode().split("\r\n")
    assert lines[0] == f"PUT {urlsplit(theirs.url).path} HTTP/1.1"
    assert f"Authorization: {text(theirs.headers['Authorization'])}" in lines
    assert f"Host: {urlsplit(theirs.url).netloc}" in lines


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"region_name": "us-east-1"},
        {"region_name": "us-gov-west-1"},
        {"endpoint_url": "http://127.0.0.1:9000"},
        {"endpoint_url": "https://s3.example/storage"},
    ],
    ids=str,
)
def test_a_put_is_signed_as_boto3_signs_it(more: dict[str, str]) -> None:
    signed_alike(client(**more), "falco/2026-01-31/2026-01-31T10:20:30.123456789Z.json", b"{}")


def test_temporary_credentials_are_signed_with_their_token() -> None:
    signed_alike(client(token="for-an-hour"), "a.json", b"{}", "for-an-hour")


@pytest.fixture(scope="module")
def one_client() -> Iterator[Any]:
    found = client()
    yield found
    found.close()


@given(key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=40), body=st.binary())
def test_any_key_and_body_are_signed_as_boto3_signs_them(
    one_client: Any, key: str, body: bytes
) -> None:
    signed_alike(one_client, key, body)


def test_what_goes_another_way_is_boto3s_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    unsigned = boto3.session.Session("access", "secret").client(
        "s3", region_name="eu-central-1", config=BotoConfig(signature_version="s3")
    )
    assert target(unsigned, "alerts") is None
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert target(client(), "alerts") is None


def compatible(url: str, **more: Any) -> Config:
    keys = {"bucket": "alerts", "access_key_id": "key", "secret_access_key": "the-secret-key"}
    return Config.model_validate({**keys, "endpoint": url, "compat": "falcosidekick", **more})


async def test_each_alert_is_an_object_and_the_connection_stays() -> None:
    async with http_stand() as stand:
        config = compatible(stand.url, acl="private", session_token="for-an-hour")
        async with open_sink(config) as sink:
            for n in range(3):
                await sink.send([envelope(n)])
    assert [got.path.partition("/sidekick/")[0] for got in stand.got] == ["/alerts"] * 3
    assert len({got.path for got in stand.got}) == 3
    assert stand.got[0].headers["X-Amz-Acl"] == "private"
    assert stand.got[0].headers["X-Amz-Security-Token"] == "for-an-hour"
    assert "Expect" not in stand.got[0].headers


async def test_what_is_not_taken_boto3_tries_and_tells() -> None:
    def take(got: Got) -> web.Response:
        text = "<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        return web.Response(status=403, text=text, content_type="application/xml")

    async with http_stand(take) as stand, open_sink(compatible(stand.url)) as sink:
        with pytest.raises(Retryable, match="s3://alerts answered 403 AccessDenied: no"):
            await sink.send([envelope(1)])
    ours, theirs = stand.got
    assert "Expect" not in ours.headers
    assert "Amz-Sdk-Request" in theirs.headers
    assert ours.path == theirs.path


async def test_credentials_are_renewed_now_and_then_and_without_any_nothing_is_put(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renewed = [Keys("first", "secret", ""), Keys("second", "secret", ""), None]
    async with http_stand() as stand:
        found = target(client(endpoint_url=stand.url), "alerts")
        assert found is not None
        puts = Puts(found, None, lambda: renewed.pop(0))
        taken = [await puts.put("one", b"{}"), await puts.put("two", b"{}")]
        monkeypatch.setattr(_s3_puts, "_CREDENTIALS_SECS", 0.0)
        puts._renew_at = 0.0
        taken += [await puts.put("three", b"{}"), await puts.put("four", b"{}")]
        puts.close()
    assert taken == [True, True, True, False]
    used = [got.headers["Authorization"].split("Credential=")[1] for got in stand.got]
    assert [one.partition("/")[0] for one in used] == ["first", "first", "second"]


async def test_without_an_answer_boto3_tells(unused_tcp_port: int) -> None:
    async with open_sink(compatible(f"http://127.0.0.1:{unused_tcp_port}")) as sink:
        with pytest.raises(Retryable, match="s3://alerts: Could not connect"):
            await sink.send([envelope(1)])


async def test_without_credentials_boto3_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    config = compatible("http://127.0.0.1:9", access_key_id="", secret_access_key="")
    async with open_sink(config) as sink:
        with pytest.raises(Retryable, match="Unable to locate credentials"):
            await sink.send([envelope(1)])
