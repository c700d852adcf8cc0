from __future__ import annotations

from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection

from sidekick.sensor import grpc
from sidekick.sensor.grpc import CallFailed, call
from tests.sensor.runtimes import said, served

METHOD = "/a.Service/Method"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.sock"


def ask(path: Path, timeout_secs: float = 10) -> bytes:
    return call(path, METHOD, b"request", timeout_secs)


@pytest.mark.parametrize("size", [0, 1, 70_000, 1_000_000])
def test_an_answer_of_any_size_comes_whole(path: Path, size: int) -> None:
    with served(path, {"Method": (0, b"x" * size)}) as called:
        assert ask(path) == b"x" * size
    assert called == ["Method"]


def test_a_status_is_told_with_its_message(path: Path) -> None:
    with served(path, {}), pytest.raises(CallFailed, match="gRPC status 5: no: 5") as told:
        ask(path)
    assert told.value.code == grpc.NOT_FOUND


def test_an_answer_beyond_the_bound_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grpc, "LARGEST", 1000)
    with (
        served(path, {"Method": (0, b"x" * 2000)}),
        pytest.raises(OSError, match="more than 1000 bytes"),
    ):
        ask(path)


def test_a_server_that_says_nothing_is_not_waited_for(path: Path) -> None:
    hello = H2Connection(H2Configuration(client_side=False))
    hello.initiate_connection()
    raw = hello.data_to_send()
    with said(path, raw, stays=True), pytest.raises(TimeoutError, match=r"s\.sock: no answer"):
        ask(path, timeout_secs=0.05)


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\4\x08" * 9])
def test_what_is_no_http2_is_an_error_of_the_system(path: Path, raw: bytes) -> None:
    with said(path, raw), pytest.raises(OSError, match=r"s\.sock: |reset|Broken pipe"):
        ask(path)


def test_nobody_behind_the_socket_is_an_error_of_the_system(path: Path) -> None:
    with served(path, {}):
        pass
    with pytest.raises(OSError, match="refused"):
        ask(path)
