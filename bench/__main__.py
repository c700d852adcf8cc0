"""What an alert costs, stage by stage: microseconds of one core, on this machine.

    python -m bench

Each figure is the best of several rounds. "call" is an empty Python call timed in the same run:
figures of different machines compare as multiples of it.
"""

from __future__ import annotations

import asyncio
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import audit, loading, rules
from sidekick import document
from sidekick.hub.config import LogConfig
from sidekick.hub.hub import Hub
from sidekick.model import Alert
from sidekick.pipeline.dedup_config import DedupConfig
from sidekick.pipeline.process import PipelineConfig, Process
from sidekick.rules.compile import compile_condition
from sidekick.sources.falco import decode

_ROUNDS = 5
_ALERTS = 20_000


def body(number: int) -> bytes:
    """An alert of 1 kB as Falco posts it."""
    return (
        '{"output":"12:00:00.000000000: Warning Sensitive file opened for reading by non-trusted '
        f"program | file=/srv/app-{number}/secret.conf gparent=systemd ggparent=<NA> process=cat "
        f"proc_exepath=/usr/bin/cat parent=bash command=cat /srv/app-{number}/secret.conf "
        'terminal=34816 container_id=3fd1c0ffee12 container_name=web","priority":"Warning",'
        '"rule":"Read sensitive file untrusted","source":"syscall","tags":["T1555","container",'
        '"filesystem","host","maturity_stable","mitre_credential_access"],'
        '"time":"2026-01-02T03:04:05.123456789Z","hostname":"node-01","output_fields":{'
        '"container.id":"3fd1c0ffee12","container.image.repository":"docker.io/library/nginx",'
        f'"container.name":"web","evt.time":{1700000000000000000 + number},"evt.type":"openat",'
        f'"fd.name":"/srv/app-{number}/secret.conf","k8s.ns.name":"shop",'
        f'"k8s.pod.name":"web-{number % 200}","proc.cmdline":"cat /srv/app-{number}/secret.conf",'
        '"proc.exepath":"/usr/bin/cat","proc.name":"cat","proc.pname":"bash","proc.tty":34816,'
        '"user.loginuid":-1,"user.name":"root","user.uid":0}}'
    ).encode()


def per_call(function: Callable[[], object], count: int) -> float:
    """Microseconds of CPU for one of ``count`` calls, best of the rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(count):
            function()
        best = min(best, time.process_time() - began)
    return best / count * 1e6


def process(enabled: bool) -> Process:
    """The pipeline with its defaults, or with dedup off."""
    config = PipelineConfig(dedup=DedupConfig(enabled=enabled))
    return Process(config, ("a",), compile_condition)


def assess(pipeline: Process, alerts: list[Alert]) -> float:
    """Microseconds an alert: as many different alerts as given, at one a millisecond."""
    began, now_ns = time.process_time(), 1_700_000_000 * 10**9
    for alert in alerts:
        now_ns += 1_000_000
        pipeline.process(alert, now_ns)
    return (time.process_time() - began) / len(alerts) * 1e6


async def committed(alerts: list[Alert], waiting: int) -> tuple[float, float]:
    """(alerts/s, CPU µs an alert) through the hub to the disk, with so many senders waiting."""
    with tempfile.TemporaryDirectory(dir=".") as directory:
        hub = Hub(Path(directory), LogConfig(), process(enabled=False))
        await hub.start({})
        left, done, loop = iter(alerts), asyncio.Event(), asyncio.get_running_loop()
        answers = 0

        def send() -> None:
            alert = next(left, None)
            if alert is not None:
                hub.offer([alert], answer)

        def answer(error: BaseException | None) -> None:
            nonlocal answers
            assert error is None
            answers += 1
            loop.call_soon(send)
            if answers == len(alerts):
                done.set()

        began, cpu = time.perf_counter(), time.process_time()
        for _ in range(waiting):
            send()
        await done.wait()
        took, spent = time.perf_counter() - began, time.process_time() - cpu
        await hub.close()
    return len(alerts) / took, spent / len(alerts) * 1e6


def main() -> None:
    """Print the table."""
    alerts = [decode(body(n)) for n in range(_ALERTS)]
    one, text = alerts[0], body(0)
    outcome = process(enabled=True).process(one, 1)
    written = document.write("id", one, outcome.assessment)
    condition = compile_condition("alert.priority >= warning and proc.name in (cat, nc)")
    view = {"alert.priority": "Warning", "proc.name": "cat"}
    call = per_call(lambda: None, 1_000_000)
    rows = {
        "empty call": call,
        "decode 1 kB": per_call(lambda: decode(text), 20_000),
        "assess, dedup off": assess(process(enabled=False), alerts),
        "assess, defaults, all different": assess(process(enabled=True), alerts),
        "assess, defaults, one repeated": assess(process(enabled=True), [one] * _ALERTS),
        "write the document": per_call(
            lambda: document.write("id", one, outcome.assessment), 20_000
        ),
        "read the document": per_call(lambda: document.read(written), 20_000),
        "a condition": per_call(lambda: condition(view), 100_000),
    }
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    for name, us in rows.items():
        print(f"{name:34}{us:9.2f} µs {us / call:9.0f} calls")
    print()
    for waiting in (1, 16, 64, 256):
        rate, us = asyncio.run(committed(alerts, waiting))
        print(f"durable, {waiting:3} senders waiting {rate:14,.0f} /s {us:9.1f} µs CPU an alert")
    print()
    loading.main()
    print()
    rules.main()
    print()
    audit.main()


if __name__ == "__main__":
    main()
