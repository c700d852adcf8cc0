"""The listener for alerts, over real connections."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard

from sidekick.errors import Shed
from sidekick.heartbeat import Heartbeat
from tests.web.listening import FakeIntake, alert, listening, request, split

# -- one alert ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/anything/else", "/?a=b", "/token/ignored-without-tokens"])
async def test_a_post_to_any_path_takes_one_alert(path: str) -> None:
    async with listening() as hub:
        assert await hub.post(alert("R"), path) == (200, b"")
    assert hub.intake.rules == ["R"]


async def test_the_answer_comes_after_the_commit_and_not_before() -> None:
    intake = FakeIntake()
    intake.slow = True
    async with listening(intake=intake) as hub:
        answer = asyncio.create_task(hub.post(alert()))
        while not intake.waiting:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        assert not answer.done()
        intake.commit()
        assert (await answer)[0] == 200


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "body"),
        (b"no json", "body"),
        (alert(rule=""), "rule"),
        (alert(priority="loud"), "priority"),
        (alert(time="yesterday"), "time"),
        (b"[" * 100_000, "body"),
        (b"\xff\xfe\x00", "body"),
    ],
)
async def test_what_is_no_alert_is_answered_with_a_sentence_and_kept(
    body: bytes, sentence: str
) -> None:
    async with listening() as hub:
        status, answer = await hub.post(body)
    assert status == 400
    assert sentence.encode() in answer
    ((source, kept, reason),) = hub.intake.quarantined
    assert (source, kept) == ("http", body[:4096])
    assert reason.encode() in answer
    assert not hub.intake.alerts


async def test_a_full_log_is_answered_503_with_its_reason() -> None:
    intake = FakeIntake()
    intake.error = Shed("the alert log is full")
    async with listening(intake=intake) as hub:
        answer = await hub.send(request("POST", "/", alert()))
    assert split(answer) == (503, b"the alert log is full\n")
    assert b"Retry-After: 5" in answer


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
async def test_other_methods_are_told_to_post(method: str) -> None:
    async with listening() as hub:
        assert split(await hub.send(request(method, "/")))[0] == 400
    assert not hub.intake.alerts


async def test_a_test_alert_can_be_asked_for() -> None:
    async with listening() as hub:
        assert (await hub.post(b"", "/test"))[0] == 200
    assert hub.intake.rules == ["Test rule"]


# -- many alerts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"[" + alert("A") + b"," + alert("B") + b"]", "application/json"),
        (alert("A") + b"\n" + alert("B") + b"\n", "application/x-ndjson"),
        (alert("A") + b"\n" + alert("B"), "text/plain"),
    ],
)
async def test_many_alerts_come_as_an_array_or_as_lines(body: bytes, content_type: str) -> None:
    async with listening() as hub:
        status, answer = await hub.post(body, "/v1/alerts", {"Content-Type": content_type})
    assert (status, json.loads(answer)) == (200, {"accepted": 2, "rejected": []})
    assert hub.intake.rules == ["A", "B"]


async def test_one_bad_line_costs_no_other_its_place() -> None:
    async with listening() as hub:
        status, answer = await hub.post(
            b"\n".join([alert("A"), b"{", alert(priority="x"), alert("B")]), "/v1/alerts"
        )
    told = json.loads(answer)
    assert status == 207
    assert told["accepted"] == 2
    assert [(item["index"], item["field"]) for item in told["rejected"]] == [
        (1, ""),
        (2, "priority"),
    ]
    assert hub.intake.rules == ["A", "B"]
    assert [body for _, body, _ in hub.intake.quarantined] == [b"{", alert(priority="x")]


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"", 400), (b"[]", 200)])
async def test_a_body_without_an_alert_is_answered_by_what_is_in_it(
    body: bytes, status: int
) -> None:
    async with listening() as hub:
        assert (await hub.post(body, "/v1/alerts"))[0] == status


async def test_ten_thousand_alerts_in_one_body_are_taken_in_order() -> None:
    body = b"\n".join(alert(f"R{number}") for number in range(10_000))
    async with listening() as hub:
        status, answer = await hub.post(body, "/v1/alerts")
    assert (status, json.loads(answer)["accepted"]) == (200, 10_000)
    assert hub.intake.rules == [f"R{number}" for number in range(10_000)]


async def test_more_alerts_than_are_read_of_a_body_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sidekick.web.ingest._MOST", 100)
    monkeypatch.setattr("sidekick.web.ingest._CHUNK", 40)
    async with listening() as hub:
        for count, status in ((120, 200), (121, 413)):
            body = b"\n".join([alert(f"R{n}") for n in range(count)])
            answer = await hub.post(body, "/v1/alerts")
            assert answer[0] == status
            assert json.loads(answer[1])["accepted"] == 120
        assert b"only the first 120 alerts were read" in answer[1]


async def test_a_body_that_is_not_packed_as_it_says_goes_into_the_quarantine() -> None:
    async with listening() as hub:
        status, told = await hub.post(b"no gzip", "/", {"Content-Encoding": "gzip"})
        assert (status, b"not gzip" in told) == (400, True)
        assert (await hub.post(b"x", "/", {"Content-Encoding": "br"}))[0] == 415
    assert [body for _, body, _ in hub.intake.quarantined] == [b"no gzip"]


async def test_only_a_post_takes_many() -> None:
    async with listening() as hub:
        assert (await hub.get("/v1/alerts"))[0] == 405


# -- heartbeats --------------------------------------------------------------------------------


async def test_a_sensor_says_that_it_is_there() -> None:
    async with listening() as hub:
        body = b'{"node": "n1", "interval_secs": 30, "of a later version": 1}'
        assert await hub.post(body, "/v1/heartbeats") == (200, b"")
    assert hub.intake.beats == [Heartbeat("n1", 30)]
    assert not hub.intake.alerts


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"no json", b"[]", b"{}", b"\xff"),
        *(b'{"node": ""}', b'{"node": 1}', b'{"node": "\xff"}', b'{"node": "%s"}' % (b"n" * 254)),
        b'{"node": "n", "interval_secs": 0}',
    ],
)
async def test_what_is_no_heartbeat_is_refused_with_a_sentence(body: bytes) -> None:
    async with listening() as hub:
        status, told = await hub.post(body, "/v1/heartbeats")
    assert status == 400
    assert told.startswith(b"wanted a heartbeat such as")
    assert not hub.intake.beats
    assert not hub.intake.quarantined


async def test_heartbeats_are_posted_small_and_with_the_token() -> None:
    async with listening(tokens=_TOKENS) as hub:
        assert (await hub.post(b'{"node": "n"}', "/v1/heartbeats"))[0] == 401
        assert (await hub.post(b'{"node": "n"}', "/token/secret-of-falco/v1/heartbeats"))[0] == 200
        assert (await hub.get("/token/secret-of-falco/v1/heartbeats"))[0] == 405
        large = b'{"node": "n", "x": "%s"}' % (b"x" * 5000)
        assert (await hub.post(large, "/token/secret-of-falco/v1/heartbeats"))[0] == 413
    assert hub.intake.beats == [Heartbeat("n")]


# -- packed bodies and limits ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.compress), ("identity", bytes)],
)
@pytest.mark.parametrize("path", ["/", "/v1/alerts"])
async def test_packed_bodies_are_taken(
    encoding: str, pack: Callable[[bytes], bytes], path: str
) -> None:
    async with listening() as hub:
        status, _ = await hub.post(pack(alert("R")), path, {"Content-Encoding": encoding})
    assert status == 200
    assert hub.intake.rules == ["R"]


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", gzip.compress(b" " * 20_000_000), 413),
        ("zstd", zstandard.compress(b" " * 20_000_000), 413),
        ("gzip", b"no gzip", 400),
        ("zstd", zstandard.compress(alert())[:-3], 400),
        ("br", b"x", 415),
    ],
)
@pytest.mark.parametrize("path", ["/", "/v1/alerts"])
async def test_a_body_that_cannot_be_unpacked_is_refused(
    encoding: str, body: bytes, status: int, path: str
) -> None:
    async with listening() as hub:
        got, answer = await hub.post(body, path, {"Content-Encoding": encoding})
    assert got == status
    assert answer.strip()
    assert not hub.intake.alerts


async def test_a_body_above_the_limit_is_refused_before_it_comes() -> None:
    async with listening(alert_limit="1KiB") as hub:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
        assert split(await hub.send(head, end=False))[0] == 413
        chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert split(await hub.send(chunked, b"800\r\n" + b"x" * 0x800, end=False))[0] == 413
        assert (await hub.post(alert()))[0] == 200


# -- who may send ------------------------------------------------------------------------------

_TOKENS = [
    {"name": "falco", "token": "secret-of-falco"},
    {"name": "near", "token": "secret-of-near", "allow": ["10.0.0.0/8"]},
]


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/", {}, 401),
        ("/", {"Authorization": "Bearer secret-of-falco"}, 200),
        ("/", {"Authorization": "bearer  secret-of-falco "}, 200),
        ("/", {"Authorization": "Basic secret-of-falco"}, 401),
        ("/", {"Authorization": "Bearer wrong-secret"}, 401),
        ("/", {"Authorization": "Bearer secret-of-near"}, 403),
        ("/token/secret-of-falco", {}, 200),
        ("/token/secret%2Dof-falco/v1/alerts", {}, 200),
        ("/token/wrong", {}, 401),
        ("/v1/alerts", {}, 401),
        ("/test", {}, 401),
    ],
)
async def test_a_sender_needs_its_token(path: str, headers: dict[str, str], status: int) -> None:
    async with listening(tokens=_TOKENS) as hub:
        got, answer = await hub.post(alert(), path, headers)
    assert got == status
    assert len(hub.intake.alerts) == (status == 200)
    assert b"secret" not in answer


async def test_the_quarantine_names_the_owner_of_the_token_and_not_the_token() -> None:
    async with listening(tokens=_TOKENS) as hub:
        await hub.post(b"{", "/token/secret-of-falco")
    assert hub.intake.quarantined[0][0] == "http falco"


@pytest.mark.parametrize(
    ("allow", "proxies", "forwarded", "status"),
    [
        (["127.0.0.0/8"], [], "", 200),
        (["10.0.0.0/8"], [], "", 403),
        (["10.0.0.0/8"], [], "10.1.2.3", 403),  # nobody trusts this proxy
        (["10.0.0.0/8"], ["127.0.0.1"], "10.1.2.3", 200),
        (["10.0.0.0/8"], ["127.0.0.1"], "10.1.2.3, 192.168.0.1", 403),
        (["2001:db8::/32"], ["127.0.0.1"], "2001:db8::1", 200),
    ],
)
async def test_only_allowed_networks_may_send(
    allow: list[str], proxies: list[str], forwarded: str, status: int
) -> None:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with listening(allow=allow, trusted_proxies=proxies) as hub:
        assert (await hub.post(alert(), headers=headers))[0] == status
        assert (await hub.get("/ping"))[0] == 200


# -- pages -------------------------------------------------------------------------------------


async def test_it_says_whether_it_lives_and_whether_it_is_ready() -> None:
    reasons: list[str] = []
    async with listening(ready=lambda: reasons, tokens=_TOKENS) as hub:
        assert await hub.get("/ping") == (200, b"pong\n")
        assert (await hub.get("/healthz"))[0] == 200
        assert (await hub.get("/readyz"))[0] == 200
        reasons.append("the alert log cannot be written")
        status, answer = await hub.get("/readyz")
        assert (await hub.get("/healthz"))[0] == 200
    assert status == 503
    assert json.loads(answer)["reasons"] == reasons


@pytest.mark.parametrize(
    ("metrics", "token", "status"),
    [("open", False, 200), ("token", False, 401), ("token", True, 200), ("off", True, 404)],
)
async def test_the_metrics_are_for_whom_the_configuration_says(
    metrics: str, token: bool, status: int
) -> None:
    headers = {"Authorization": "Bearer secret-of-falco"} if token else {}
    async with listening(metrics=metrics, tokens=_TOKENS) as hub:
        got, answer = await hub.get("/metrics", headers)
    assert got == status
    assert (b"sidekick_alerts_received_total" in answer) == (status == 200)


async def test_a_scraper_gets_packed_openmetrics_if_it_asks_for_that() -> None:
    headers = {"Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"}
    async with listening() as hub:
        answer = await hub.send(request("GET", "/metrics", headers=headers))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/openmetrics-text" in head
    assert gzip.decompress(body).endswith(b"# EOF\n")


# -- faults ------------------------------------------------------------------------------------


async def test_a_fault_of_ours_costs_one_request_its_answer_and_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(FakeIntake):
        def offer(self, alerts: Any, answer: Any) -> None:
            if alerts[0].rule == "bad":
                raise RuntimeError("broken")
            super().offer(alerts, answer)

    async with listening(intake=Broken()) as hub:
        assert (await hub.post(alert("bad"), "/v1/alerts"))[0] == 500
        assert (await hub.post(alert("bad")))[0] == 500
        assert (await hub.post(alert("good")))[0] == 200
    assert "broken" in caplog.text


async def test_what_has_come_is_answered_before_it_closes() -> None:
    intake = FakeIntake()
    intake.slow = True
    async with listening(intake=intake) as hub:
        answer = asyncio.create_task(hub.post(alert()))
        while not intake.waiting:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.05, intake.commit)
    assert (await answer)[0] == 200


# -- TLS ---------------------------------------------------------------------------------------


async def _over_tls(port: int, context: ssl.SSLContext) -> int:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    try:
        writer.write(request("POST", "/", alert()))
        return int((await reader.readuntil(b"\r\n\r\n"))[9:12])
    finally:
        writer.close()


async def test_alerts_come_over_tls_from_clients_with_a_certificate(tmp_path: Path) -> None:
    from tests.servers.certificates import make_certificates

    made = make_certificates(tmp_path)
    (tmp_path / "server.pem").write_text(made.server_chain)
    (tmp_path / "server.key").write_text(made.server_key)
    tls = {
        "cert_file": str(tmp_path / "server.pem"),
        "key_file": str(tmp_path / "server.key"),
        "client_ca_file": str(made.ca_file),
    }
    context = ssl.create_default_context(cafile=str(made.ca_file))
    async with listening(tls=tls) as hub:
        with pytest.raises((ssl.SSLError, OSError, asyncio.IncompleteReadError)):
            await _over_tls(hub.port, context)
        context.load_cert_chain(made.cert_file, made.key_file)
        assert await _over_tls(hub.port, context) == 200
    assert len(hub.intake.alerts) == 1
