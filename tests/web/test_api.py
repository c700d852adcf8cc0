from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from sidekick import __version__
from sidekick.errors import LogUnreadable
from sidekick.hub.view import Entry, SilenceStatus
from sidekick.model import Priority
from sidekick.web import replies
from tests.web.fake_hub import HOUR, NOW, SECOND, Admin, FakeHub, alert_id, document


@pytest.fixture
def admin() -> Admin:
    bodies = [document(1), document(2, "Miner", Priority.CRITICAL), document(3)]
    return Admin(FakeHub(bodies))


@pytest.fixture
async def client(admin: Admin) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(admin.app)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://127.0.0.1:2802/api/v1"
    ) as client:
        yield client


def assert_problem(answer: httpx.Response, status: int, *words: str) -> dict[str, Any]:
    """The answer is a problem whose sentence has these words."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == status
    for word in words:
        assert word in found["detail"]
    return found


async def test_search_gives_the_newest_first(client: httpx.AsyncClient) -> None:
    answer = await client.get("/alerts")
    found = msgspec.json.decode(answer.content, type=replies.Found)
    assert [e.seq for e in found.alerts] == [1, 2, 3]
    assert json.loads(bytes(found.alerts[0].document))["rule"] == "Shell"


async def test_search_takes_a_condition(client: httpx.AsyncClient) -> None:
    answer = await client.get("/alerts", params={"match": "alert.rule = Miner"})
    assert [a["seq"] for a in answer.json()["alerts"]] == [2]


async def test_search_is_bounded_by_time_and_limit(admin: Admin, client: httpx.AsyncClient) -> None:
    await client.get("/alerts", params={"since": "2h", "until": "30m", "limit": 7})
    assert admin.hub.calls == [("search", NOW - 2 * HOUR, NOW - HOUR // 2, 7)]


async def test_search_takes_rfc_3339_times(admin: Admin, client: httpx.AsyncClient) -> None:
    await client.get("/alerts", params={"since": "2026-05-28T22:26:39.5+02:00"})
    [(_, since_ns, *_)] = admin.hub.calls
    assert since_ns == NOW - SECOND // 2


@pytest.mark.parametrize(
    ("parameters", "status", "word"),
    [
        ({"match": "alert.rule"}, 400, '1:11: wanted "="'),
        ({"since": "yesterday"}, 422, 'since: wanted a duration such as "1h"'),
        ({"until": "2026-05-28T22:26:40"}, 422, "until: the time"),
        ({"since": "1h", "until": "2h"}, 422, "since: wanted a time before until"),
        ({"limit": "0"}, 422, "limit: input should be greater"),
        ({"limit": "10001"}, 422, "limit: input should be less"),
        ({"match": "x" * 20_001}, 422, "match: string should have at most"),
    ],
)
async def test_a_faulty_search_is_told_in_a_sentence(
    client: httpx.AsyncClient, parameters: dict[str, str], status: int, word: str
) -> None:
    assert_problem(await client.get("/alerts", params=parameters), status, word)


async def test_a_faulty_condition_is_told_with_its_place(client: httpx.AsyncClient) -> None:
    answer = await client.get("/alerts", params={"match": "alert.rule"})
    found = assert_problem(answer, 400)
    assert (found["line"], found["column"]) == (1, 11)


async def test_one_alert_is_found_by_its_id(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/alerts/{alert_id(2)}")
    found = msgspec.json.decode(answer.content, type=Entry)
    assert found.seq == 2
    assert_problem(await client.get("/alerts/nope"), 404, 'no alert "nope"')


async def test_the_log_tells_its_size(client: httpx.AsyncClient) -> None:
    assert (await client.get("/log")).json()["limit_bytes"] == 1024**3


async def test_lanes_tell_what_they_do(client: httpx.AsyncClient) -> None:
    answer = await client.get("/lanes")
    lanes = msgspec.json.decode(answer.content, type=replies.Lanes).lanes
    assert [(lane.name, lane.state) for lane in lanes] == [
        ("slack", "running"),
        ("archive", "paused"),
    ]


async def test_dead_letters_are_listed_by_lane(client: httpx.AsyncClient) -> None:
    answer = await client.get("/dead", params={"lane": "archive", "limit": 1})
    assert [d["id"] for d in answer.json()["dead_letters"]] == [alert_id(1)]
    assert (await client.get("/dead", params={"lane": "slack"})).json() == {"dead_letters": []}
    assert_problem(await client.get("/dead", params={"lane": "x"}), 404, "archive, slack")


async def test_dead_letters_are_retried_by_id(admin: Admin, client: httpx.AsyncClient) -> None:
    answer = await client.post("/dead/retry", json={"ids": [alert_id(2)]})
    assert answer.json() == {"count": 1}
    assert admin.hub.calls == [("retry", None, [alert_id(2)])]


async def test_dead_letters_of_a_lane_are_dropped(admin: Admin, client: httpx.AsyncClient) -> None:
    answer = await client.post("/dead/drop", json={"lane": "archive"})
    assert answer.json() == {"count": 2}
    assert admin.hub.letters == []


@pytest.mark.parametrize("path", ["/dead/retry", "/dead/drop"])
async def test_a_mistyped_key_never_widens_what_is_dropped(
    admin: Admin, client: httpx.AsyncClient, path: str
) -> None:
    answer = await client.post(path, json={"id": [alert_id(1)]})
    assert_problem(answer, 422, "id: extra inputs are not permitted")
    assert admin.hub.calls == []


async def test_the_quarantine_is_listed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/quarantine")
    found = msgspec.json.decode(answer.content, type=replies.QuarantinedBodies).quarantined
    assert found[0].reason == "rule: it is missing"


async def test_replay_sends_a_span_of_the_log_again(
    admin: Admin, client: httpx.AsyncClient
) -> None:
    request = {"lane": "slack", "since": "1h", "match": "alert.rule = Shell"}
    assert (await client.post("/replay", json=request)).json() == {"count": 3}
    assert admin.hub.calls == [("replay", NOW - HOUR, NOW, "slack", True)]


@pytest.mark.parametrize(
    ("request_", "status", "word"),
    [
        ({"lane": "slak", "since": "1h"}, 404, 'no lane "slak"; the lanes are: archive, slack'),
        ({"lane": "slack"}, 422, "since: field required"),
        ({"lane": "slack", "since": "1h", "match": "?"}, 400, "the condition is faulty at 1:2"),
    ],
)
async def test_a_faulty_replay_is_refused(
    admin: Admin, client: httpx.AsyncClient, request_: dict[str, str], status: int, word: str
) -> None:
    assert_problem(await client.post("/replay", json=request_), status, word)
    assert admin.hub.calls == []


SILENCE = {"match": "a = b", "ends": "2h", "comment": "a drill", "creator": "ada"}


async def test_a_silence_is_added_listed_and_expired(client: httpx.AsyncClient) -> None:
    added = await client.post("/silences", json=SILENCE)
    assert added.status_code == 201
    silence = msgspec.json.decode(added.content, type=SilenceStatus)
    assert (silence.starts_ns, silence.ends_ns) == (NOW, NOW + 2 * HOUR)
    listed = msgspec.json.decode((await client.get("/silences")).content, type=replies.Silences)
    assert listed.silences == [silence]
    expired = await client.delete(f"/silences/{silence.id}")
    assert expired.json()["state"] == "expired"
    assert_problem(await client.delete("/silences/nope"), 404, 'no silence "nope"')


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"match": ""}, "match: string should have at least 1"),
        ({"ends": "soon"}, "ends: wanted a duration"),
        ({"comment": ""}, "comment: string should have at least 1"),
        ({"until": "1h"}, "until: extra inputs are not permitted"),
        ({"starts": "3h"}, "ends: it is before the start; match: 1:1: no"),
    ],
)
async def test_a_faulty_silence_is_refused(
    admin: Admin, client: httpx.AsyncClient, change: dict[str, str], word: str
) -> None:
    assert_problem(await client.post("/silences", json=SILENCE | change), 422, word)
    assert admin.hub.kept == []


async def test_a_silence_of_the_file_cannot_be_expired(
    admin: Admin, client: httpx.AsyncClient
) -> None:
    silence = await admin.hub.add_silence("a = b", 0, 1, "", "")
    admin.hub.kept = [msgspec.structs.replace(silence, origin="config")]
    assert_problem(await client.delete("/silences/silence-1"), 409, "end it there")


async def test_explain_answers_for_a_given_time(client: httpx.AsyncClient) -> None:
    answer = await client.post("/explain", params={"at": "1h"}, json={"rule": "Shell"})
    assert answer.json() == {"rule": "Shell", "at": NOW - HOUR}


async def test_explain_names_the_faulty_field(client: httpx.AsyncClient) -> None:
    found = assert_problem(await client.post("/explain", json={}), 400, "rule: it is missing")
    assert found["field"] == "rule"


async def test_rates_are_given_from_the_start(client: httpx.AsyncClient) -> None:
    answer = await client.get("/rates", params={"window": "5m", "top": 3})
    assert msgspec.json.decode(answer.content, type=replies.Rates).seconds == 0
    assert_problem(await client.get("/rates", params={"window": "soon"}), 422, "window: wanted")


async def test_reload_names_all_faults(admin: Admin, client: httpx.AsyncClient) -> None:
    assert (await client.post("/reload")).json() == {"count": 2}
    admin.faults = ["sidekick.yaml:3: unknown key", "sidekick.yaml:9: wanted a number"]
    found = assert_problem(
        await client.post("/reload"), 422, "3: unknown key; sidekick.yaml:9: wanted"
    )
    assert found["faults"] == admin.faults
    assert admin.reloads == 1


async def test_the_configuration_is_shown_without_secrets(client: httpx.AsyncClient) -> None:
    answer = await client.get("/config")
    assert "hunter" not in answer.text
    assert answer.json()["sinks"]["slack"] == {
        "token": "**********",
        "url": "https://***@example.org/x",
    }


async def test_the_version_is_told(client: httpx.AsyncClient) -> None:
    found = msgspec.json.decode((await client.get("/version")).content, type=replies.Version)
    assert (found.version, found.started_ns) == (__version__, NOW)


async def test_a_body_that_is_no_json_is_told(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/replay", content=b"{", headers={"Content-Type": "application/json"}
    )
    assert_problem(answer, 422, "body: this is not JSON: ")


async def test_an_unknown_path_points_to_the_documentation(client: httpx.AsyncClient) -> None:
    assert_problem(await client.get("/nope"), 404, "/api/v1/nope", "/docs")
    assert_problem(await client.put("/lanes"), 405)


async def test_a_log_that_cannot_be_read_is_told(
    admin: Admin, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken() -> object:
        raise LogUnreadable("the alert log cannot be read: it is malformed")

    monkeypatch.setattr(admin.hub, "stats", broken)
    assert_problem(await client.get("/log"), 503, "the alert log cannot be read: it is malformed")


async def test_an_unforeseen_error_is_a_problem_without_details(
    admin: Admin, client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    admin.hub.lanes["broken"] = None  # type: ignore[assignment]
    found = assert_problem(await client.get("/lanes"), 500, "went wrong inside sidekick")
    assert "NoneType" not in str(found)
    assert "a call of the admin API failed" in caplog.text
