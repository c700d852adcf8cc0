"""The webhook: what is sent, and that a receiver can check where it comes from."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from sidekick.errors import PartlyDelivered, Rejected, Retryable
from sidekick.sinks import Sink
from sidekick.sinks.webhook import Config, open_sink, signature
from tests.sinks.conformance import envelope, identity
from tests.sinks.http_stand import HttpStand, http_stand


@asynccontextmanager
async def sending(**keys: Any) -> AsyncIterator[tuple[HttpStand, Sink]]:
    async with http_stand() as stand:
        config = Config.model_validate({"url": f"{stand.url}/hook?a=%20b", **keys})
        async with open_sink(config) as sink:
            yield stand, sink


async def test_an_alert_is_posted_as_its_document() -> None:
    async with sending() as (stand, sink):
        await sink.send([envelope(1)])

    (got,) = stand.got
    assert (got.method, got.path) == ("POST", "/hook?a=%20b")
    assert got.body == envelope(1).body
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["X-Sidekick-Id"] == identity(1)


async def test_the_method_can_be_put() -> None:
    async with sending(method="PUT") as (stand, sink):
        await sink.send([envelope(1)])

    assert stand.got[0].method == "PUT"


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ({}, "object"),
        ({"lane": {"batch_items": 9}}, "array"),
        ({"format": "ndjson"}, "ndjson"),
        ({"format": "array"}, "array"),
        ({"format": "object", "lane": {"batch_items": 9}}, "object"),
    ],
)
def test_the_shape_follows_the_batch_unless_it_is_set(keys: dict[str, Any], shape: str) -> None:
    assert Config.model_validate({"url": "http://h/", **keys}).shape == shape


async def test_a_batch_can_be_an_array() -> None:
    async with sending(format="array") as (stand, sink):
        await sink.send([envelope(n) for n in range(3)])

    assert [one["uuid"] for one in json.loads(stand.got[0].body)] == [identity(n) for n in range(3)]


async def test_a_batch_can_be_lines() -> None:
    async with sending(format="ndjson") as (stand, sink):
        await sink.send([envelope(n) for n in range(3)])

    (got,) = stand.got
    assert got.headers["Content-Type"] == "application/x-ndjson"
    assert got.body.splitlines() == [envelope(n).body for n in range(3)]


async def test_a_batch_sent_again_has_the_same_id_and_another_batch_another() -> None:
    async with sending(format="array") as (stand, sink):
        await sink.send([envelope(1), envelope(2)])
        await sink.send([envelope(1), envelope(2)])
        await sink.send([envelope(1), envelope(3)])

    first, again, other = (got.headers["X-Sidekick-Id"] for got in stand.got)
    assert first == again != other


@pytest.mark.parametrize("zipped", [False, True])
async def test_a_receiver_can_check_the_signature(zipped: bool) -> None:
    async with sending(sign="key-1", gzip=zipped) as (stand, sink):
        await sink.send([envelope(1)])

    (got,) = stand.got
    parts = dict(p.split("=", 1) for p in got.headers["X-Sidekick-Signature"].split(","))
    if not zipped:  # the stand has decompressed the body
        signed = f"{parts['t']}.".encode() + got.body
        assert parts["v1"] == hmac.new(b"key-1", signed, hashlib.sha256).hexdigest()
    assert got.body == envelope(1).body


def test_a_signature_is_as_documented() -> None:
    # echo -n '1700000000.{}' | openssl dgst -sha256 -hmac secret
    assert signature(b"secret", 1_700_000_000, b"{}") == (
        "t=1700000000,v1=b8569b78799ff9e3cbff0fc2d63a33a2b57f3282abd07c37ae5e8e7d79a5f163"
    )


async def test_one_that_is_refused_does_not_hold_up_the_others() -> None:
    async with sending(format="object") as (stand, sink):

        async def answer_400_to_the_second(got: Any) -> Any:
            from aiohttp import web

            return web.Response(status=400 if identity(1).encode() in got.body else 200)

        stand.answer = answer_400_to_the_second
        with pytest.raises(PartlyDelivered) as caught:
            await sink.send([envelope(n) for n in range(3)])

    assert set(caught.value.failed) == {1}
    assert isinstance(caught.value.failed[1], Rejected)


async def test_after_a_failure_that_may_pass_the_rest_waits() -> None:
    async with sending(format="object") as (stand, sink):
        async with stand.fault("500"):
            with pytest.raises(PartlyDelivered) as caught:
                await sink.send([envelope(n) for n in range(3)])
        assert stand.got == []

    assert all(isinstance(error, Retryable) for error in caught.value.failed.values())
    assert set(caught.value.failed) == {0, 1, 2}


@pytest.mark.parametrize("url", ["", "ftp://h/", "/path", "http://", "http://[::1"])
def test_an_address_that_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValidationError, match="wanted a URL") as caught:
        Config.model_validate({"url": url})

    assert not url or f"'{url}'" not in str(caught.value)
