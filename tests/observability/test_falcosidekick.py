"""What falcosidekick's dashboard, its chart's rules and the guide ask of Prometheus is answered.

The expressions are theirs, with windows that a test has the time for.
"""

from __future__ import annotations

import asyncio
import http.client
import signal
from collections.abc import Iterator

import pytest

from tests.faults.system import System
from tests.servers.answering import answering
from tests.servers.prometheus import Prometheus
from tests.web.listening import alert

EVENTS = "falcosecurity_falcosidekick_falco_events_total"
OUTPUTS = "falcosecurity_falcosidekick_outputs_total"
PRIORITIES = ("Warning", "Error", "Critical", "Alert", "Emergency")
DROP = "Falco internal: syscall event drop"


@pytest.fixture(scope="module")
def scraped(
    another_prometheus_server: Prometheus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """A Prometheus, after a hub took alerts of every priority, with lanes that work and fail."""
    server = another_prometheus_server
    with answering(200) as working, answering(503) as failing, asyncio.Runner() as runner:
        lane = {"backoff_first": 0.1, "backoff_max": 0.2, "breaker_pause": 0.2}
        config: dict[str, object] = {
            "dedup": {"enabled": False},
            "metrics": {"labels": ["proc.name"], "old_names": True},
            "sinks": {
                "works": {"type": "webhook", "url": f"http://127.0.0.1:{working}/"},
                "fails": {
                    "type": "slack",
                    "webhook_url": f"http://127.0.0.1:{failing}/",
                    "lane": lane,
                },
            },
        }
        hub = System(tmp_path_factory.mktemp("hub"), config)
        runner.run(hub.start())
        try:
            server.scrape(f"127.0.0.1:{hub.port}")
            _send(hub.port)
            server.wait(f'{OUTPUTS}{{destination="webhook",status="ok"}} == 6')
            _send(hub.port)  # counters that change, beside those that appear
            server.wait(f'{OUTPUTS}{{destination="webhook",status="ok"}} == 12')
            yield server
        finally:
            server.scrape()
            runner.run(hub.stop(signal.SIGKILL))


def _send(port: int) -> None:
    pod = {"k8s.ns.name": "shop", "k8s.pod.name": "cart-1", "proc.name": "sh"}
    bodies = [
        alert("Shell", priority=one, hostname="node-1", output_fields=pod) for one in PRIORITIES
    ]
    bodies.append(
        alert(DROP, source="internal", priority="Debug", output_fields={"n_drops": "500"})
    )
    for body in (*bodies, b"{"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("POST", "/", body)
        assert connection.getresponse().status in (200, 400)
        connection.close()


@pytest.mark.servers
@pytest.mark.parametrize(
    "expression",
    [
        *(f'rate({EVENTS}{{priority_raw="{one.lower()}"}}[10s]) > 0' for one in PRIORITIES),
        f'sum by (destination) (rate({OUTPUTS}{{status="error"}}[10s])) > 0',
        f'sum by (destination) (rate({OUTPUTS}{{status="ok"}}[10s])) > 0',
        *(f"sum by ({label}) ({EVENTS}) > 0" for label in ("rule", "source", "priority")),
        f"sum by (priority_raw, k8s_ns_name, k8s_pod_name, hostname) (increase({EVENTS}[10s])) > 0",
        f'{EVENTS}{{priority="6",k8s_pod_name="cart-1",hostname="node-1",proc_name="sh"}} == 2',
        f'{EVENTS}{{rule="{DROP}",hostname="unknown"}} == 2',
        'falcosecurity_falcosidekick_inputs_total{source="requests",status="accepted"} == 12',
        'rate(falcosecurity_falcosidekick_inputs_total{status="rejected"}[10s]) > 0',
        'falcosidekick_inputs{source="requests",status="rejected"} == 2',
        'falcosidekick_outputs{destination="slack",status="error"} > 0',
        'falco_events{priority_raw="alert"} == 2',
        'rate(falco_events_total{priority="Critical"}[10s]) > 0',
        'increase(falco_events_total{priority="Critical",rule="Shell",source="syscalls"}[10s]) > 0',
        "rate(falco_evts_drop_total[10s]) > 1",
        "falco_evts_drop_total == 1000",
    ],
)
def test_a_query_of_falcosidekicks_users_finds_something(
    scraped: Prometheus, expression: str
) -> None:
    scraped.wait(expression)


@pytest.mark.servers
def test_prometheus_takes_every_scrape(scraped: Prometheus) -> None:
    assert not scraped.query("up == 0")
