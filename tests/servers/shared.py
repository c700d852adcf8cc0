"""One of each server for a whole test session, started when a test first asks for it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from tests.servers.elasticsearch import Elasticsearch, elasticsearch
from tests.servers.kafka import Kafka, kafka
from tests.servers.kubernetes import Kubernetes, kubernetes
from tests.servers.process import NotStarted
from tests.servers.prometheus import Prometheus, prometheus
from tests.servers.s3 import ACCESS_KEY, S3, SECRET_KEY, s3

T = TypeVar("T")
Opener = Callable[[Path], AbstractContextManager[T]]


class Servers:
    """The environment may name servers from outside: SIDEKICK_TEST_KAFKA (``host:port``),
    SIDEKICK_TEST_ELASTICSEARCH, SIDEKICK_TEST_S3 (URLs; S3 also with AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY).

    One that is missing fails the tests where ``CI`` is ``true``, and skips them elsewhere.
    """

    def __init__(self) -> None:
        self._started = ExitStack()
        self._found: dict[Any, object] = {}

    def kafka(self) -> Kafka:
        """A Kafka broker."""
        outside = os.environ.get("SIDEKICK_TEST_KAFKA")
        return Kafka(outside) if outside else self._server(kafka)

    def elasticsearch(self) -> Elasticsearch:
        """An Elasticsearch node."""
        outside = os.environ.get("SIDEKICK_TEST_ELASTICSEARCH")
        return Elasticsearch(outside.rstrip("/")) if outside else self._server(elasticsearch)

    def s3(self) -> S3:
        """An S3 endpoint."""
        outside = os.environ.get("SIDEKICK_TEST_S3")
        if not outside:
            return self._server(s3)
        key = os.environ.get("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        secret = os.environ.get("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        return S3(outside.rstrip("/"), key, secret)

    def prometheus(self) -> Prometheus:
        """A Prometheus; ``.scrape("127.0.0.1:2801")`` names what it shall scrape."""
        return self._server(prometheus)

    def kubernetes(self) -> Kubernetes:
        """A Kubernetes API server without nodes and controllers."""
        return self._server(kubernetes)

    def stop(self) -> None:
        """Kill all that were started."""
        self._found.clear()
        self._started.close()

    def _server(self, opener: Opener[T]) -> T:
        if opener not in self._found:
            self._found[opener] = self._start(opener)
        found = self._found[opener]
        if isinstance(found, NotStarted):
            if os.environ.get("CI") == "true":
                raise found
            pytest.skip(str(found))
        return cast(T, found)

    def _start(self, opener: Opener[T]) -> T | NotStarted:
        folder = self._started.enter_context(
            tempfile.TemporaryDirectory(prefix="sidekick-", ignore_cleanup_errors=True)
        )
        try:
            return self._started.enter_context(opener(Path(folder)))
        except NotStarted as error:
            return error


SERVERS = Servers()
