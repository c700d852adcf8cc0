"""The bucket is written to in the name of a role, against a stand-in for STS and S3."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sidekick.errors import Retryable
from sidekick.sinks.s3 import Config, open_sink
from tests.servers.answering import Quiet, serving
from tests.sinks.conformance import envelope

ROLE = "arn:aws:iam::123456789012:role/alerts"
_ASSUMED = """\
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<Credentials><AccessKeyId>ROLEKEY</AccessKeyId><SecretAccessKey>role-secret</SecretAccessKey>
<SessionToken>role-token</SessionToken><Expiration>{end}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""


class Aws:
    """What was asked of STS, and the headers with which objects came."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[dict[str, str]] = []
        self.put: list[dict[str, str]] = []
        self.refuses = False
        self.lasts = timedelta(hours=1)

    def assume(self, query: str) -> tuple[int, bytes]:
        """The answer of STS."""
        self.asked.append(dict(urllib.parse.parse_qsl(query)))
        if self.refuses:
            return 403, b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        end = datetime.now(UTC) + self.lasts
        return 200, _ASSUMED.format(end=f"{end:%Y-%m-%dT%H:%M:%SZ}").encode()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """A server that is both."""
    found = Aws()

    class Handler(Quiet):
        protocol_version = "HTTP/1.1"  # with it, boto3's wait for 100 Continue is answered

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(*found.assume(body))

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            found.put.append({name.lower(): text for name, text in self.headers.items()})
            self._answer(200, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with serving(Handler) as port:
        found.url = f"http://127.0.0.1:{port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", found.url)
        yield found


def config(aws: Aws, **keys: Any) -> Config:
    own = {"access_key_id": "OWNKEY", "secret_access_key": "own-secret", "role_arn": ROLE}
    return Config.model_validate({"bucket": "alerts", "endpoint": aws.url, **own, **keys})


async def test_an_object_is_written_with_the_roles_credentials(aws: Aws) -> None:
    async with open_sink(config(aws, external_id="an-id")) as sink:
        await sink.send([envelope(1)])
        await sink.send([envelope(2)])
    (asked,) = aws.asked
    assert (asked["RoleArn"], asked["ExternalId"]) == (ROLE, "an-id")
    assert len(aws.put) == 2
    for headers in aws.put:
        assert "Credential=ROLEKEY/" in headers["authorization"]
        assert headers["x-amz-security-token"] == "role-token"


async def test_credentials_that_end_are_renewed(aws: Aws) -> None:
    aws.lasts = timedelta(minutes=5)  # boto3 renews those that last less than ten minutes
    async with open_sink(config(aws)) as sink:
        await sink.send([envelope(1)])
        await sink.send([envelope(2)])
    assert len(aws.asked) >= 2
    assert "ExternalId" not in aws.asked[0]


async def test_a_role_that_is_refused_may_be_granted_later(aws: Aws) -> None:
    aws.refuses = True
    async with open_sink(config(aws)) as sink:
        with pytest.raises(Retryable, match="AccessDenied"):
            await sink.send([envelope(1)])
        aws.refuses = False
        await sink.send([envelope(1)])
    assert len(aws.put) == 1


async def test_without_a_role_its_own_credentials_count(aws: Aws) -> None:
    async with open_sink(config(aws, role_arn="")) as sink:
        await sink.send([envelope(1)])
    assert aws.asked == []
    assert "Credential=OWNKEY/" in aws.put[0]["authorization"]
