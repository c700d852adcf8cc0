"""The pages of a sensor that runs alone, over real connections."""

from __future__ import annotations

import http.client
import socket
from typing import Any

import pytest

from sidekick import metrics
from sidekick.errors import ConfigError
from sidekick.sensor.config import PagesConfig
from sidekick.web.pages import serving_pages

TOKENS = [{"name": "prometheus", "token": "secret-of-it"}]


def config(**settings: Any) -> PagesConfig:
    return PagesConfig.model_validate({"port": 0} | settings)


def get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_probes_say_whether_the_sensor_moves() -> None:
    problems: list[str] = []
    with serving_pages(config(), lambda: problems) as port:
        assert get(port, "/healthz") == (200, '{"status": "ok"}')
        assert get(port, "/readyz")[0] == 200
        problems.append("it has not moved for 21 s")
        assert get(port, "/ping")[0] == 200
        for path in ("/healthz", "/readyz"):
            status, text = get(port, path)
            assert (status, "21 s" in text) == (503, True)


def test_the_metrics_are_the_sensors_alone() -> None:
    metrics.sensor_drops.labels("busy").inc(0)
    with serving_pages(config(), list) as port:
        status, text = get(port, "/metrics")
    assert status == 200
    names = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert {"sidekick_sensor_drops_total", "sidekick_sensor_up"} <= names
    ours = {name for name in names if not name.startswith(("process_", "sidekick_sensor_"))}
    assert ours <= {"sidekick_faults_total", "sidekick_faults_created"}


def test_other_pages_are_none_and_say_so() -> None:
    with serving_pages(config(), list) as port:
        status, text = get(port, "/")
    assert (status, "there are /metrics" in text) == (404, True)


def test_metrics_may_want_a_token_and_probes_do_not() -> None:
    with serving_pages(config(tokens=TOKENS), list) as port:
        assert get(port, "/metrics")[0] == 401
        assert get(port, "/healthz")[0] == 200
        assert get(port, "/metrics", {"Authorization": "Bearer secret-of-it"})[0] == 200
    with serving_pages(config(allow=["192.0.2.0/24"]), list) as port:
        assert get(port, "/metrics")[0] == 403
        assert get(port, "/readyz")[0] == 200


def test_a_port_that_is_taken_is_told_in_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        wanted = rf"cannot listen on 127.0.0.1:{port}: .*another program .*--metrics"
        with (
            pytest.raises(ConfigError, match=wanted),
            serving_pages(config(port=port), list),
        ):
            pass
