"""The service as falcosidekick's container is started: by variables alone, or beside its file."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.servers.answering import Quiet, serving
from tests.servers.process import free_ports, running

SIDEKICK = Path(sys.executable).parent / "sidekick"
ALERT = {
    "output": "10:00:00.000000000: Warning Shell opened",
    "priority": "Warning",
    "rule": "Shell",
    "time": "2026-01-31T10:00:00.000000001Z",
    "source": "syscall",
    "output_fields": {"proc.name": "bash", "env": "the sender's"},
}


class Receiver:
    """Keeps what is posted to it."""

    def __init__(self) -> None:
        self.port = 0
        self._got: queue.Queue[tuple[str, dict[str, str], Any]] = queue.Queue()

    def next(self) -> tuple[str, dict[str, str], Any]:
        """Path, headers and body of the next request."""
        return self._got.get(timeout=20)

    @contextmanager
    def listening(self) -> Iterator[Receiver]:
        got = self._got

        class Handler(Quiet):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                got.put((self.path, dict(self.headers), json.loads(body)))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

        with serving(Handler) as self.port:
            yield self


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A server that takes what sinks send."""
    with Receiver().listening() as found:
        yield found


@contextmanager
def hub(folder: Path, *words: str, **variables: str) -> Iterator[int]:
    """``sidekick hub`` with these variables; gives its port."""
    (port,) = free_ports(1)

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=1):
                return True
        except OSError:
            return False

    environ = {"LISTENADDRESS": "127.0.0.1", "LISTENPORT": str(port), **variables}
    with running([SIDEKICK, "hub", *words], folder, answers, environ):
        yield port


def post(port: int, **more: Any) -> None:
    """An alert as Falco sends it."""
    body = json.dumps(ALERT | more).encode()
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", body, timeout=10) as answer:
        assert answer.status == 200


def test_variables_alone_deliver(tmp_path: Path, receiver: Receiver) -> None:
    variables = {
        "WEBHOOK_ADDRESS": f"http://127.0.0.1:{receiver.port}/hook",
        "WEBHOOK_CUSTOMHEADERS": "X-Key:abc",
        "WEBHOOK_MINIMUMPRIORITY": "warning",
        "SLACK_WEBHOOKURL": "",
        "CUSTOMFIELDS": "env:production",
        "CUSTOMTAGS": "",
        "TEAMS_WEBHOOKURL": "https://teams.example/x",
    }
    with hub(tmp_path, **variables) as port:
        post(port, priority="Notice", rule="Too quiet")
        post(port)
        post(port)
        for _ in range(2):  # repeats are told, as falcosidekick does
            path, headers, body = receiver.next()
            assert (path, headers["X-Key"], body["rule"]) == ("/hook", "abc", "Shell")
            assert body["output_fields"] == {"proc.name": "bash", "env": "production"}
            assert "tags" not in body
    log = (tmp_path / "log").read_text()
    assert "TEAMS_WEBHOOKURL: sidekick has no output teams yet" in log
    assert "https://teams.example" not in log


def test_a_variable_goes_over_the_file(tmp_path: Path, receiver: Receiver) -> None:
    file = tmp_path / "falcosidekick.yaml"
    address = f"http://127.0.0.1:{receiver.port}"
    file.write_text(f"webhook: {{address: '{address}/file', customheaders: {{X-From: file}}}}\n")
    with hub(tmp_path, "-c", str(file), WEBHOOK_ADDRESS=f"{address}/variable") as port:
        post(port)
        path, headers, _ = receiver.next()
    assert (path, headers["X-From"]) == ("/variable", "file")


def test_slack_hears_of_an_alert_by_one_variable(tmp_path: Path, receiver: Receiver) -> None:
    with hub(tmp_path, SLACK_WEBHOOKURL=f"http://127.0.0.1:{receiver.port}/services/x") as port:
        post(port)
        path, _, body = receiver.next()
    assert path == "/services/x"
    assert (body["username"], "attachments" in body) == ("Falcosidekick", True)


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"WEBHOOK_ADDRESS": "no-address-at-all"}, "wanted a URL such as"),
        ({"LISTENPORT": "many"}, "wanted a whole number, found another text in LISTENPORT"),
        ({"SYSLOG_HOST": "h", "SYSLOG_PROTOCOL": "pigeon"}, 'wanted "udp", "tcp", "tls" or "unix"'),
    ],
)
@pytest.mark.parametrize("command", ["hub", "check"])
def test_a_wrong_value_is_a_sentence(
    command: str, variables: dict[str, str], sentence: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [SIDEKICK, command],
        cwd=tmp_path,
        env=os.environ | {"WEBHOOK_ADDRESS": "http://127.0.0.1:9/", **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(value in done.stderr for value in ("no-address-at-all", "many", "pigeon"))


def test_check_tells_what_is_not_taken_over(tmp_path: Path) -> None:
    variables = {"WEBHOOK_ADDRESS": "http://127.0.0.1:9/", "AWS_SQS_URL": "https://sqs"}
    done = subprocess.run(
        [SIDEKICK, "check"],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "AWS_SQS_URL: sidekick has no output aws.sqs yet" in done.stdout
    assert "falcosidekick's variables: no faults; 1 sink" in done.stdout
