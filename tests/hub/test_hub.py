from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import time
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sidekick import metrics
from sidekick.errors import Shed
from sidekick.hub import hub as module
from sidekick.hub.archive import Archive
from sidekick.hub.config import LogConfig
from sidekick.hub.hub import Hub
from sidekick.hub.spool import LogError, Spool
from sidekick.model import Alert, Outcome, Priority
from tests.hub.hubs import Stand, TellsAll, alert, number_of, real_pipeline, until
from tests.hub.logs import MIB, execute

EVER = 2**62
HOUR = 3600 * 10**9
P = Priority


def _copy(directory: Path, to: Path) -> Path:
    """The log as a kill -9 leaves it now."""
    to.mkdir()
    for file in ("alerts.db", "alerts.db-wal"):
        shutil.copy(directory / file, to / file)
    return to


def _numbers(directory: Path) -> list[int]:
    archive = Archive(directory)
    found = [number_of(body) for _, _, body in archive.since(0)]
    archive.close()
    return found


async def test_what_was_answered_is_in_the_log_after_a_crash(stand: Stand, tmp_path: Path) -> None:
    answered: list[int] = []
    async with stand.running("a") as hub:
        copies = []
        for first in range(1, 60, 20):
            for n in range(first, first + 20):
                hub.offer([alert(n)], lambda e, n=n: answered.append(n))  # type: ignore[misc]
            assert len(answered) == first - 1
            await until(lambda first=first: len(answered) == first + 19)  # type: ignore[misc]
            copies.append((_copy(tmp_path, tmp_path / str(first)), list(answered)))
    for copy, known in copies:
        assert _numbers(copy) == known


async def test_after_a_crash_lanes_go_on_and_ids_are_the_same(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = stand.sink("a")
    sink.gate.clear()
    async with stand.running("a"):
        await stand.accept(*range(1, 101))
        await until(lambda: sink.flying > 0)
        crashed = Stand(_copy(tmp_path, tmp_path / "crashed"), monkeypatch)
    crashed.sinks = stand.sinks
    sink.gate.set()
    async with crashed.running("a") as hub:
        await crashed.accept(101)
        assert await hub.drain(10)
    assert sorted(sink.got) == list(range(1, 102))
    assert all(len(ids) == 1 for ids in sink.ids.values())
    assert len({next(iter(ids)) for ids in sink.ids.values()}) == 101


async def test_a_second_hub_on_the_same_directory_is_refused(stand: Stand, tmp_path: Path) -> None:
    async with stand.running("a"):
        with pytest.raises(LogError, match="another sidekick"):
            Hub(tmp_path, LogConfig(), TellsAll())


async def test_a_damaged_log_is_refused_with_what_to_do(stand: Stand, tmp_path: Path) -> None:
    async with stand.running("a"):
        await stand.accept(*range(1, 200))
    file = tmp_path / "alerts.db"
    content = file.read_bytes()
    file.write_bytes(content[:8192] + b"\xa5" * (len(content) - 8192))
    with pytest.raises(LogError, match=r"malformed; move the directory away.*\.recover"):
        async with stand.running("a"):
            pass


async def test_an_alert_that_cannot_be_read_back_costs_only_itself(
    stand: Stand, tmp_path: Path
) -> None:
    async with stand.running("a"):
        await stand.accept(1, 2)
        await until(lambda: len(stand.sink("a").got) == 2)
    with contextlib.closing(sqlite3.connect(tmp_path / "alerts.db")) as db, db:
        db.execute("UPDATE alert SET body = x'a5' WHERE seq = 1")
        db.execute("UPDATE state SET value = x'a5'")
    pipeline = TellsAll("a")
    async with stand.running("a", pipeline=pipeline):
        assert pipeline.seen == ["Rule 2"]
        await stand.accept(3)
        await until(lambda: stand.sink("a").got[-1] == 3)


async def test_a_clock_that_is_set_back_loses_nothing_and_ids_stay_unique(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind = 0
    clock = SimpleNamespace(time_ns=lambda: time.time_ns() - behind, monotonic=time.monotonic)
    monkeypatch.setattr(module, "time", clock)
    async with stand.running("a") as hub:
        await stand.accept(*range(1, 11))
        behind = HOUR
        await stand.accept(*range(11, 21))
        assert await hub.drain(5)
        found = await hub.desk.search(None, 0, EVER, 100)
    assert [number_of(bytes(e.document)) for e in found] == list(range(20, 0, -1))
    assert len({e.id for e in found}) == 20
    assert all(uuid.UUID(e.id).version == 7 for e in found)
    assert sorted(stand.sink("a").got) == list(range(1, 21))
    async with stand.running("a"):
        await stand.accept(21)
        await until(lambda: stand.sink("a").got[-1] == 21)


def _full(hub: Hub, priority: Priority) -> None:
    hub._spool.room.shed_priority = priority


def _shed_at_the_door() -> float:
    return float(metrics.lost.labels("shed at the door")._value.get())


async def test_a_full_log_refuses_the_least_severe_and_takes_the_severe(stand: Stand) -> None:
    async with stand.running("a") as hub:
        _full(hub, P.WARNING)
        before = _shed_at_the_door()
        for number, priority in enumerate(P, start=1):
            if priority <= P.WARNING:
                with pytest.raises(Shed, match="takes only more severe alerts"):
                    await hub.accept([alert(number, priority)])
            else:
                await hub.accept([alert(number, priority)])
        assert _shed_at_the_door() == before + 4
        await until(lambda: sorted(stand.sink("a").got) == [5, 6, 7, 8])


async def test_a_full_log_takes_a_batch_whole_or_not_at_all(stand: Stand) -> None:
    async with stand.running("a") as hub:
        _full(hub, P.WARNING)
        before = _shed_at_the_door()
        with pytest.raises(Shed):
            await hub.accept([alert(1, P.CRITICAL), alert(2, P.DEBUG)])
        assert _shed_at_the_door() == before + 2
        await hub.accept([alert(3, P.CRITICAL), alert(4, P.ERROR)])
        assert len(await hub.desk.search(None, 0, EVER, 10)) == 2


async def test_a_log_at_its_limit_sheds_and_stays_within_it(stand: Stand) -> None:
    stand.sink("a").gate.clear()
    stand.lane["a"] = {"concurrency": 1}
    async with stand.running("a") as hub:
        await hub.accept([alert(1, P.EMERGENCY)])
        number = 1
        while await _taken(hub, alert(number + 1, P.DEBUG, "x" * 20_000)):
            number += 1
            assert number < 5000
            hub._writer._tidied = 0.0  # as if a second had passed
        await hub.accept([alert(number + 1, P.CRITICAL)])
        stats = await hub.desk.stats()
        assert stats.bytes <= 1.05 * stats.limit_bytes
        critical = await hub.desk.search(lambda r: r["alert.priority"] != "debug", 0, EVER, 10)
        assert {number_of(bytes(e.document)) for e in critical} >= {1, number + 1}
        depth = stand.status("a").depth
        await hub._recount()
        assert stand.status("a").depth < depth


async def _taken(hub: Hub, one: Alert) -> bool:
    try:
        await hub.accept([one])
    except Shed:
        return False
    return True


def _fill_up(filler: Path) -> None:
    """Take all that is left of the disk, as another program may."""
    with contextlib.suppress(OSError), open(filler, "wb") as file:
        while True:
            file.write(b"x" * 65536)


@pytest.mark.parametrize("reserve", [4 * MIB, LogConfig().reserve])
async def test_on_a_full_disk_severe_alerts_are_taken_and_afterwards_all_again(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch, reserve: int
) -> None:
    stand = Stand(small_disk, monkeypatch)
    sink = stand.sink("a")
    sink.gate.clear()
    async with stand.running("a", log=LogConfig(reserve=reserve)) as hub:
        filler = small_disk / "filler"
        await asyncio.to_thread(_fill_up, filler)
        number = 0
        while await _taken(hub, alert(number + 1, P.DEBUG, "x" * 7_000)):
            number += 1
            assert number < 3000
        for severe in range(10_001, 10_101):
            await hub.accept([alert(severe, P.CRITICAL, "x" * 7_000)])
        filler.unlink()
        sink.gate.set()
        assert await hub.drain(10)
        assert set(sink.got) >= set(range(10_001, 10_101))
        await hub._writer.run(lambda spool: [spool.room.tidy(0) for _ in range(20)])
        await hub.accept([alert(number + 2, P.DEBUG)])
        assert hub.problems() == []


async def test_more_than_may_wait_for_a_commit_is_refused(stand: Stand) -> None:
    async with stand.running("a", log=LogConfig(in_flight=1)) as hub:
        answers: list[BaseException | None] = []
        hub._writer.pending_bytes = 2
        hub.offer([alert(1, P.EMERGENCY)], answers.append)
        assert isinstance(answers[0], Shed)
        assert "too many alerts wait" in str(answers[0])
        hub._writer.pending_bytes = 0
        await hub.accept([alert(2)])


async def test_when_the_log_cannot_be_written_nothing_is_answered_and_the_hub_not_ready(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand.running("a") as hub:
        assert hub.problems() == []
        monkeypatch.setattr(hub._spool, "write", _no_write)
        with pytest.raises(Shed, match="disk I/O error"):
            await hub.accept([alert(1)])
        assert hub.problems() == ["the alert log cannot be written: disk I/O error"]
        monkeypatch.delattr(hub._spool, "write")
        await hub.accept([alert(2)])
        assert hub.problems() == []
        assert await hub.drain(5)
    assert stand.sink("a").got == [2]


class Faulty(TellsAll):
    def process(self, alert: Alert, now_ns: int) -> Outcome:
        raise RuntimeError("a fault in a stage")


async def test_a_fault_of_the_pipeline_costs_the_assessment_not_the_alert(stand: Stand) -> None:
    async with stand.running("a", "b", pipeline=Faulty()):
        await stand.accept(1)
        await until(lambda: stand.sink("a").got == stand.sink("b").got == [1])


async def test_the_quarantine_keeps_so_many_beginnings(stand: Stand) -> None:
    log = LogConfig(max_size=16 * MIB, reserve=0, quarantine=3)
    async with stand.running("a", log=log) as hub:
        for n in range(10):
            hub.quarantine("falco", b"%d" % n * 10_000, "rule: " + "x" * 5000)
        found = await hub.desk.quarantined(100)
    assert [q.body[0] for q in found] == ["9", "8", "7"]
    assert {(len(q.body), len(q.reason)) for q in found} == {(4096, 1000)}


async def test_the_quarantine_takes_no_memory_without_bound_while_nothing_is_written(
    stand: Stand,
) -> None:
    async with stand.running("a") as hub:
        for n in range(10_000):
            hub.quarantine("falco", b"%d" % n, "no")
        assert hub._writer.waiting_statements < 3000


async def test_what_was_seen_since_the_last_snapshot_is_seen_again_after_a_crash(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand.running("a", pipeline=TellsAll("a")) as hub:
        await stand.accept(1, 2)
        hub._snapshot()
        await stand.accept(3, 4)
        crashed = Stand(_copy(tmp_path, tmp_path / "crashed"), monkeypatch)
    pipeline = TellsAll("a")
    async with crashed.running("a", pipeline=pipeline):
        assert pipeline.restored == {"seen": b"2"}
        assert pipeline.seen == ["Rule 3", "Rule 4"]


async def test_a_repeat_after_a_crash_is_a_repeat_still(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stand.running("a", pipeline=real_pipeline("a")):
        await stand.accept(1, 1)
        crashed = Stand(_copy(tmp_path, tmp_path / "crashed"), monkeypatch)
    async with crashed.running("a", pipeline=real_pipeline("a")) as hub:
        await crashed.accept(1, 2)
        assert await hub.drain(5)
        newest = (await hub.desk.search(None, 0, EVER, 2))[1]
        assert b'"kind":"repeat","count":3' in bytes(newest.document)
    assert 1 not in crashed.sink("a").got[1:]
    assert 2 in crashed.sink("a").got


async def test_a_stage_that_fails_is_counted_and_told(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_TICK_SECS", 0.01)
    before = metrics.faults.labels("pipeline")._value.get()
    pipeline = TellsAll("a")
    async with stand.running("a", pipeline=pipeline):
        pipeline.faults, pipeline.last_fault = 3, "score: KeyError: x"
        async with asyncio.timeout(5):
            while "failed and was left out" not in caplog.text:
                await asyncio.sleep(0.01)
    assert metrics.faults.labels("pipeline")._value.get() == before + 3
    assert caplog.text.count("failed and was left out") == 1


async def test_the_digest_of_a_window_that_closes_is_kept_until_it_can_be_written(
    stand: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TICK_SECS", 0.01)
    async with stand.running("a", pipeline=real_pipeline("a")) as hub:
        await stand.accept(1, 1, 1)
        assert await hub.drain(5)
        with monkeypatch.context() as failing:
            failing.setattr(hub._spool, "write", _no_write)
            hub._close_windows(time.time_ns() + 30 * 24 * HOUR)
            await hub._writer.flush()
            assert hub.problems()
        await until(lambda: stand.sink("a").got == [1, 1])
        newest = (await hub.desk.search(None, 0, EVER, 10))[0]
        assert b'"kind":"digest","count":3' in bytes(newest.document)


def _no_write(group: Any) -> None:
    raise sqlite3.OperationalError("disk I/O error")


async def test_a_committed_alert_is_counted(stand: Stand) -> None:
    async with stand.running("a"):
        await stand.accept(90_001, 90_001)
    counted = [
        sample.value
        for metric in metrics.alerts.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels["rule"] == "Rule 90001"
    ]
    assert counted == [2.0]


async def test_a_log_can_be_reopened_after_a_close(stand: Stand, tmp_path: Path) -> None:
    async with stand.running("a"):
        await stand.accept(1, 2)
    assert _numbers(tmp_path) == [1, 2]
    spool = Spool(tmp_path, LogConfig())
    assert execute(spool, "PRAGMA integrity_check") == [("ok",)]
    spool.close()
