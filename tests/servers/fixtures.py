"""The real servers as fixtures, and what is begun ahead; see ``shared`` and ``ahead``."""

from __future__ import annotations

from typing import Any

import pytest

from tests.servers.ahead import AHEAD
from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.kubernetes import Kubernetes
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import S3
from tests.servers.shared import SERVERS


def pytest_runtest_setup(item: pytest.Item) -> None:
    """With the first test that wants a server all begins that later ones will want."""
    if not AHEAD.is_begun and item.get_closest_marker("servers"):
        items = item.session.items
        SERVERS.begin({name for one in items for name in getattr(one, "fixturenames", ())})
        AHEAD.begin(items)


def pytest_sessionfinish() -> None:
    """End all of it with the session."""
    AHEAD.stop()
    SERVERS.stop()


@pytest.fixture
def ahead(request: pytest.FixtureRequest) -> Any:
    """What the function gave that the test's mark ``ahead`` names."""
    return AHEAD.result(request.node)


@pytest.fixture(scope="session")
def kafka_server() -> Kafka:
    """A Kafka broker."""
    return SERVERS.kafka()


@pytest.fixture(scope="session")
def elasticsearch_server() -> Elasticsearch:
    """An Elasticsearch node."""
    return SERVERS.elasticsearch()


@pytest.fixture(scope="session")
def s3_server() -> S3:
    """An S3 endpoint."""
    return SERVERS.s3()


@pytest.fixture(scope="session")
def prometheus_server() -> Prometheus:
    """A Prometheus; ``.scrape("127.0.0.1:2801")`` names what it shall scrape."""
    return SERVERS.prometheus()


@pytest.fixture(scope="session")
def another_prometheus_server() -> Prometheus:
    """A second one, for tests that sum up all that theirs has scraped."""
    return SERVERS.another_prometheus()


@pytest.fixture(scope="session")
def kubernetes_server() -> Kubernetes:
    """A Kubernetes API server without nodes and controllers."""
    return SERVERS.kubernetes()
