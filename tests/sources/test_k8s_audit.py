"""The audit webhook on a real socket: what is taken, what is answered, and when."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard
from pydantic import ValidationError

from sidekick import metrics
from sidekick.errors import ConfigError, Shed
from sidekick.listener.serve import serve
from sidekick.rules.engine import Engine
from sidekick.sources import RuleEngine
from sidekick.sources.k8s_audit import AuditWebhook, Config, run
from tests.audit.events import event
from tests.rules.rule_texts import rule, rules
from tests.servers.certificates import make_certificates
from tests.web.listening import FakeIntake, Listener, request, split

GET = event("get", "secrets", "db")
JSON = {"Content-Type": "application/json"}
RULES = rules(
    rule(
        "Secret read",
        "ka.target.resource = secrets and ka.verb = get",
        "secret=%ka.target.name cluster=%ka.cluster.name number=%evt.num",
        source="k8s_audit",
    )
)


def secret(number: int, **more: Any) -> dict[str, Any]:
    return event("get", "secrets", f"s{number}", auditID=f"id-{number}", **more)


def encoded(*events: Any) -> bytes:
    """An EventList, as an API server sends it."""
    items = {"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": list(events)}
    return msgspec.json.encode(items)


@contextlib.asynccontextmanager
async def webhook(
    intake: FakeIntake | None = None, engine: RuleEngine | None = None, **settings: Any
) -> AsyncIterator[Listener]:
    config = Config.model_validate({"address": "127.0.0.1", "port": 0} | settings)
    intake, found = intake or FakeIntake(), engine or Engine(RULES)
    async with serve(config, AuditWebhook(config, intake, lambda: found)) as port:
        yield Listener(port, intake)


async def post(
    listener: Listener, body: bytes, path: str = "/k8s-audit", **headers: str
) -> tuple[int, bytes]:
    return await listener.post(body, path, JSON | headers)


def counted(outcome: str) -> float:
    return float(metrics.audit_events.labels(outcome)._value.get())


@pytest.mark.parametrize(
    "body", [msgspec.json.encode(GET), msgspec.json.encode([GET]), encoded(GET)]
)
async def test_an_event_gives_the_alert_of_its_rule(body: bytes) -> None:
    async with webhook() as listener:
        assert await post(listener, body) == (200, b"")

    (found,) = listener.intake.alerts
    assert (found.rule, found.source, found.time) == (
        "Secret read",
        "k8s_audit",
        "2026-01-02T03:04:05.125456000Z",
    )
    assert found.output.endswith("Warning secret=db cluster=<NA> number=1")
    assert found.fields["ka.target.name"] == "db"


async def test_the_query_of_the_path_and_a_charset_do_not_matter() -> None:
    async with webhook() as listener:
        headers = {"Content-Type": "Application/JSON; charset=utf-8"}
        answer = await listener.post(encoded(GET), "/k8s-audit?timeout=30s", headers)

    assert answer == (200, b"")
    assert len(listener.intake.alerts) == 1


async def test_an_event_that_no_rule_matches_needs_no_commit() -> None:
    before = counted("unmatched")
    intake = FakeIntake()
    intake.slow = True
    async with webhook(intake) as listener:
        assert (await post(listener, encoded(event("get", "pods", "x"))))[0] == 200

    assert not intake.alerts
    assert counted("unmatched") == before + 1


async def test_the_answer_comes_after_the_commit() -> None:
    intake = FakeIntake()
    intake.slow = True
    async with webhook(intake) as listener:
        answer = asyncio.create_task(post(listener, encoded(GET)))
        async with asyncio.timeout(5):
            while not intake.waiting:
                await asyncio.sleep(0.001)
        assert not answer.done()
        intake.commit()

        assert (await answer)[0] == 200


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
async def test_a_body_may_be_packed(encoding: str, pack: Any) -> None:
    body = encoded(*map(secret, range(500)))
    async with webhook() as listener:
        headers = {"Content-Encoding": encoding}
        assert (await post(listener, pack(body), **headers))[0] == 200
        assert (await post(listener, b"nonsense", **headers))[0] == 400
        assert (await post(listener, body, **{"Content-Encoding": "br"}))[0] == 415

    assert len(listener.intake.alerts) == 500


async def test_the_limit_holds_before_and_after_unpacking() -> None:
    body = encoded(event("get", "pods", body={"x": "y" * 5000}))
    async with webhook(body_limit=4096) as listener:
        assert (await post(listener, body))[0] == 413
        packed = gzip.compress(body)
        assert (await post(listener, packed, **{"Content-Encoding": "gzip"}))[0] == 413


async def test_twelve_megabytes_are_taken_by_default() -> None:
    padding = {"x": "y" * (3 * 1024**2)}
    body = encoded(*(secret(n, body=padding) for n in range(3)), secret(4, body={"x": "y" * 2**21}))
    assert 11 * 1024**2 < len(body) < 12 * 1024**2
    async with webhook() as listener:
        assert (await post(listener, body))[0] == 200
        assert (await post(listener, body + b" " * 2**20))[0] == 413

    assert len(listener.intake.alerts) == 4


async def test_a_bad_item_goes_into_the_quarantine_and_the_others_are_judged() -> None:
    before = counted("rejected")
    large = secret(2, body={"x": "y" * 3000})
    async with webhook(event_limit=2048) as listener:
        body = encoded(secret(1), {"stage": "?"}, large, 7, secret(3))
        assert (await post(listener, body))[0] == 200

    assert [found.fields["ka.target.name"] for found in listener.intake.alerts] == ["s1", "s3"]
    reasons = [reason for _, _, reason in listener.intake.quarantined]
    assert [reason.partition(":")[0] for reason in reasons] == [
        "stageTimestamp",
        reasons[1],
        "wanted an audit event as a JSON object",
    ]
    assert "bytes, more than 2048" in reasons[1]
    assert max(len(body) for _, body, _ in listener.intake.quarantined) <= 4096
    assert counted("rejected") == before + 3


@pytest.mark.parametrize("body", [b"", b"{", b'{"kind":"EventList","items":['])
async def test_what_is_no_json_is_refused_and_kept(body: bytes) -> None:
    async with webhook() as listener:
        status, reason = await post(listener, body)

    assert (status, b"the body is not JSON" in reason) == (400, True)
    assert [kept for _, kept, _ in listener.intake.quarantined] == [body]


async def test_an_event_sent_twice_gives_one_alert() -> None:
    before = counted("repeated")
    async with webhook() as listener:
        for _ in range(2):
            assert (await post(listener, encoded(secret(1), secret(2), secret(2))))[0] == 200
        assert (await post(listener, encoded(secret(2), secret(3))))[0] == 200

    assert [found.fields["ka.target.name"] for found in listener.intake.alerts] == [
        *("s1", "s2", "s3")
    ]
    assert counted("repeated") == before + 3


async def test_another_stage_or_another_time_is_another_event() -> None:
    later = "2026-01-02T03:04:06.000000Z"
    async with webhook() as listener:
        for more in ({}, {"stage": "Panic"}, {"stageTimestamp": later}, {}):
            await post(listener, encoded(secret(1, **more)))

    assert len(listener.intake.alerts) == 3


async def test_events_without_an_id_are_told_apart_by_all_that_is_in_them() -> None:
    first = {key: value for key, value in secret(1).items() if key != "auditID"}
    other = first | {"sourceIPs": ["192.0.2.1"]}
    by_json = rules(rule("Any", "jevt.value[/verb] = get", source="k8s_audit"))
    async with webhook(engine=Engine(by_json)) as listener:
        await post(listener, encoded(first, other))
        await post(listener, encoded(first))

    assert len(listener.intake.alerts) == 2


async def test_a_request_that_failed_is_taken_when_it_comes_again() -> None:
    intake = FakeIntake()
    async with webhook(intake) as listener:
        intake.error = Shed("the log is full")
        answer = await listener.send(request("POST", "/k8s-audit", encoded(GET), JSON))
        status, reason = split(answer)
        assert (status, reason) == (503, b"the log is full\n")
        assert b"Retry-After: 5\r\n" in answer

        intake.error = None
        assert (await post(listener, encoded(GET)))[0] == 200

    assert intake.rules == ["Secret read"]


async def test_one_alert_without_room_does_not_stop_the_events_after_it() -> None:
    class Choosy(FakeIntake):
        def offer(self, alerts, answer):  # type: ignore[no-untyped-def]
            full = any(a.fields["ka.target.name"] == "s5" for a in alerts)
            self.error = Shed("no room") if full else None
            super().offer(alerts, answer)

    intake = Choosy()
    async with webhook(intake) as listener:
        status, _ = await post(listener, encoded(*map(secret, range(200))))

    assert status == 503
    assert len(intake.alerts) == 199


async def test_an_event_at_which_a_rule_fails_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Failing(Engine):
        def alerts(self, source: str, type: str, record: Any, time_ns: int) -> Any:
            if record["ka.target.name"] == "s1":
                raise ZeroDivisionError("odd")
            return super().alerts(source, type, record, time_ns)

    async with webhook(engine=Failing(RULES)) as listener:
        assert (await post(listener, encoded(*map(secret, range(3)))))[0] == 200

    assert [found.fields["ka.target.name"] for found in listener.intake.alerts] == ["s0", "s2"]
    assert listener.intake.quarantined[0][2].startswith("it could not be judged: ZeroDivisionError")
    assert "could not be judged" in caplog.text


async def test_the_rules_in_force_now_decide() -> None:
    engines = [Engine(RULES), Engine(rules(rule("Other", "ka.verb = get", source="k8s_audit")))]
    config = Config.model_validate({"address": "127.0.0.1", "port": 0})
    intake = FakeIntake()
    async with serve(config, AuditWebhook(config, intake, lambda: engines[0])) as port:
        listener = Listener(port, intake)
        await post(listener, encoded(secret(1)))
        del engines[0]
        await post(listener, encoded(secret(2)))

    assert intake.rules == ["Secret read", "Other"]


@pytest.mark.parametrize(
    ("name", "annotations", "wanted"),
    [("prod", {}, "prod"), ("", {}, None), ("prod", {"cluster_name": "gke-1"}, "gke-1")],
)
async def test_the_cluster_has_its_name_from_the_settings(
    name: str, annotations: dict[str, str], wanted: str | None
) -> None:
    async with webhook(cluster=name) as listener:
        await post(listener, encoded(secret(1, annotations=annotations)))

    assert listener.intake.alerts[0].fields["ka.cluster.name"] == wanted


@pytest.mark.parametrize(
    ("method", "path", "headers", "wanted"),
    [
        ("GET", "/k8s-audit", JSON, 405),
        ("PUT", "/k8s-audit", JSON, 405),
        ("POST", "/k8s-audit", {"Content-Type": "text/plain"}, 400),
        ("POST", "/k8s-audit", {}, 400),
        ("POST", "/", JSON, 404),
        ("POST", "/k8s-audit/more", JSON, 404),
        ("GET", "/healthz", {}, 200),
        ("GET", "/readyz", {}, 200),
    ],
)
async def test_other_requests_are_refused(
    method: str, path: str, headers: dict[str, str], wanted: int
) -> None:
    async with webhook() as listener:
        answer = await listener.send(request(method, path, encoded(GET), headers))

    assert split(answer)[0] == wanted
    assert not listener.intake.alerts


TOKENS = [{"name": "prod", "token": "a-long-secret"}]


@pytest.mark.parametrize(
    ("settings", "headers", "wanted"),
    [
        ({"tokens": TOKENS}, {}, 401),
        ({"tokens": TOKENS}, {"Authorization": "Bearer wrong"}, 401),
        ({"tokens": TOKENS}, {"Authorization": "Bearer a-long-secret"}, 200),
        ({"allow": ["192.0.2.0/24"]}, {}, 403),
        ({"allow": ["127.0.0.0/8"]}, {}, 200),
    ],
)
async def test_only_those_who_may_are_listened_to(
    settings: dict[str, Any], headers: dict[str, str], wanted: int
) -> None:
    async with webhook(**settings) as listener:
        assert (await post(listener, encoded(GET), **headers))[0] == wanted
        assert (await listener.get("/healthz"))[0] == 200

    assert len(listener.intake.alerts) == (wanted == 200)


async def test_the_quarantine_names_whose_token_it_was() -> None:
    async with webhook(tokens=TOKENS) as listener:
        await post(listener, encoded(7), Authorization="Bearer a-long-secret")

    assert [sender for sender, _, _ in listener.intake.quarantined] == ["k8s_audit prod"]


async def test_with_mutual_tls_a_certificate_is_wanted(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    (tmp_path / "server.crt").write_text(made.server_chain)
    (tmp_path / "server.key").write_text(made.server_key)
    tls = {
        "cert_file": str(tmp_path / "server.crt"),
        "key_file": str(tmp_path / "server.key"),
        "client_ca_file": str(made.ca_file),
    }
    known = ssl.create_default_context(cafile=str(made.ca_file))
    known.load_cert_chain(made.cert_file, made.key_file)
    unknown = ssl.create_default_context(cafile=str(made.ca_file))
    async with webhook(tls=tls) as listener:
        assert await _over_tls(listener.port, known) == 200
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            await _over_tls(listener.port, unknown)

    assert len(listener.intake.alerts) == 1


async def _over_tls(port: int, context: ssl.SSLContext) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        headers = JSON | {"Connection": "close"}
        writer.write(request("POST", "/k8s-audit", encoded(GET), headers))
        await writer.drain()
        return split(await reader.read())[0]
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def test_a_port_that_is_taken_is_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    async with webhook() as listener:
        config = Config(address="127.0.0.1", port=listener.port)
        with pytest.raises(ConfigError, match=f"127.0.0.1:{listener.port}: .*in use"):
            await run(config, FakeIntake(), lambda: Engine(RULES))

    assert "set tokens or tls.client_ca_file" in caplog.text


@pytest.mark.parametrize("path", ["k8s-audit", "/a?b", "/a#b", ""])
def test_a_path_begins_with_a_slash(path: str) -> None:
    with pytest.raises(ValidationError, match="wanted a path"):
        Config(path=path)
