"""The lean HTTP client against real sockets: good servers, rude ones, and ones that go away."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar

import pytest
import trustme

from sidekick.sinks._wire import KEPT_BYTES, Pool, Stale

T = TypeVar("T")
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
HEAD = b"POST /x HTTP/1.1\r\nHost: h\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@contextlib.asynccontextmanager
async def _server(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    return head + await reader.readexactly(length)


def _always(*answers: bytes, close: bool = False) -> tuple[Handler, list[bytes]]:
    """A server that gives each request of a connection the next answer."""
    seen: list[bytes] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            seen.append(await _request(reader))
            writer.write(answer)
        if not close:
            await reader.read()

    return handler, seen


@contextlib.asynccontextmanager
async def _pool(
    handler: Handler, tls: ssl.SSLContext | None = None, trust: ssl.SSLContext | None = None
) -> AsyncIterator[Pool]:
    async with _server(handler, tls) as port:
        pool = Pool("127.0.0.1", port, trust)
        try:
            yield pool
        finally:
            pool.close()
            await asyncio.sleep(0)


async def test_a_request_is_written_whole_and_its_answer_read() -> None:
    handler, seen = _always(b"HTTP/1.1 201 Made\r\nretry-AFTER: 7\r\nContent-Length: 4\r\n\r\nmade")
    async with _pool(handler) as pool:
        answer = await pool.request(HEAD, b'{"a":1}')
    assert seen == [b'POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n{"a":1}']
    assert (answer.status, answer.headers["Retry-After"], answer.body) == (201, "7", b"made")


async def test_a_large_body_arrives_whole() -> None:
    handler, seen = _always(OK)
    body = b"0123456789" * 300_000
    async with _pool(handler) as pool:
        assert (await pool.request(HEAD, body)).status == 200
    assert seen[0].endswith(body)


async def test_a_connection_is_used_again() -> None:
    handler, seen = _always(OK, OK, OK)
    async with _pool(handler) as pool:
        for _ in range(3):
            await pool.request(HEAD, b"")
    assert len(seen) == 3


async def test_requests_at_once_have_connections_of_their_own() -> None:
    waiting: list[asyncio.StreamWriter] = []
    all_here = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        waiting.append(writer)
        if len(waiting) == 5:
            all_here.set()
        await all_here.wait()
        writer.write(OK)
        await reader.read()

    async with _pool(handler) as pool:
        answers = await asyncio.gather(*(pool.request(HEAD, b"") for _ in range(5)))
    assert [a.status for a in answers] == [200] * 5


@pytest.mark.parametrize(
    ("raw", "status", "body"),
    [
        (b"HTTP/1.1 204 No\r\n\r\n", 204, b""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK, 200, b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", 200, b"ok"),
        (b"HTTP/1.1 429 Wait\r\nContent-Length: 0\r\n\r\n", 429, b""),
    ],
)
async def test_kinds_of_answers(raw: bytes, status: int, body: bytes) -> None:
    handler, seen = _always(raw, raw)
    async with _pool(handler) as pool:
        for _ in range(2):
            answer = await pool.request(HEAD, b"")
            assert (answer.status, answer.body) == (status, body)
    assert len(seen) == 2


async def test_a_body_without_a_length_ends_with_the_connection() -> None:
    handler, _ = _always(b"HTTP/1.0 500 Bad\r\n\r\nall that there is", close=True)
    async with _pool(handler) as pool:
        answer = await pool.request(HEAD, b"")
    assert (answer.status, answer.body) == (500, b"all that there is")


async def test_of_a_long_body_the_beginning_is_kept_and_the_rest_is_not_waited_for() -> None:
    handler, _ = _always(b"HTTP/1.1 500 Bad\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 200_000)
    async with _pool(handler) as pool:
        answer = await pool.request(HEAD, b"")
    assert answer.body == b"x" * KEPT_BYTES


async def test_the_answer_to_head_has_no_body() -> None:
    handler, _ = _always(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    async with _pool(handler) as pool:
        answer = await pool.request(b"HEAD / HTTP/1.1\r\nHost: h\r\n", b"", bodiless=True)
    assert answer.status == 200


async def test_connection_close_is_obeyed() -> None:
    handler, seen = _always(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", close=True
    )
    async with _pool(handler) as pool:
        for _ in range(2):
            assert (await pool.request(HEAD, b"")).status == 200
    assert len(seen) == 2


async def test_a_kept_connection_that_the_server_closed_is_stale_or_replaced() -> None:
    handler, _ = _always(OK, close=True)
    async with _pool(handler) as pool:
        await pool.request(HEAD, b"")
        try:
            again = await pool.request(HEAD, b"")
        except Stale:
            again = await pool.request(HEAD, b"")
        assert again.status == 200


async def test_a_server_that_hangs_up_without_an_answer_is_an_error() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)

    async with _pool(handler) as pool:
        with pytest.raises(OSError, match="without an answer"):
            await pool.request(HEAD, b"")


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
    ],
)
async def test_what_is_no_answer_is_an_error(raw: bytes) -> None:
    handler, _ = _always(raw, close=True)
    async with _pool(handler) as pool:
        with pytest.raises(OSError, match=r"."):
            await pool.request(HEAD, b"")


async def test_bytes_that_nobody_asked_for_cost_the_connection() -> None:
    handler, seen = _always(OK + OK, OK)
    async with _pool(handler) as pool:
        assert (await pool.request(HEAD, b"1")).body == b"ok"
        await asyncio.sleep(0.01)
        assert (await pool.request(HEAD, b"2")).body == b"ok"
    assert [r[-1:] for r in seen] == [b"1", b"2"]


async def test_a_cancelled_request_gives_up_its_connection() -> None:
    hangs = asyncio.Event()
    closed = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _request(reader)
        hangs.set()
        await reader.read()
        closed.set()

    async with _pool(handler) as pool:
        task = asyncio.create_task(pool.request(HEAD, b""))
        await hangs.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await closed.wait()


async def test_nobody_listening_is_an_os_error() -> None:
    pool = Pool("127.0.0.1", 1, None)
    with pytest.raises(OSError, match=r"."):
        await pool.request(HEAD, b"")


async def test_idle_connections_are_closed_after_their_time() -> None:
    handler, seen = _always(OK, OK)
    connections = 0

    async def counting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await handler(reader, writer)

    async with _server(counting) as port:
        pool = Pool("127.0.0.1", port, None, idle_secs=0.0)
        await pool.request(HEAD, b"")
        await asyncio.sleep(0.01)
        await pool.request(HEAD, b"")
        pool.close()
        await asyncio.sleep(0)
    assert (connections, len(seen)) == (2, 2)


async def test_tls_is_spoken_and_the_name_is_verified() -> None:
    authority = trustme.CA()
    server, trust = (
        ssl.create_default_context(p) for p in (ssl.Purpose.CLIENT_AUTH, ssl.Purpose.SERVER_AUTH)
    )
    authority.issue_cert("127.0.0.1").configure_cert(server)
    handler, _ = _always(OK)
    async with _pool(handler, server, trust) as pool:
        with pytest.raises(ssl.SSLCertVerificationError):
            await pool.request(HEAD, b"")
    authority.configure_trust(trust)
    async with _pool(handler, server, trust) as pool:
        assert (await pool.request(HEAD, b"")).status == 200
