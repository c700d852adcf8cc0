"""Every query of the dashboards finds something in what a real Prometheus scraped of a real hub."""

from __future__ import annotations

import asyncio
import http.client
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, cast

import pytest

from sidekick.document import Document, Note
from tests.faults.system import System
from tests.observability.dashboards import FILES, FOLDER, Query, panels, queries, read
from tests.servers.answering import answering
from tests.servers.prometheus import Prometheus
from tests.web.listening import alert

ONLY_WHEN_SOMETHING_IS_WRONG = {"Lost", "Faults of sidekick's own", "The log", "Events lost"}
"""Panels with a query that finds nothing as long as the hub works and its log has room."""
EVERY_QUERY = [
    pytest.param(query, id=f"{file.stem}-{query.panel}-{number}")
    for file in FILES
    for number, query in enumerate(queries(file))
]
HEARTBEAT = "Falco internal: metrics snapshot"


@pytest.fixture(scope="module")
def scraped(
    prometheus_server: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Prometheus, after a hub took alerts, repeats and rubbish, with lanes that work and fail."""
    with answering(400) as refusing, answering(503) as failing, asyncio.Runner() as runner:
        config: dict[str, object] = {
            "silences": [
                {
                    "id": "s",
                    "match": "alert.rule = Silenced",
                    "ends": "2099-01-01T00:00:00Z",
                    "comment": "a",
                    "creator": "b",
                }
            ],
            "sinks": {
                "works": {"type": "file", "path": "alerts.ndjson"},
                "dead": {"type": "webhook", "url": f"http://127.0.0.1:{refusing}/"},
                "waits": {"type": "webhook", "url": f"http://127.0.0.1:{failing}/"},
            },
        }
        hub = System(tmp_path_factory.mktemp("hub"), config)
        runner.run(hub.start())
        try:
            prometheus_server.scrape(f"127.0.0.1:{hub.port}")
            prometheus_server.wait("sidekick_log_limit_bytes")
            _send(hub.port)
            prometheus_server.wait('sidekick_delivered_total{lane="works"} > 0')
            prometheus_server.wait('sidekick_dead_letters_total{lane="dead"} > 0')
            prometheus_server.wait('sidekick_retried_total{lane="waits"} > 0')
            _send(hub.port)  # counters that change, beside those that appear
            prometheus_server.wait('sidekick_alerts_total{rule="Shell"} == 4')
            prometheus_server.wait("sidekick_node_last_seen_timestamp_seconds")
            yield prometheus_server
        finally:
            prometheus_server.scrape()
            runner.run(hub.stop(signal.SIGKILL))


def _send(port: int) -> None:
    shop = {"k8s.ns.name": "shop"}
    bodies = [
        alert("Shell", priority="Critical", hostname="node-1", output_fields=shop),
        alert("Shell", priority="Critical", hostname="node-1", output_fields=shop),
        alert("Silenced", output_fields=shop),
        alert(HEARTBEAT, source="internal", priority="Informational", hostname="node-2"),
        b"{",
    ]
    for body in bodies:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/", body)
        assert connection.getresponse().status in (200, 400)
        connection.close()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as broken:
        broken.sendall(b"what is this\r\n\r\n")
        broken.recv(1000)


def _result(server: Prometheus, query: Query) -> list[dict[str, Any]]:
    if not query.is_range:
        return server.query(query.expression)
    now = time.time()
    given = {"start": str(now - 20), "end": str(now), "step": "1"}
    found = server.ask("query_range", query=query.expression, **given)["result"]
    return cast(list[dict[str, Any]], found)


def _soon(condition: Callable[[], object]) -> bool:
    """Whether it comes true in time: windows of 5 seconds close after as many."""
    deadline = time.monotonic() + 15
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.servers
@pytest.mark.parametrize("query", EVERY_QUERY)
def test_a_query_finds_something(scraped: Prometheus, query: Query) -> None:
    if query.panel in ONLY_WHEN_SOMETHING_IS_WRONG:
        _result(scraped, query)
    else:
        assert _soon(lambda: _result(scraped, query)), query.expression


@pytest.mark.servers
@pytest.mark.parametrize(
    ("panel", "wanted"),
    [
        ("Severe today", 4),
        ("Severe", 4),
        ("Alerts", 8),
        ("Silenced", 2),
        ("Nodes heard", 2),
        ("Hubs up", 1),
        ("Lost", 0),
    ],
)
def test_a_figure_is_the_true_one(scraped: Prometheus, panel: str, wanted: int) -> None:
    query = next(query for file in FILES for query in queries(file) if query.panel == panel)

    def is_true() -> bool:
        (found,) = _result(scraped, query)
        return round(float(found["value"][1])) == wanted

    assert _soon(is_true), (query.expression, _result(scraped, query))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_panels_lie_side_by_side(file: Path) -> None:
    places = [panel["gridPos"] for panel in read(file)["panels"]]
    for one, other in combinations(places, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert all(place["x"] + place["w"] <= 24 for place in places)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_dashboard_asks_only_the_data_source_that_its_user_chose(file: Path) -> None:
    dashboard = read(file)
    variables = {one["name"]: one for one in dashboard["templating"]["list"]}
    sources = {f"${{{name}}}" for name, one in variables.items() if one["type"] == "datasource"}
    for panel in panels(dashboard):
        assert panel["datasource"]["uid"] in sources
        assert {target["datasource"]["uid"] for target in panel["targets"]} <= sources
    used = set(re.findall(r"\$(\w+)", str([list(panels(dashboard)), dashboard["templating"]])))
    assert {name for name in used if not name.startswith("__")} <= set(variables)


def test_dashboards_are_told_apart() -> None:
    boards = [read(file) for file in FILES]
    assert len({board["uid"] for board in boards}) == len({board["title"] for board in boards}) == 3
    for board in boards:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(ids) == len(set(ids))


def test_the_documents_have_the_fields_that_are_asked_for() -> None:
    board = read(FOLDER / "documents.json")
    there = {"@timestamp", *Document.__struct_fields__}
    there |= {f"sidekick.{name}" for name in Note.__struct_fields__}
    table = next(panel for panel in panels(board) if panel["type"] == "table")
    shown = set(table["transformations"][0]["options"]["include"]["names"])
    grouped = {
        group["field"]
        for panel in panels(board)
        for target in panel["targets"]
        for group in target["bucketAggs"]
    }
    assert shown | grouped <= there
