"""The real servers as fixtures; see ``shared``."""

from __future__ import annotations

import pytest

from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.kubernetes import Kubernetes
from tests.servers.prometheus import Prometheus
from tests.servers.s3 import S3
from tests.servers.shared import SERVERS


def pytest_sessionfinish() -> None:
    """End the servers with the session."""
    SERVERS.stop()


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
def kubernetes_server() -> Kubernetes:
    """A Kubernetes API server without nodes and controllers."""
    return SERVERS.kubernetes()
