"""One of each server for a whole test session, started when a test first asks for it, or before."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar, cast

import pytest

from tests.image.engine import Engine, image
from tests.servers.elasticsearch import Elasticsearch, elasticsearch
from tests.servers.kafka import Kafka, kafka
from tests.servers.kubernetes import Kubernetes, kubernetes
from tests.servers.process import NotStarted
from tests.servers.prometheus import Prometheus, another_prometheus, prometheus
from tests.servers.s3 import ACCESS_KEY, S3, SECRET_KEY, s3

T = TypeVar("T")
Opener = Callable[[Path], AbstractContextManager[T]]

_AT_ONCE = 2
_OPENERS: dict[str, Opener[Any]] = {
    "kubernetes_server": kubernetes,
    "kafka_server": kafka,
    "elasticsearch_server": elasticsearch,
    "s3_server": s3,
    "prometheus_server": prometheus,
    "another_prometheus_server": another_prometheus,
    "docker": image,
}
"""By the fixtures that give them."""
_OUTSIDE = {
    "kafka_server": "SIDEKICK_TEST_KAFKA",
    "elasticsearch_server": "SIDEKICK_TEST_ELASTICSEARCH",
    "s3_server": "SIDEKICK_TEST_S3",
}


class Servers:
    """The environment may name servers from outside: SIDEKICK_TEST_KAFKA (``host:port``),
    SIDEKICK_TEST_ELASTICSEARCH, SIDEKICK_TEST_S3 (URLs; S3 also with AWS_ACCESS_KEY_ID and
    AWS_SECRET_ACCESS_KEY).

    One that is missing fails the tests where ``CI`` is ``true``, and skips them elsewhere.
    """

    def __init__(self) -> None:
        self._started = ExitStack()
        self._begun: dict[Any, Future[Any]] = {}
        # A server ends with the thread that started it: its threads stay until ``stop``.
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="servers")

    def begin(self, fixtures: Collection[str]) -> None:
        """Start the servers of these fixtures while tests run that do not need them yet."""
        for name, opener in _OPENERS.items():
            if name in fixtures and not os.environ.get(_OUTSIDE.get(name, "")):
                self._begin(opener)

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

    def another_prometheus(self) -> Prometheus:
        """A second one."""
        return self._server(another_prometheus)

    def kubernetes(self) -> Kubernetes:
        """A Kubernetes API server without nodes and controllers."""
        return self._server(kubernetes)

    def image(self) -> Engine:
        """A Docker engine that has the image."""
        return self._server(image)

    def stop(self) -> None:
        """End all that were started."""
        wait([future for future in self._begun.values() if not future.cancel()])
        self._begun.clear()
        self._started.close()
        self._threads.shutdown()

    def _server(self, opener: Opener[T]) -> T:
        found = self._begin(opener).result()
        if isinstance(found, NotStarted):
            if os.environ.get("CI") == "true":
                raise found
            pytest.skip(str(found))
        return cast(T, found)

    def _begin(self, opener: Opener[Any]) -> Future[Any]:
        if opener not in self._begun:
            self._begun[opener] = self._threads.submit(self._start, opener)
        return self._begun[opener]

    def _start(self, opener: Opener[T]) -> T | NotStarted:
        folder = self._started.enter_context(
            tempfile.TemporaryDirectory(prefix="sidekick-", ignore_cleanup_errors=True)
        )
        try:
            return self._started.enter_context(opener(Path(folder)))
        except NotStarted as error:
            return error


SERVERS = Servers()
