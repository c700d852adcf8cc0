"""The Elasticsearch client as the sink uses it; importing it takes 130 ms and 15 MB."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any, cast

import msgspec
from elastic_transport import AiohttpHttpNode, SerializationError, Serializer
from elastic_transport.client_utils import DEFAULT
from elasticsearch import AsyncElasticsearch, ElasticsearchWarning

_LARGE = 2**20


class _Node(AiohttpHttpNode):
    """A connection to one server."""

    def _log_request(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: it would decode and format each body, whether or not the line is written."""

    async def perform_request(  # type: ignore[override]
        self, method: str, target: str, body: bytes | None = None, *args: Any, **kwargs: Any
    ) -> Any:
        # aiohttp writes bytes in one piece, and warns above 1 MiB.
        data = BytesIO(body) if body is not None and len(body) >= _LARGE else body
        return await super().perform_request(method, target, cast(bytes, data), *args, **kwargs)


class _Json(Serializer):
    mimetype = "application/vnd.elasticsearch+json"

    def loads(self, data: bytes) -> Any:
        if not data:  # an error from a proxy; its status says enough
            return None
        try:
            return msgspec.json.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SerializationError(f"the answer is not JSON: {error}", errors=(error,)) from error

    def dumps(self, data: Any) -> bytes:
        return data if isinstance(data, bytes) else msgspec.json.encode(data)


class _Plain(_Json):
    """What proxies and older servers call it."""

    mimetype = "application/json"


class _Ndjson(_Json):
    """Bodies that are bytes already, perhaps compressed."""

    mimetype = "application/vnd.elasticsearch+x-ndjson"


def connect(
    urls: Sequence[str],
    headers: Mapping[str, str],
    context: ssl.SSLContext | None,
    connections: int,
) -> AsyncElasticsearch:
    """A client that, when it gets no answer, tries another node at once, and never waits."""
    # What deprecation warnings say is for the cluster's administrator; each would be a log line.
    warnings.simplefilter("ignore", ElasticsearchWarning)
    return AsyncElasticsearch(
        list(urls),
        node_class=_Node,
        headers=headers,
        ssl_context=context if context is not None else DEFAULT,
        serializers={one.mimetype: one for one in (_Json(), _Plain(), _Ndjson())},
        connections_per_node=connections,
        http_compress=False,
        max_retries=max(1, len(urls) - 1),
        retry_on_status=(),
        request_timeout=None,
    )
