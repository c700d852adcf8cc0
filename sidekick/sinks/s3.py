"""S3, and whatever speaks its protocol: one gzip object of JSON lines per batch (boto3)."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, TypeVar

from pydantic import Field, model_validator

from sidekick.errors import DeliveryError, Rejected, Retryable
from sidekick.model import Envelope
from sidekick.section import Secret
from sidekick.sinks import LaneConfig, Sink, SinkConfig
from sidekick.sinks._clean import cleaner
from sidekick.sinks._each import send_each
from sidekick.sinks._falcosidekick import Compat
from sidekick.sinks._falcosidekick import s3 as compatible
from sidekick.sinks._falcosidekick.payload import canonical
from sidekick.sinks._http import Url
from sidekick.sinks._s3_puts import Keys, Puts, Target, target
from sidekick.sinks._s3_role import as_role
from sidekick.sinks._tls import TlsConfig, client_context

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")

_CONNECT_SECS = 10.0
_GZIP_LEVEL = 1
_THREADS = 16
_COMPAT_LANE = {"batch_items": 1, "batch_age": 0, "concurrency": 64}
# The object itself is refused; everything else (a bucket, a key, a quota) somebody can mend.
_REFUSED = frozenset({"EntityTooLarge", "InvalidDigest", "MalformedXML", "KeyTooLongError"})


class Config(SinkConfig):
    """A bucket."""

    example: ClassVar[str] = """\
type: s3
bucket: security-alerts
region: eu-central-1
sse: aws:kms
"""

    type: Literal["s3"] = "s3"
    bucket: str = Field(min_length=3, max_length=255)
    """The bucket; it must be there."""
    prefix: str = Field("sidekick", pattern=r"^[^/].*[^/]$|^[^/]?$", max_length=500)
    """The first part of every key: `sidekick/2026/01/31/23/ID.ndjson.gz`, by the time (UTC) at
    which the first alert came. A batch that is sent again has the same key."""
    region: str = ""
    """The region; when empty, what the AWS SDK finds (`AWS_REGION`, a profile)."""
    endpoint: Url | Literal[""] = ""
    """The address of a service other than AWS's own."""
    path_style: bool | None = None
    """Whether the bucket stands in the path and not in the host's name; when not set, only with an
    `endpoint`."""
    access_key_id: str = ""
    """The access key; when empty, what the AWS SDK finds (environment, profile, role of the pod or
    machine). It needs `s3:PutObject` and nothing more."""
    secret_access_key: Secret = Secret("")
    """The secret that belongs to `access_key_id`."""
    session_token: Secret = Secret("")
    """The token that belongs to temporary credentials."""
    role_arn: str = Field("", pattern=r"^(arn:[a-z-]+:iam::\d{12}:role/\S+)?$")
    """A role to assume with these credentials, and in its name to write."""
    external_id: str = ""
    """The external id that the role wants, if it wants one."""
    sse: Literal["", "AES256", "aws:kms"] = ""
    """Encryption on the server's side, where the bucket does not already see to it."""
    kms_key_id: str = ""
    """The key for `sse: aws:kms`; when empty, the account's own for S3."""
    acl: str = Field("", pattern=r"^[a-z-]*$")
    """A canned ACL such as `bucket-owner-full-control`."""
    storage_class: str = Field("", pattern=r"^[A-Z_]*$")
    """A storage class such as `STANDARD_IA`."""
    tls: TlsConfig = TlsConfig()
    """Certificates, for an `https` endpoint."""
    compat: Compat = ""
    """`falcosidekick`: an object of JSON an alert, as that writes it, with a key such as
    `falco/2026-01-31/2026-01-31T10:20:30.123456789Z.json` (UTC). `lane` then begins with
    `batch_items: 1`, `batch_age: 0`, `concurrency: 64`."""
    lane: LaneConfig = LaneConfig(
        batch_items=5000, batch_bytes=8 * 2**20, batch_age=10.0, concurrency=2, timeout=60.0
    )

    @model_validator(mode="before")
    @classmethod
    def _one_an_object(cls, value: Any) -> Any:
        if not isinstance(value, dict) or not value.get("compat"):
            return value
        lane = value.get("lane", {})
        return value | {"lane": _COMPAT_LANE | lane if isinstance(lane, dict) else lane}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.access_key_id) != bool(self.secret_access_key.get_secret_value()):
            raise ValueError("wanted access_key_id and secret_access_key, found only one of them")
        if self.tls.extra_ca_files:
            raise ValueError("wanted tls.ca_file with all authorities: boto3 takes one file")
        if self.external_id and not self.role_arn:
            raise ValueError("external_id is for role_arn")
        if self.kms_key_id and self.sse != "aws:kms":
            raise ValueError("kms_key_id is for sse: aws:kms")
        return self


class S3:
    """Puts objects from a few threads, as boto3 knows no event loop; ``puts`` is for small ones."""

    def __init__(
        self,
        config: Config,
        client: S3Client,
        threads: ThreadPoolExecutor,
        puts: Puts | None = None,
    ) -> None:
        self._config = config
        self._client = client
        self._threads = threads
        self._puts = puts
        self._more = _arguments(config)
        self._clean = cleaner((config.secret_access_key, config.session_token))

    async def send(self, batch: Sequence[Envelope]) -> None:
        if self._config.compat:
            await send_each(batch, self._send_one)
        else:
            await self._run(partial(self._put, key(self._config.prefix, batch), batch))

    async def _send_one(self, envelope: Envelope) -> None:
        name = compatible.key(self._config.prefix, envelope)
        body = canonical(envelope)
        if self._puts is not None and await self._puts.put(name, body):
            return
        put = partial(self._client.put_object, Bucket=self._config.bucket, Key=name, Body=body)
        await self._run(partial(put, **self._more))

    async def probe(self) -> None:
        """Put an empty object: a right to look at the bucket is not needed otherwise."""
        name = "/".join(filter(None, (self._config.prefix, ".probe")))
        await self._run(partial(self._put, name, ()))

    def _put(self, name: str, batch: Sequence[Envelope]) -> None:
        lines = b"".join([envelope.body + b"\n" for envelope in batch])
        self._client.put_object(
            Bucket=self._config.bucket,
            Key=name,
            Body=gzip.compress(lines, _GZIP_LEVEL, mtime=0),
            ContentType="application/x-ndjson",
            ContentEncoding="gzip",
            **self._more,
        )

    async def _run(self, work: Callable[[], object]) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except ClientError as error:
            raise self._meaning(error.response) from error
        except (BotoCoreError, OSError, ValueError) as error:
            raise Retryable(f"{self._name()}: {self._clean(str(error))}") from error

    def _meaning(self, response: Any) -> DeliveryError:
        told, about = response.get("Error", {}), response.get("ResponseMetadata", {})
        code, text = str(told.get("Code", "")), str(told.get("Message", ""))
        status = about.get("HTTPStatusCode", "")
        reason = f"{self._name()} answered {status} {self._clean(f'{code}: {text}')}"
        if code in _REFUSED:
            return Rejected(reason)
        after = str(about.get("HTTPHeaders", {}).get("retry-after", ""))
        return Retryable(reason, float(after) if after.isdigit() else None)

    def _name(self) -> str:
        return f"s3://{self._config.bucket}"


def key(prefix: str, batch: Sequence[Envelope]) -> str:
    """The key of a batch's object: by its first alert, and by all alerts that it has."""
    first = batch[0]
    when = datetime.fromtimestamp(first.received_ns // 1_000_000_000, UTC)
    digest = blake2b("".join([e.id for e in batch]).encode(), digest_size=4).hexdigest()
    name = f"{when:%Y/%m/%d/%H}/{first.id}-{digest}.ndjson.gz"
    return f"{prefix}/{name}" if prefix else name


def _arguments(config: Config) -> dict[str, Any]:
    more = {
        "ServerSideEncryption": config.sse,
        "SSEKMSKeyId": config.kms_key_id,
        "ACL": config.acl,
        "StorageClass": config.storage_class,
    }
    return {name: value for name, value in more.items() if value}


def _session(config: Config) -> Session:
    """Whose credentials count."""
    import boto3

    own = boto3.session.Session(
        aws_access_key_id=config.access_key_id or None,
        aws_secret_access_key=config.secret_access_key.get_secret_value() or None,
        aws_session_token=config.session_token.get_secret_value() or None,
    )
    if not config.role_arn:
        return own
    return as_role(own, config.role_arn, config.external_id, config.region or "us-east-1")


def _connect(config: Config, session: Session) -> S3Client:
    from botocore.config import Config as BotoConfig

    path_style = bool(config.endpoint) if config.path_style is None else config.path_style
    tls = config.tls
    client: S3Client = session.client(
        "s3",
        region_name=config.region or ("us-east-1" if config.endpoint else None),
        endpoint_url=config.endpoint or None,
        verify=str(tls.ca_file) if tls.verify and tls.ca_file else tls.verify,
        config=BotoConfig(
            connect_timeout=_CONNECT_SECS,
            read_timeout=config.lane.timeout,
            # The lane is the only place that tries again.
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=_THREADS,
            s3={"addressing_style": "path" if path_style else "auto"},
            # Services that are not AWS's own do not all know the newer checksums.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            client_cert=(str(tls.cert_file), str(tls.key_file)) if tls.cert_file else None,
            user_agent_extra="sidekick",
        ),
    )
    return client


def _target(client: S3Client, config: Config) -> Target | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return target(client, config.bucket, **_arguments(config)) if config.compat else None
    except (BotoCoreError, ClientError, ValueError):  # boto3 tells it of each put
        return None


def _keys(session: Session) -> Keys | None:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except (BotoCoreError, ClientError, ValueError):  # boto3 tells it of each put
        return None
    return Keys(keys.access_key or "", keys.secret_key or "", keys.token or "") if keys else None


@asynccontextmanager
async def _quick(
    found: Target | None, config: Config, session: Session
) -> AsyncIterator[Puts | None]:
    if found is None:
        yield None
        return
    is_tls = found.url.scheme == "https"
    context = await asyncio.to_thread(client_context, config.tls) if is_tls else None
    puts = Puts(found, context, partial(_keys, session))
    try:
        yield puts
    finally:
        puts.close()


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """A client for the bucket; importing boto3 and its tables takes a quarter of a second."""
    threads = ThreadPoolExecutor(min(config.lane.concurrency, _THREADS), thread_name_prefix="s3")
    run = partial(asyncio.get_running_loop().run_in_executor, threads)
    session = await run(_session, config)
    client = await run(_connect, config, session)
    try:
        async with _quick(await run(_target, client, config), config, session) as puts:
            yield S3(config, client, threads, puts)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        client.close()
