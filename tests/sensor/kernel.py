"""The real sensor on this machine's kernel: its processes, their lines, and acts to be seen."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SECS = 20.0
_LIMITED = """
import ctypes, os, sys
for number in filter(None, sys.argv[1].split(",")):
    assert ctypes.CDLL(None).prctl(24, int(number), 0, 0, 0) == 0  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


class Running:
    """A process whose lines on standard output are alerts, and what it says on standard error."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._alerts: queue.Queue[dict[str, Any]] = queue.Queue()
        self._said: queue.Queue[str] = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read_alerts),
            threading.Thread(target=self._read_sentences),
        ]
        for thread in self._threads:
            thread.start()

    def hears(self, words: str) -> str:
        """The next sentence with these words."""
        while True:
            sentence = self._said.get(timeout=SECS)
            if words in sentence:
                return sentence

    def alert(self, rule: str, **fields: Any) -> dict[str, Any]:
        """The next alert of a rule with these values of output fields, dots as underscores."""
        while True:
            found = self._alerts.get(timeout=SECS)
            values = {k.replace(".", "_"): v for k, v in found["output_fields"].items()}
            if found["rule"] == rule and fields.items() <= values.items():
                return found

    def alert_of_any_rule(self) -> dict[str, Any]:
        """The next alert."""
        return self._alerts.get(timeout=SECS)

    def alerts(self) -> list[dict[str, Any]]:
        """Those that have come and nobody asked for."""
        found = []
        with suppress(queue.Empty):
            while True:
                found.append(self._alerts.get_nowait())
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """End it; gives its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(SECS)
        for thread in self._threads:
            thread.join()
        return code

    def _read_alerts(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                if line.endswith(b"\n"):  # what is killed may have written half of its last one
                    self._alerts.put(json.loads(line))

    def _read_sentences(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as stream:
            for line in stream:
                self._said.put(line.decode())


@contextmanager
def running(
    *arguments: str, state: Path, without: Sequence[int] = (), within: Sequence[str] = ()
) -> Iterator[Running]:
    """``sidekick`` with these arguments and ports of its own, until the end of the block.

    ``without``: capabilities that it cannot have. ``within``: a command that becomes it.
    """
    config = state / "sidekick.yaml"
    if not config.exists():
        config.write_text("listen: {address: 127.0.0.1, port: 0}\nadmin: {enabled: false}\n")
    command = [*within, sys.executable, "-c", _LIMITED, ",".join(map(str, without))]
    command += ["-m", "sidekick", *arguments, "--state", str(state)]
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    found = Running(process)
    try:
        yield found
    finally:
        found.stop()


def act(*command: str) -> None:
    """Do something that rules see."""
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def rule(name: str, condition: str, output: str = "%proc.cmdline") -> str:
    """A rule file with one rule."""
    keys: Sequence[str] = (f"rule: {name}", "desc: d", f"condition: {json.dumps(condition)}")
    return "- " + "\n  ".join([*keys, f"output: {json.dumps(output)}", "priority: NOTICE"]) + "\n"
