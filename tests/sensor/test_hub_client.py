"""What a sensor makes of a hub's answers, over real connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from sidekick.errors import ConfigError
from sidekick.heartbeat import Heartbeat
from sidekick.sensor.hub_client import HubAway, HubClient

REJECTED = b'{"accepted": 1, "rejected": [{"index": 0, "field": "", "reason": "no JSON"}]}'


class Server(HTTPServer):
    """Answers each request with the next of ``answers``; ``asked`` are paths, bodies, tokens."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.asked: list[tuple[str, bytes, str]] = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked.append((self.path, body, self.headers.get("Authorization", "")))
        status, text = self.server.answers.pop(0)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def client(*answers: tuple[int, bytes], prefix: str = "") -> Iterator[tuple[HubClient, Server]]:
    server = Server(*answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    made = HubClient(f"http://127.0.0.1:{server.server_port}{prefix}", "secret-token")
    try:
        yield made, server
    finally:
        made.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_lines_and_heartbeats_are_posted_with_the_token() -> None:
    with client((200, b""), (200, b""), prefix="/behind/") as (hub, server):
        hub.send(b"{}\n")
        hub.beat(Heartbeat("n1", 30))
    assert server.asked == [
        ("/behind/v1/alerts", b"{}\n", "Bearer secret-token"),
        ("/behind/v1/heartbeats", b'{"node":"n1","interval_secs":30}', "Bearer secret-token"),
    ]


@pytest.mark.parametrize("status", [207, 400])
def test_lines_that_are_no_alerts_are_not_sent_again(status: int) -> None:
    with client((status, REJECTED)) as (hub, _):
        hub.send(b"cut short\n")


@pytest.mark.parametrize(
    "answer",
    [
        (503, b'{"accepted": 1, "rejected": [], "error": "the alert log is full"}'),
        (503, REJECTED),
        (401, b"this token is not known here"),
        (404, b""),
        (400, b"Please send a valid request body"),  # another program listens there
        (400, b'{"accepted": 0, "rejected": []}'),
        (400, b'{"rejected": 5}'),
        (207, b"[]"),
        (200 + 4, b""),
    ],
)
def test_whatever_else_is_answered_the_alerts_are_kept(answer: tuple[int, bytes]) -> None:
    with client(answer) as (hub, _), pytest.raises(HubAway, match=f"it answered {answer[0]}"):
        hub.send(b"{}\n")


@pytest.mark.parametrize("status", [200, 400, 404, 405])
def test_an_older_hub_that_knows_no_heartbeats_is_not_away(status: int) -> None:
    with client((status, b"")) as (hub, _):
        hub.beat(Heartbeat("n1"))


def test_a_hub_that_refuses_the_token_is_away() -> None:
    with client((401, b"no")) as (hub, _), pytest.raises(HubAway, match="401 no"):
        hub.beat(Heartbeat("n1"))


def test_after_a_failure_it_connects_again() -> None:
    with client((200, b""), (200, b"")) as (hub, server):
        hub.send(b"1\n")
        hub._connection.sock.close()
        with pytest.raises(HubAway):
            hub.send(b"2\n")
        hub.send(b"3\n")
    assert [body for _, body, _ in server.asked] == [b"1\n", b"3\n"]


@pytest.mark.parametrize("target", ["", "hub:2801", "ftp://hub", "http://", "unix"])
def test_what_is_no_address_is_refused(target: str) -> None:
    with pytest.raises(ConfigError, match="--to: wanted unix:/PATH"):
        HubClient(target)
