"""Elasticsearch 8 and 9: alerts as documents, written with the bulk API.

Each alert is created under its own id, so one that is sent again is not there twice: in a dated
index never, in a data stream unless the stream rolled over in between. OpenSearch is not
supported: the official client refuses servers that do not say they are Elasticsearch.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
import sys
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator
from yarl import URL

from sidekick.errors import DeliveryError, Rejected, Retryable
from sidekick.model import Envelope
from sidekick.section import Duration, Secret, Size
from sidekick.sinks import LaneConfig, Sink, SinkConfig, _elastic_setup
from sidekick.sinks._bulk import (
    Results,
    Rotation,
    action_writer,
    bulk_body,
    check_results,
    own_document,
    results,
)
from sidekick.sinks._clean import cleaner
from sidekick.sinks._falcosidekick import Compat
from sidekick.sinks._falcosidekick import elasticsearch as compatible
from sidekick.sinks._http import Url, compress, retry_after_secs
from sidekick.sinks._tls import TlsConfig, client_context

if TYPE_CHECKING:
    from elasticsearch import ApiError, AsyncElasticsearch

log = logging.getLogger(__name__)

_ANSWER = "errors,items.create.status,items.create.error.type,items.create.error.reason"
_ANSWER += ",items.create.error.caused_by.reason"
_ACCEPT = {"Accept": "application/json"}
_JSON = _ACCEPT | {"Content-Type": "application/json"}
_NDJSON = _ACCEPT | {"Content-Type": "application/x-ndjson"}
# The body itself is at fault; a batch is halved until the alert at fault is alone. Any other
# status speaks of the address, the credentials or the moment.
_REFUSED = frozenset({400, 413, 415, 422})
_CREATED = {"status": 201}
_UNFIT_FIELDS = 10  # of one alert that are left out
_UNFIT_TOLD = 100
_NO_LIFECYCLES = re.compile(r"no handler found|not available when running in serverless mode")


class Config(SinkConfig):
    """An Elasticsearch cluster."""

    example: ClassVar[str] = """\
type: elasticsearch
urls: [https://es-1:9200, https://es-2:9200]
api_key: ${ELASTICSEARCH_API_KEY}
tls: {ca_file: /etc/sidekick/es-ca.pem}
index: sidekick
rotate: data_stream
setup: true
keep: 90d
lane: {batch_items: 1000}
"""

    type: Literal["elasticsearch"] = "elasticsearch"
    urls: list[Url] = Field(min_length=1)
    """Addresses of nodes; each request goes to the next one that answers."""
    index: str = Field("sidekick", pattern=r"^[a-z0-9][a-z0-9._-]{0,199}$")
    """The data stream, or the index or its first part."""
    rotate: Rotation = "daily"
    """`daily`, `monthly`, `yearly`: an index such as `sidekick-2026.01.31`, by the alert's own time
    (UTC; by its receipt when it claims to be a day ahead or a month old). `none`: one index.
    `data_stream`: a data stream, for which `setup` or a template of your own is needed."""
    pipeline: str = Field("", pattern=r"^[^/?#&\s]*$")
    """An ingest pipeline that the alerts go through."""
    api_key: Secret = Secret("")
    """An API key, encoded as Elasticsearch shows it. It needs the privilege `create_doc` on the
    index (and `auto_configure`, where indices come into being by writing)."""
    user: str = ""
    """The name for HTTP basic authentication."""
    password: Secret = Secret("")
    """The password for HTTP basic authentication."""
    headers: dict[str, Secret] = Field(default_factory=dict)
    """Headers added to each request."""
    tls: TlsConfig = TlsConfig()
    """Certificates, for `https` addresses."""
    gzip: bool = False
    """Compress the requests: far fewer bytes for 2 µs of CPU an alert."""
    setup: bool = False
    """Before the first alert, write the index template `sidekick-<index>` and, for a data stream or
    with `keep`, the lifecycle policy of the same name; replaces those. Needs the privileges
    `manage_index_templates` and `manage_ilm`. Without it the cluster's own templates count; take
    care that `output_fields` does not become a field per key there."""
    keep: Duration = 0.0
    """With `setup`: indices are deleted when they are this old; 0: never."""
    rollover_age: Duration = 30 * 86400.0
    """With `setup`: the age at which a data stream begins its next index."""
    rollover_size: Size = 50 * 1000**3
    """With `setup`: the size of a shard at which a data stream begins its next index."""
    shards: int = Field(1, ge=1, le=1024)
    """With `setup`: primary shards of an index."""
    replicas: int | None = Field(None, ge=0, le=100)
    """With `setup`: replicas of each shard; when not set, the cluster's default."""
    compat: Compat = ""
    """`falcosidekick`: the document that that writes, which ends in `@timestamp`; a field that does
    not fit the index's mapping is left out of it, where otherwise the alert is a dead letter."""
    flatten_fields: bool = False
    """With `compat`: in the names of output fields `_` stands for each dot."""
    lane: LaneConfig = LaneConfig(
        batch_items=500, batch_bytes=5 * 2**20, batch_age=0.1, concurrency=3, timeout=30.0
    )

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if self.user and self.api_key.get_secret_value():
            raise ValueError("wanted either user and password or api_key, found both")
        return self

    @property
    def dated(self) -> bool:
        """Whether the names of the indices end in a date."""
        return self.rotate not in ("none", "data_stream")


class Elasticsearch:
    """Creates documents in bulk."""

    def __init__(self, client: AsyncElasticsearch, config: Config) -> None:
        self._client = client
        self._config = config
        self._action = action_writer(config.index, config.rotate)
        self._document = _writer(config)
        self._path = f"/_bulk?filter_path={_ANSWER}"
        if config.pipeline:
            self._path += f"&pipeline={config.pipeline}"
        self._clean = cleaner([config.api_key, config.password, *config.headers.values()])
        self._unfit: set[str] = set()
        self._is_set_up = not config.setup
        self._setting_up = asyncio.Lock()

    async def send(self, batch: Sequence[Envelope]) -> None:
        if not self._is_set_up:
            await self._set_up()
        documents = [self._document(envelope) for envelope in batch]
        found = await self._create(batch, documents)
        if self._config.compat and found:
            await self._create_without_unfit(batch, documents, found)
        check_results(found, self._clean)

    async def _create(self, batch: Sequence[Envelope], documents: Sequence[bytes]) -> Results:
        body, headers = bulk_body(batch, self._action, documents), _NDJSON
        if self._config.gzip:
            body, headers = await compress(body), headers | {"Content-Encoding": "gzip"}
        answer = await self._ask("POST", self._path, body, headers)
        if not isinstance(answer, dict) or len(answer.get("items", ())) != len(batch):
            raise Retryable("answered something that is no result of a bulk request")
        return results(answer)

    async def _create_without_unfit(
        self, batch: Sequence[Envelope], documents: list[bytes], found: Results
    ) -> None:
        """Create what failed for a field, without that field; ``found`` becomes what came of it."""
        for _ in range(_UNFIT_FIELDS):
            left = [i for i, one in enumerate(found) if self._leaves_out(documents, i, one)]
            if not left:
                return
            again = await self._create([batch[i] for i in left], [documents[i] for i in left])
            for i, one in zip(left, again or [_CREATED] * len(left), strict=True):
                found[i] = one

    def _leaves_out(self, documents: list[bytes], i: int, result: dict[str, Any]) -> bool:
        """Leave the field at fault out of a document, if there is one."""
        field = compatible.unfit_field(result)
        before = documents[i]
        if field:
            self._tell_unfit(field)
            documents[i] = compatible.without(before, field)
        return documents[i] != before

    def _tell_unfit(self, field: str) -> None:
        if field not in self._unfit and len(self._unfit) < _UNFIT_TOLD:
            self._unfit.add(field)
            about = {"field": field, "index": self._config.index}
            log.warning("a field does not fit the index and is left out of alerts", extra=about)

    async def probe(self) -> None:
        """Credentials that may only write are enough: being refused this page says nothing."""
        await self._ask("HEAD", "/", None, _ACCEPT, passes=(400, 403, 404, 405))

    # -- set-up ------------------------------------------------------------------------------

    async def _set_up(self) -> None:
        async with self._setting_up:
            if not self._is_set_up:
                await self._put_template(await self._put_policy())
                self._is_set_up = True

    async def _put_policy(self) -> str:
        """Its name; "" where none is needed or the server has no lifecycle management."""
        config, name = self._config, f"sidekick-{self._config.index}"
        rollover = config.rotate == "data_stream"
        if not rollover and not config.keep:
            return ""
        policy = _elastic_setup.policy(
            rollover=rollover,
            max_age=f"{config.rollover_age:.0f}s",
            max_size=f"{config.rollover_size}b",
            keep=f"{config.keep:.0f}s" if config.keep else "",
        )
        try:
            await self._ask("PUT", f"/_ilm/policy/{name}", policy, _JSON)
        except DeliveryError as error:
            if not _NO_LIFECYCLES.search(str(error)):
                raise Retryable(f"cannot set up the lifecycle policy {name}: {error}") from error
            log.warning(
                "Elasticsearch has no lifecycle management; indices are kept forever",
                extra={"index": config.index},
            )
            return ""
        return name

    async def _put_template(self, policy: str) -> None:
        config, name = self._config, f"sidekick-{self._config.index}"
        template = _elastic_setup.template(
            config.index,
            data_stream=config.rotate == "data_stream",
            dated=config.dated,
            policy=policy,
            replicas=config.replicas,
            shards=config.shards,
        )
        try:
            await self._ask("PUT", f"/_index_template/{name}", template, _JSON)
        except DeliveryError as error:
            raise Retryable(f"cannot set up the index template {name}: {error}") from error

    # -- requests ----------------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        path: str,
        body: Any,
        headers: Mapping[str, str],
        passes: Sequence[int] = (),
    ) -> Any:
        """The body of a 2xx answer, or of one whose status is in ``passes``."""
        from elasticsearch import ApiError, TransportError, UnsupportedProductError

        try:
            answer = await self._client.perform_request(method, path, body=body, headers=headers)
        except UnsupportedProductError as error:
            raise Retryable(
                "the server does not say that it is Elasticsearch (OpenSearch is not supported)"
            ) from error
        except ApiError as error:
            if error.meta.status in passes:
                return error.body
            raise self._refusal(error) from error
        except TransportError as error:
            raise Retryable(self._clean(f"{type(error).__name__}: {error.message}")) from error
        return answer.body

    def _refusal(self, error: ApiError) -> DeliveryError:
        status = error.meta.status
        text = self._clean(f"answered {status}: {_told(error)}")
        if status in _REFUSED:
            return Rejected(text)
        return Retryable(text, retry_after_secs(error.meta.headers, time.time()))


def _writer(config: Config) -> Callable[[Envelope], bytes]:
    if config.compat:
        return partial(compatible.document, flat=config.flatten_fields)
    return own_document


def _told(error: ApiError) -> str:
    """What the server says of its error."""
    body = error.body
    found = body.get("error", body) if isinstance(body, dict) else body
    if isinstance(found, dict):
        return f"{found.get('type', '')}: {found.get('reason', '')}"
    return str(found)


def _addresses(urls: Sequence[str]) -> list[str]:
    """The URLs with their ports, which the client asks for, each once."""
    parsed = [URL(url) for url in urls]
    found = (f"{u.scheme}://{u.host_subcomponent}:{u.port}{u.raw_path.rstrip('/')}" for u in parsed)
    return list(dict.fromkeys(found))


def _headers(config: Config) -> dict[str, str]:
    headers = {"user-agent": "sidekick"}
    key = config.api_key.get_secret_value()
    if key:
        headers["authorization"] = f"ApiKey {key}"
    elif config.user:
        pair = f"{config.user}:{config.password.get_secret_value()}"
        headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
    return headers | {k.lower(): v.get_secret_value() for k, v in config.headers.items()}


def _client_module() -> Any:
    """The module that has the client.

    Its libraries import httpx if they find it, which has no part in this, and which imports rich
    and pygments: 6 MiB.
    """
    before = sys.modules.get("httpx")
    sys.modules["httpx"] = None  # type: ignore[assignment]
    try:
        return importlib.import_module("sidekick.sinks._elastic_client")
    finally:
        del sys.modules["httpx"]
        if before is not None:
            sys.modules["httpx"] = before


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """Keep connections to the nodes open."""
    module = await asyncio.to_thread(_client_module)
    connect: Callable[..., AsyncElasticsearch] = module.connect
    secure = any(url.startswith("https:") for url in config.urls)
    context = await asyncio.to_thread(client_context, config.tls) if secure else None
    connections = config.lane.concurrency
    client = connect(_addresses(config.urls), _headers(config), context, connections)
    async with client:
        yield Elasticsearch(client, config)
