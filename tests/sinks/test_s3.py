"""S3: one object a batch under a key of its own, on a real server."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError

from sidekick.errors import Rejected, Retryable
from sidekick.sinks.s3 import Config, key, open_sink
from tests.sinks.conform_s3 import S3Stand, open_stand
from tests.sinks.conformance import envelope, identity
from tests.sinks.http_stand import Got, http_stand

KEYS = {"bucket": "alerts", "access_key_id": "key", "secret_access_key": "the-secret-key"}


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[S3Stand]:
    async with open_stand(tmp_path) as found:
        yield found


def opened(stand: S3Stand, **keys: Any) -> Any:
    return open_sink(Config.model_validate({**stand.keys, **keys}))


@pytest.mark.servers
class TestARealServer:
    async def test_a_batch_is_one_packed_object_of_lines(self, stand: S3Stand) -> None:
        async with opened(stand) as sink:
            await sink.send([envelope(n) for n in range(3)])
        (found,) = await stand.objects()
        lines = [json.loads(line) for line in found.text.splitlines()]
        assert [line["uuid"] for line in lines] == [identity(n) for n in range(3)]
        assert found.key.startswith(f"sidekick/2023/11/14/22/{identity(0)}-")
        assert found.about["ContentType"] == "application/x-ndjson"
        assert found.about["ContentEncoding"] == "gzip"

    async def test_a_batch_that_is_sent_again_takes_its_own_place(self, stand: S3Stand) -> None:
        batch = [envelope(n) for n in range(3)]
        async with opened(stand, prefix="a/b") as sink:
            await sink.send(batch)
            await sink.send(batch)
            await sink.send(batch[:2])
        found = await stand.objects()
        assert len(found) == 2
        assert all(one.key.startswith("a/b/2023/") for one in found)

    async def test_the_server_encrypts_with_the_key_that_it_is_told(self, stand: S3Stand) -> None:
        async with opened(stand, sse="aws:kms", kms_key_id="key-1") as sink:
            await sink.send([envelope(1)])
        (found,) = await stand.objects()
        assert found.about["ServerSideEncryption"] == "aws:kms"
        assert found.about["SSEKMSKeyId"] == "key-1"

    async def test_a_probe_leaves_no_alert(self, stand: S3Stand) -> None:
        async with opened(stand) as sink:
            await sink.probe()
        assert await stand.objects() == []

    @pytest.mark.parametrize(
        ("keys", "reason"),
        [
            ({"bucket": "no-such-bucket"}, "NoSuchBucket"),
            ({"secret_access_key": "another-secret"}, "SignatureDoesNotMatch"),
            ({"access_key_id": "nobody"}, "InvalidAccessKeyId"),
        ],
    )
    async def test_what_somebody_can_mend_may_pass(
        self, stand: S3Stand, keys: dict[str, str], reason: str
    ) -> None:
        async with opened(stand, **keys) as sink:
            with pytest.raises(Retryable, match=reason) as raised:
                await sink.probe()
        assert "another-secret" not in str(raised.value)


def test_the_key_tells_batches_apart_and_nothing_else() -> None:
    one, two = [envelope(1), envelope(2)], [envelope(1), envelope(3)]
    assert key("p", one) == key("p", one) != key("p", two)
    assert key("", one) == key("p", one).removeprefix("p/")


def refusing(status: int, code: str) -> Any:
    def take(got: Got) -> web.Response:
        body = f"<Error><Code>{code}</Code><Message>no the-secret-key</Message></Error>"
        return web.Response(
            status=status, text=body, content_type="application/xml", headers={"Retry-After": "7"}
        )

    return take


@pytest.mark.parametrize(
    ("status", "code", "raised"),
    [
        (503, "SlowDown", Retryable),
        (403, "AccessDenied", Retryable),
        (500, "InternalError", Retryable),
        (400, "EntityTooLarge", Rejected),
    ],
)
async def test_an_answer_means_that_it_may_pass_or_never_will(
    status: int, code: str, raised: type[Exception]
) -> None:
    async with (
        http_stand(refusing(status, code)) as stand,
        open_sink(Config.model_validate({**KEYS, "endpoint": stand.url})) as sink,
    ):
        with pytest.raises(raised, match=f"s3://alerts answered {status} {code}") as caught:
            await sink.send([envelope(1)])
    assert "the-secret-key" not in str(caught.value)
    assert getattr(caught.value, "after", 7) == 7
    assert len(stand.got) == 1, "only the lane tries again"


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        ({}, "/alerts/sidekick/"),
        ({"path_style": True}, "/alerts/sidekick/"),
        ({"prefix": ""}, "/alerts/2023/"),
    ],
)
async def test_the_bucket_stands_in_the_path_of_other_services(
    keys: dict[str, Any], asked: str
) -> None:
    async with (
        http_stand() as stand,
        open_sink(Config.model_validate({**KEYS, "endpoint": stand.url, **keys})) as sink,
    ):
        await sink.send([envelope(1)])
    assert stand.got[0].path.startswith(asked)


async def test_what_is_sent_is_packed() -> None:
    async with http_stand() as stand:
        stand.raw = True
        async with open_sink(Config.model_validate({**KEYS, "endpoint": stand.url})) as sink:
            await sink.send([envelope(n) for n in range(100)])
    (got,) = stand.got
    assert got.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(got.body).count(b"\n") == 100
    assert len(got.body) < len(gzip.decompress(got.body)) / 5


async def test_acl_and_storage_class_are_passed_on() -> None:
    more = {"acl": "bucket-owner-full-control", "storage_class": "STANDARD_IA", "sse": "AES256"}
    async with (
        http_stand() as stand,
        open_sink(Config.model_validate({**KEYS, "endpoint": stand.url, **more})) as sink,
    ):
        await sink.send([envelope(1)])
    headers = stand.got[0].headers
    assert headers["x-amz-acl"] == "bucket-owner-full-control"
    assert headers["x-amz-storage-class"] == "STANDARD_IA"
    assert headers["x-amz-server-side-encryption"] == "AES256"


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({"access_key_id": "a"}, "only one of them"),
        ({"kms_key_id": "k"}, "aws:kms"),
        ({"external_id": "x"}, "external_id is for role_arn"),
        ({"role_arn": "alerts"}, "pattern"),
        ({"tls": {"extra_ca_files": ["/a.pem"]}}, "tls.ca_file with all authorities"),
        ({"prefix": "/a"}, "pattern"),
        ({"endpoint": "ftp://x"}, "http"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(keys: dict[str, str], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        Config.model_validate({"bucket": "alerts", **keys})
