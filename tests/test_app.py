"""The service as its users meet it: started, misconfigured, reloaded, asked, stopped."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sidekick.app import App, _told
from tests.audit.events import event
from tests.faults.load import Load, alert
from tests.faults.receiver import receiver
from tests.faults.system import System, free_port, system, until
from tests.servers.certificates import make_certificates
from tests.servers.prometheus import Prometheus

AUDIT_RULE = """\
- rule: Secret read
  desc: somebody read a secret
  condition: jevt.rawtime exists and ka.verb = get and ka.target.resource = secrets
  output: user=%ka.user.name
  priority: WARNING
  source: k8s_audit
"""
SIDEKICK = str(Path(sys.executable).parent / "sidekick")


def _webhook(port: int, **more: Any) -> dict[str, Any]:
    return {"type": "webhook", "url": f"http://127.0.0.1:{port}/"} | more


async def _api(hub: System, method: str, path: str, **more: Any) -> httpx.Response:
    """A call of the admin API, which comes up a moment after the listener."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.admin_port}/api/v1") as client:
        for _ in range(200):
            try:
                return await client.request(method, path, **more)
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
    raise AssertionError(hub.log())


async def _post(hub: System, body: bytes, path: str = "/") -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"http://127.0.0.1:{hub.port}{path}", content=body)


def _rewrite(hub: System, change: Callable[[dict[str, Any]], object]) -> None:
    file = hub.directory / "sidekick.yaml"
    config = yaml.safe_load(file.read_text())
    change(config)
    file.write_text(yaml.safe_dump(config))


async def test_the_default_prints_a_line_per_alert_and_says_where_to_send(tmp_path: Path) -> None:
    config: dict[str, Any] = {"sinks": {"stdout": {"type": "stdout"}}}
    async with system(tmp_path, config) as hub:
        banner = hub.log()
        assert f":{hub.port}/" in banner
        assert "Switched off: TLS, tokens" in banner
        assert (await _post(hub, alert(7))).status_code == 200
        await until(lambda: "number-7!" in hub.log(), 5, "no line was printed")


async def test_repeats_are_held_back_and_kept_in_the_log(tmp_path: Path) -> None:
    async with (
        receiver() as (got, port),
        system(tmp_path, {"sinks": {"a": _webhook(port)}}) as hub,
    ):
        for _ in range(5):
            await _post(hub, alert(1))
        await until(lambda: got.seen[1] >= 1, 5, "nothing was delivered")
        found = (await _api(hub, "GET", "/alerts", params={"since": "1h"})).text
        assert found.count("number-1!") == 5
        assert got.seen[1] == 1


async def test_audit_events_are_judged_by_the_rules_and_delivered(tmp_path: Path) -> None:
    (tmp_path / "rules.yaml").write_text(AUDIT_RULE)
    port = free_port()
    source = {"type": "k8s_audit", "address": "127.0.0.1", "port": port}
    config = {
        "rules": {"files": [str(tmp_path / "rules.yaml")]},
        "sources": {"audit": source},
        "sinks": {"told": {"type": "file", "path": str(tmp_path / "told.ndjson")}},
    }
    async with system(tmp_path, config) as hub:
        await until(lambda: "waiting for audit events" in hub.log(), 10, hub.log())
        async with httpx.AsyncClient() as client:
            url = f"http://127.0.0.1:{port}/k8s-audit"
            answer = await client.post(url, json=event("get", "secrets", "db"))
        assert answer.status_code == 200
        told = tmp_path / "told.ndjson"
        await until(lambda: told.exists() and told.read_text(), 10, hub.log())

    document = json.loads(told.read_text())
    assert document["rule"] == "Secret read"
    assert document["output_fields"]["ka.user.name"] == "alice"


async def test_rules_are_exchanged_when_their_files_change(tmp_path: Path) -> None:
    folder, port = tmp_path / "rules", free_port()
    folder.mkdir()
    (folder / "one.yaml").write_text(AUDIT_RULE)
    config = {
        "rules": {"files": [str(folder)]},
        "sources": {"audit": {"type": "k8s_audit", "address": "127.0.0.1", "port": port}},
        "sinks": {"told": {"type": "file", "path": str(tmp_path / "told.ndjson")}},
    }

    def told() -> set[str]:
        text = (tmp_path / "told.ndjson").read_text()
        return {json.loads(line)["rule"] for line in text.splitlines()}

    async with system(tmp_path, config) as hub, httpx.AsyncClient() as client:

        async def send(number: int) -> None:
            url = f"http://127.0.0.1:{port}/k8s-audit"
            answer = await client.post(url, json=event("get", "secrets", f"db-{number}"))
            assert answer.status_code == 200

        await until(lambda: "waiting for audit events" in hub.log(), 10, hub.log())
        await send(1)
        await until((tmp_path / "told.ndjson").exists, 10, hub.log())

        (folder / "one.yaml").write_text("- rule: Broken\n")
        await until(lambda: "stays as it was" in hub.log(), 10, hub.log())
        assert f"{folder}/one.yaml:1:" in hub.log()
        await send(2)

        (folder / "one.yaml").write_text(AUDIT_RULE.replace("Secret read", "Renamed"))
        await until(lambda: "configuration reloaded" in hub.log(), 10, hub.log())
        await send(3)
        await until(lambda: told() == {"Secret read", "Renamed"}, 10, hub.log())

        first = AUDIT_RULE.replace("Secret read", "In another file")
        (folder / "another.yaml").write_text(first)
        await until(lambda: hub.log().count("configuration reloaded") == 2, 10, hub.log())
        await send(4)
        await until(lambda: "In another file" in told(), 10, hub.log())


def test_rules_that_do_not_load_stop_the_start(tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(AUDIT_RULE.replace("ka.verb", "ka.vreb"))
    config = {
        "state_dir": str(tmp_path / "state"),
        "rules": {"files": [str(rules)]},
        "sources": {"audit": {"type": "k8s_audit"}},
    }
    (tmp_path / "sidekick.yaml").write_text(yaml.safe_dump(config))

    ended = subprocess.run(
        [SIDEKICK, "hub", "-c", "sidekick.yaml"], cwd=tmp_path, capture_output=True, text=True
    )

    assert ended.returncode == 1, ended.stderr
    assert f'{rules}:3:38: nonexistent field "ka.vreb"' in ended.stderr


async def test_after_a_kill_the_window_of_a_repeat_is_still_open(tmp_path: Path) -> None:
    async with (
        receiver() as (got, port),
        system(tmp_path, {"sinks": {"a": _webhook(port)}}) as hub,
    ):
        await _post(hub, alert(1))
        await until(lambda: got.seen[1] == 1, 5, "nothing was delivered")
        await hub.stop(signal.SIGKILL)
        await hub.start()
        await _post(hub, alert(1))
        await _post(hub, alert(2))
        await until(lambda: got.seen[2] == 1, 5, "nothing was delivered after the kill")
        assert got.seen[1] <= 2  # the one in flight at the kill may come again
        assert len(got.ids[1]) == 1


async def test_a_changed_file_is_taken_over_without_losing_an_alert(tmp_path: Path) -> None:
    async with receiver() as (first, one), receiver() as (second, two):
        config = {"sinks": {"a": _webhook(one)}, "dedup": {"enabled": False}}
        async with system(tmp_path, config) as hub:
            load = Load(hub.port)
            sending = asyncio.create_task(load.run(connections=4, rate=200))
            await until(lambda: len(first.seen) > 50, 10, "nothing was delivered")
            _rewrite(hub, lambda c: c["sinks"].update(b=_webhook(two)))
            await until(lambda: len(second.seen) > 50, 15, hub.log())
            load.stopped = True
            await sending
            await until(lambda: set(load.answered) <= set(first.seen), 10, "alerts were lost")
            assert set(load.statuses) == {200}


async def test_a_faulty_change_is_refused_with_its_place_and_changes_nothing(
    tmp_path: Path,
) -> None:
    async with (
        receiver() as (got, port),
        system(tmp_path, {"sinks": {"a": _webhook(port)}}) as hub,
    ):
        _rewrite(hub, lambda c: c["sinks"]["a"].update(ulr="x"))
        assert hub.process is not None
        hub.process.send_signal(signal.SIGHUP)
        await until(lambda: "stays as it was" in hub.log(), 5, hub.log())
        assert "sidekick.yaml:" in hub.log()
        assert "url" in hub.log()
        await _post(hub, alert(3))
        await until(lambda: got.seen[3] == 1, 5, "the old configuration is not in force")


async def test_dead_letters_are_listed_and_delivered_on_request(tmp_path: Path) -> None:
    async with receiver() as (got, port):
        got.set_mode("status:422")
        async with system(tmp_path, {"sinks": {"a": _webhook(port)}}) as hub:
            await _post(hub, alert(4))
            async with asyncio.timeout(10):
                while not (letters := (await _api(hub, "GET", "/dead")).json()):
                    await asyncio.sleep(0.05)
            assert "422" in json.dumps(letters)
            got.set_mode("ok")
            done = await asyncio.to_thread(
                subprocess.run,
                [
                    SIDEKICK,
                    "dead",
                    "retry",
                    "--lane",
                    "a",
                    "--url",
                    f"http://127.0.0.1:{hub.admin_port}",
                ],
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            await until(lambda: got.seen[4] == 1, 10, "the dead letter was not delivered")


async def test_replay_sends_from_the_log_again_with_the_same_ids(tmp_path: Path) -> None:
    async with (
        receiver() as (got, port),
        system(tmp_path, {"sinks": {"a": _webhook(port)}, "dedup": {"enabled": False}}) as hub,
    ):
        await Load(hub.port).run(connections=4, most=200)
        await until(lambda: len(got.seen) == 200, 10, "not delivered")
        answer = await _api(hub, "POST", "/replay", json={"since": "1h", "lane": "a"})
        assert answer.status_code == 200, answer.text
        await until(lambda: got.repeats == 200, 15, f"{got.repeats} came again")
        assert all(len(ids) == 1 for ids in got.ids.values())


async def test_what_is_no_alert_is_kept_and_listed(tmp_path: Path) -> None:
    async with system(tmp_path, {"sinks": {"stdout": {"type": "stdout"}}}) as hub:
        answer = await _post(hub, b'{"rule": "x", "priority": "Loud"}')
        assert answer.status_code == 400
        assert "priority" in answer.text
        async with asyncio.timeout(10):
            while "Loud" not in (await _api(hub, "GET", "/quarantine")).text:
                await asyncio.sleep(0.05)


async def test_metrics_health_and_readiness_are_served(tmp_path: Path) -> None:
    async with (
        receiver() as (got, port),
        system(tmp_path, {"sinks": {"a": _webhook(port)}}) as hub,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{hub.port}") as client,
    ):
        await _post(hub, alert(1))
        await until(lambda: got.seen[1] == 1, 5, "not delivered")
        assert (await client.post("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).status_code == 200
        text = (await client.get("/metrics")).text
    assert 'sidekick_alerts_total{priority="Warning",rule="Read sensitive file untrusted"' in text
    assert 'sidekick_delivered_total{lane="a"} 1.0' in text


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("sinks: {a: {type: webhok}}", ["webhook", ":1:"]),
        ("sinks: {a: {type: stdout}}\nroute: {lanes: [b]}", ["b", ":2:"]),
        ("sinks: [", [":1:"]),
        ("sinks: {a: {type: slack, webhook_url: '${NOT_SET_ANYWHERE}'}}", ["NOT_SET_ANYWHERE"]),
    ],
)
def test_a_wrong_configuration_is_one_clear_answer(
    tmp_path: Path, config: str, words: list[str]
) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text(config)
    done = subprocess.run(
        [SIDEKICK, "hub", "-c", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


async def test_a_second_start_on_the_same_log_says_who_has_it(tmp_path: Path) -> None:
    async with system(tmp_path, {"sinks": {"stdout": {"type": "stdout"}}}) as hub:
        _rewrite(hub, lambda c: c["listen"].update(port=free_port()))
        done = await asyncio.to_thread(
            subprocess.run,
            [SIDEKICK, "hub", "-c", "sidekick.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert hub.process is not None
        assert done.returncode == 1
        assert f"pid {hub.process.pid}" in done.stderr
        assert "Traceback" not in done.stderr


async def test_a_log_that_is_removed_under_it_ends_the_run_after_a_drain(tmp_path: Path) -> None:
    kept = tmp_path / "kept.ndjson"
    sinks = {"kept": {"type": "file", "path": str(kept)}}
    async with system(tmp_path, {"sinks": sinks}) as hub:
        await _post(hub, alert(1))
        shutil.rmtree(tmp_path / "state")
        await _post(hub, alert(2))
        assert hub.process is not None
        async with asyncio.timeout(20):
            assert await hub.process.wait() == 1
        assert "alerts.db: somebody removed the alert log" in hub.log()
        assert "Traceback" not in hub.log()
        assert kept.read_text().count("\n") == 2
        await hub.start()
        assert (await _post(hub, alert(3))).status_code == 200


async def test_a_reload_that_fails_in_an_unforeseen_way_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = App(None, {}, {"state_dir": str(tmp_path)})

    async def fails() -> None:
        raise RuntimeError("disk image is malformed")

    monkeypatch.setattr(app, "reload", fails)
    await app._reload_or_tell()
    assert "the configuration could not be reloaded" in caplog.text


async def test_a_part_that_ends_is_told_when_it_happens(caplog: pytest.LogCaptureFixture) -> None:
    async def breaks() -> None:
        raise RuntimeError("oops")

    await _told("watch", breaks())
    assert "a part of the hub has ended" in caplog.text
    assert caplog.records[0].__dict__["part"] == "watch"


@pytest.mark.parametrize("out", [">/dev/full", "| true"])
async def test_a_banner_that_nobody_reads_stops_nothing(tmp_path: Path, out: str) -> None:
    sinks = {"kept": {"type": "file", "path": str(tmp_path / "kept.ndjson")}}
    hub = System(tmp_path, {"sinks": sinks})
    hub.process = await asyncio.create_subprocess_exec(
        *("/bin/sh", "-c", f'"$0" hub -c sidekick.yaml 2>>log {out}', SIDEKICK),
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(20):
            while not await hub.answers():
                await asyncio.sleep(0.05)
        assert (await _post(hub, alert(1))).status_code == 200
    finally:
        os.killpg(hub.process.pid, signal.SIGKILL)
        await hub.process.wait()


async def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    async with receiver() as (_, port):
        config = f"listen: {{address: 127.0.0.1, port: {port}}}\nadmin: {{enabled: false}}\n"
        (tmp_path / "sidekick.yaml").write_text(config)
        done = await asyncio.to_thread(
            subprocess.run,
            [SIDEKICK, "hub", "-c", "sidekick.yaml"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


async def test_an_admin_port_in_use_stops_no_alert_and_is_tried_again(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        hub = System(tmp_path, {"admin": {"port": port}, "sinks": {"stdout": {"type": "stdout"}}})
        hub.admin_port = port
        await hub.start()
        await until(lambda: "the admin API cannot listen" in hub.log(), 5, hub.log())
        assert (await _post(hub, alert(1))).status_code == 200
    try:
        await until(lambda: "can be reached now" in hub.log(), 10, hub.log())
        assert (await _api(hub, "GET", "/version")).status_code == 200
    finally:
        await hub.stop(signal.SIGKILL)


async def test_a_live_view_ends_with_the_hub_and_does_not_hold_it_up(tmp_path: Path) -> None:
    async with system(tmp_path, {"sinks": {"stdout": {"type": "stdout"}}}) as hub:
        await _api(hub, "GET", "/version")
        url = f"http://127.0.0.1:{hub.admin_port}"
        tail = await asyncio.create_subprocess_exec(
            *(SIDEKICK, "tail", "--url", url),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert tail.stdout is not None
        shown = asyncio.create_task(tail.stdout.readline())
        number = 0
        while not shown.done():  # until it watches
            await _post(hub, alert(number := number + 1))
            await asyncio.sleep(0.05)
        assert await hub.stop(signal.SIGTERM) == 0
        _, told = await tail.communicate()
        assert b"has ended the live view" in told
        assert "Traceback" not in hub.log()
        assert hub.log().rstrip().endswith("stopped waiting=-")


@pytest.mark.servers
async def test_a_real_prometheus_reads_what_came_and_what_was_delivered(
    tmp_path: Path, prometheus_server: Prometheus
) -> None:
    sinks = {"kept": {"type": "file", "path": str(tmp_path / "alerts.ndjson")}}
    async with system(tmp_path, {"sinks": sinks, "dedup": {"enabled": False}}) as hub:
        for number in range(5):
            await _post(hub, alert(number))
        prometheus_server.scrape(f"127.0.0.1:{hub.port}")
        wanted = {
            'sidekick_alerts_total{source="syscall",priority="Warning"}': "5",
            'sidekick_delivered_total{lane="kept"}': "5",
            'sidekick_alerts_received_total{status="accepted"}': "5",
        }
        async with asyncio.timeout(30):
            for expression, value in wanted.items():
                while not _is(prometheus_server.query(expression), value):
                    await asyncio.sleep(0.2)


def _is(found: list[dict[str, Any]], value: str) -> bool:
    return any(one["value"][1] == value for one in found)


async def test_the_api_speaks_tls_to_clients_with_a_certificate(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    (tmp_path / "server.pem").write_text(made.server_chain)
    (tmp_path / "server.key").write_text(made.server_key)
    tls = {
        "cert_file": str(tmp_path / "server.pem"),
        "key_file": str(tmp_path / "server.key"),
        "client_ca_file": str(made.ca_file),
    }
    port = free_port()
    config = {"sinks": {"stdout": {"type": "stdout"}}, "admin": {"port": port, "tls": tls}}
    async with system(tmp_path, config):
        context = ssl.create_default_context(cafile=str(made.ca_file))
        url = f"https://localhost:{port}/api/v1/version"
        async with httpx.AsyncClient(verify=context) as stranger:
            with pytest.raises(httpx.HTTPError):
                await stranger.get(url)
        context.load_cert_chain(made.cert_file, made.key_file)
        async with httpx.AsyncClient(verify=context) as client:
            assert (await client.get(url)).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    async with system(tmp_path, {"sinks": {"stdout": {"type": "stdout"}}}) as hub:
        assert await hub.stop(number) == 0
        assert "Traceback" not in hub.log()


async def test_a_falcosidekick_file_is_taken(tmp_path: Path) -> None:
    async with receiver() as (got, port):
        listen = free_port()
        (tmp_path / "config.yaml").write_text(
            f"listenaddress: 127.0.0.1\nlistenport: {listen}\n"
            f"webhook:\n  address: http://127.0.0.1:{port}/\n"
        )
        process = await asyncio.create_subprocess_exec(
            SIDEKICK,
            "hub",
            "-c",
            "config.yaml",
            "--state",
            "state",
            cwd=tmp_path,
            env=os.environ | {"SIDEKICK_ADMIN_PORT": "0"},
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            load = Load(listen)
            await load.run(connections=2, most=20)
            await until(lambda: len(got.seen) == 20, 10, "not delivered")
        finally:
            process.kill()
            await process.wait()
