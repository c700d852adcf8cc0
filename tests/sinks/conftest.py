"""The real servers of Alertmanager, syslog and Loki's API, each started once."""

from __future__ import annotations

import pytest

from tests.servers.alertmanager import Alertmanager, alertmanager
from tests.servers.rsyslog import Rsyslog, rsyslog
from tests.servers.shared import SERVERS
from tests.servers.victorialogs import VictoriaLogs, victorialogs


@pytest.fixture(scope="session")
def alertmanager_server() -> Alertmanager:
    """An Alertmanager."""
    return SERVERS._server(alertmanager)


@pytest.fixture(scope="session")
def rsyslog_server() -> Rsyslog:
    """An rsyslog."""
    return SERVERS._server(rsyslog)


@pytest.fixture(scope="session")
def victorialogs_server() -> VictoriaLogs:
    """A VictoriaLogs, which takes what is pushed as Loki does."""
    return SERVERS._server(victorialogs)
