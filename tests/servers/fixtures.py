"""The real servers as fixtures: each starts when a test first asks for it, once per session.

With SIDEKICK_TEST_KAFKA (``host:port``), SIDEKICK_TEST_ELASTICSEARCH or SIDEKICK_TEST_S3 (URLs; S3
also AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) in the environment the tests use that server
instead. A server that is missing fails the tests where ``CI`` is ``true`` and skips them elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from tests.servers.elasticsearch import Elasticsearch, elasticsearch
from tests.servers.kafka import Kafka, kafka
from tests.servers.process import NotStarted
from tests.servers.prometheus import Prometheus, prometheus
from tests.servers.s3 import ACCESS_KEY, S3, SECRET_KEY, s3

T = TypeVar("T")


@contextmanager
def _server(
    open_server: Callable[[Path], AbstractContextManager[T]], factory: pytest.TempPathFactory
) -> Iterator[T]:
    opening = open_server(factory.mktemp(open_server.__name__))
    try:
        found = opening.__enter__()
    except NotStarted as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    try:
        yield found
    finally:
        opening.__exit__(None, None, None)


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """A Kafka broker."""
    outside = os.environ.get("SIDEKICK_TEST_KAFKA")
    if outside:
        yield Kafka(outside)
        return
    with _server(kafka, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def elasticsearch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elasticsearch]:
    """An Elasticsearch node."""
    outside = os.environ.get("SIDEKICK_TEST_ELASTICSEARCH")
    if outside:
        yield Elasticsearch(outside.rstrip("/"))
        return
    with _server(elasticsearch, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    """An S3 endpoint."""
    outside = os.environ.get("SIDEKICK_TEST_S3")
    if outside:
        key = os.environ.get("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        yield S3(outside.rstrip("/"), key, os.environ.get("AWS_SECRET_ACCESS_KEY", SECRET_KEY))
        return
    with _server(s3, tmp_path_factory) as server:
        yield server


@pytest.fixture(scope="session")
def prometheus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus; ``.scrape("127.0.0.1:2801")`` names what it shall scrape."""
    with _server(prometheus, tmp_path_factory) as server:
        yield server
