"""The real servers of Alertmanager, syslog and Loki, each started once."""

from __future__ import annotations

import pytest

from tests.servers.alertmanager import Alertmanager, alertmanager
from tests.servers.loki import Loki, is_built, loki
from tests.servers.rsyslog import Rsyslog, rsyslog
from tests.servers.shared import SERVERS


@pytest.fixture(scope="session")
def alertmanager_server() -> Alertmanager:
    """An Alertmanager."""
    return SERVERS._server(alertmanager)


@pytest.fixture(scope="session")
def rsyslog_server() -> Rsyslog:
    """An rsyslog."""
    return SERVERS._server(rsyslog)


@pytest.fixture(scope="session")
def loki_server() -> Loki:
    """A Loki; it takes minutes to build, so where it is not built even CI goes without."""
    if not is_built():
        pytest.skip("Loki is not built: run python -m tests.servers.loki")
    return SERVERS._server(loki)
