"""HTTP on the wire: what a listener makes of bytes, and of clients that are slow or mean harm."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sidekick.listener.exchange import Exchange, Response, response, sentence
from sidekick.listener.wire import Connections, Limits
from tests.web.listening import FakeIntake, Listener, request, split


class Echo:
    """A service that answers with the body, at once or when ``release`` is called."""

    def __init__(self) -> None:
        self.limit = 1000
        self.hold = False
        self.held: list[Exchange] = []
        self.refusals: list[str] = []
        self.taken = 0

    def admit(self, exchange: Exchange) -> int | Response:
        if exchange.target == b"/no":
            return sentence(403, "not you")
        return self.limit

    def take(self, exchange: Exchange) -> None:
        self.taken += 1
        if self.hold:
            self.held.append(exchange)
        else:
            exchange.answer(response(200, bytes(exchange.body)))

    def refused(self, reason: str) -> None:
        self.refusals.append(reason)

    def release(self) -> None:
        """Answer the last first: the order on the wire is the requests' all the same."""
        for exchange in reversed(self.held):
            exchange.answer(response(200, exchange.target))
        self.held.clear()


class Wire(Listener):
    """A server around an ``Echo``, with a clock of the test's own."""

    def __init__(self, port: int, service: Echo, connections: Connections) -> None:
        super().__init__(port, FakeIntake())
        self.service = service
        self.connections = connections
        self.now = 0.0

    def later(self, secs: float) -> None:
        """Let time pass and look who is late."""
        self.now += secs
        self.connections.sweep()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        """A connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@contextlib.asynccontextmanager
async def wired(**limits: float) -> AsyncIterator[Wire]:
    """A running one."""
    service = Echo()
    clock: list[Callable[[], float]] = [lambda: 0.0]
    connections = Connections(service, Limits(**limits), lambda: clock[0]())  # type: ignore[arg-type]
    server = await asyncio.get_running_loop().create_server(connections.make, "127.0.0.1", 0)
    wire = Wire(server.sockets[0].getsockname()[1], service, connections)
    clock[0] = lambda: wire.now
    try:
        yield wire
    finally:
        server.close()
        connections.abort()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


# -- requests ----------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1, 2, 7, 1000])
async def test_a_request_may_come_in_pieces(step: int) -> None:
    data = request("POST", "/", b"abcdef")
    async with wired() as wire:
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert split(await wire.send(*pieces)) == (200, b"abcdef")


async def test_a_chunked_body_is_put_together() -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with wired() as wire:
        answer = await wire.send(head, b"3\r\nabc\r\n", b"4;x=y\r\ndefg\r\n0\r\nT: x\r\n\r\n")
    assert split(answer) == (200, b"abcdefg")


async def test_pipelined_requests_are_answered_in_their_order() -> None:
    async with wired() as wire:
        wire.service.hold = True
        async with wire.open() as (reader, writer):
            writer.write(b"".join(request("POST", f"/{n}") for n in range(5)))
            await until(lambda: wire.service.taken == 5)
            wire.service.release()
            for number in range(5):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
                assert await reader.readexactly(2) == f"/{number}".encode()


async def test_only_some_requests_of_a_connection_wait_at_a_time() -> None:
    padding = {"Padding": "x" * 1500}
    async with wired() as wire:
        wire.service.hold = True
        async with wire.open() as (reader, writer):
            writer.write(b"".join(request("POST", "/", b"", padding) for _ in range(100)))
            await until(lambda: wire.service.taken >= 16)
            await asyncio.sleep(0.01)
            assert wire.service.taken < 32
            wire.service.hold = False
            wire.service.release()
            await until(lambda: wire.service.taken == 100)
            assert (await reader.readexactly(17)).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("head", "closes"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", False),
        (b"POST / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", True),
        (b"POST / HTTP/1.0\r\nContent-Length: 0\r\n\r\n", True),
        (b"POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n", False),
    ],
)
async def test_a_connection_stays_as_long_as_its_client_wants(head: bytes, closes: bool) -> None:
    async with wired() as wire, wire.open() as (reader, writer):
        writer.write(head)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert (b"Connection: close" in answer) == closes
        if closes:
            assert await reader.read() == b""
        else:
            writer.write(head)
            assert await reader.readuntil(b"\r\n\r\n")


async def test_who_waits_for_100_continue_is_told_to_go_on_or_why_not() -> None:
    expect = {"Expect": "100-continue"}
    async with wired() as wire, wire.open() as (reader, writer):
        data = request("POST", "/", b"abc", expect)
        writer.write(data[:-3])
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"abc")
        assert (await reader.readuntil(b"abc")).startswith(b"HTTP/1.1 200")
        writer.write(request("POST", "/", b"x" * 2000, expect)[:-2000])
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")


async def test_an_answer_to_head_has_no_body() -> None:
    async with wired() as wire:
        answer = await wire.send(request("HEAD", "/", b"abc"))
    assert b"Content-Length: 3" in answer
    assert split(answer) == (200, b"")


# -- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "reason"),
    [
        (b"nonsense\r\n\r\n", 400, "syntax"),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400, "syntax"),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "syntax",
        ),
        (request("POST", "/no", b"x"), 403, ""),
        (request("POST", "/", b"x" * 1001), 413, "size"),
        (b"POST / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431, "headers"),
        (b"POST /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", 431, "headers"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 501, "upgrade"),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_counted(
    data: bytes, status: int, reason: str
) -> None:
    async with wired() as wire:
        answer = await wire.send(data)
        assert split(answer)[0] == status
        assert b"Connection: close" in answer
        assert wire.service.refusals == ([reason] if reason else [])
        assert wire.service.taken == 0
        assert split(await wire.send(request("POST", "/", b"ok"))) == (200, b"ok")


@pytest.mark.parametrize("pieces", [1, 7, 1000])
async def test_an_offer_of_another_protocol_is_passed_over(pieces: int) -> None:
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
    first = b"POST /a HTTP/1.1\r\nHost: x\r\n" + offer + b"Content-Length: 5\r\n\r\nhello"
    chunked = b"POST /b HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + offer + b"\r\n"
    data = first + chunked + b"3\r\nyou\r\n0\r\n\r\n" + request("POST", "/c", b"bye")
    async with wired() as wire:
        answers = await wire.send(*[data[i : i + pieces] for i in range(0, len(data), pieces)])
        assert wire.service.taken == 3
        assert wire.service.refusals == []
    assert [answers.count(body) for body in (b"hello", b"you", b"bye")] == [1, 1, 1]
    assert answers.count(b"HTTP/1.1 200") == 3


async def test_large_bodies_share_a_budget_and_give_it_back() -> None:
    body = b"x" * 300_000
    async with wired(buffered_bytes=500_000) as wire:
        wire.service.limit = 10**6
        async with wire.open() as (_, writer):
            writer.write(request("POST", "/", body)[:-1])
            await until(lambda: wire.connections.large_bytes > 250_000)
            assert split(await wire.send(request("POST", "/", body), end=False))[0] == 503
            assert split(await wire.send(request("POST", "/", b"small")))[0] == 200
        await until(lambda: wire.connections.large_bytes == 0)
        assert split(await wire.send(request("POST", "/", body)))[0] == 200


async def test_one_connection_too_many_takes_an_idle_ones_place_or_is_refused() -> None:
    async with wired(connections=2) as wire:
        wire.service.hold = True
        async with wire.open() as (_, busy), wire.open() as (idle, writer):
            busy.write(request("POST", "/"))
            await until(lambda: len(wire.service.held) == 1)
            wire.service.hold = False
            writer.write(request("POST", "/"))
            await idle.readuntil(b"\r\n\r\n")
            assert split(await wire.send(request("POST", "/")))[0] == 200
            assert await idle.read() == b""
            async with wire.open() as (_, second):
                second.write(b"POST")
                await until(lambda: len(wire.connections.open) == 2)
                await asyncio.sleep(0.01)
                assert split(await wire.send(b""))[0] == 503
    assert wire.service.refusals == ["connections"]


# -- clients that take their time --------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "secs"),
    [
        (b"", 10),
        (b"POST / HTTP/1.1\r\nHost: ", 10),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 30),
    ],
)
async def test_a_request_that_does_not_come_in_time_is_ended(sent: bytes, secs: float) -> None:
    async with wired(header_secs=10, body_secs=30) as wire, wire.open() as (reader, writer):
        writer.write(sent)
        await until(lambda: wire.connections.open)
        await asyncio.sleep(0.01)
        wire.later(secs - 1)
        assert wire.connections.open
        wire.later(2)
        assert split(await reader.read())[0] == 408
        wire.later(3)  # as long as the client may take to see it
        await until(lambda: not wire.connections.open)


async def test_a_byte_now_and_then_does_not_prolong_the_time() -> None:
    async with wired(header_secs=10) as wire, wire.open() as (reader, writer):
        for byte in b"POST / HTT":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.001)
            wire.later(1.1)
        assert split(await reader.read())[0] == 408


async def test_an_idle_connection_is_closed_after_its_time() -> None:
    async with wired(idle_secs=60) as wire, wire.open() as (reader, writer):
        writer.write(request("POST", "/", b"a"))
        assert await reader.readuntil(b"\r\n\r\na")
        wire.later(59)
        assert wire.connections.open
        wire.later(2)
        assert await reader.read() == b""


async def test_a_client_that_takes_no_answer_is_cut_off() -> None:
    async with wired(body_secs=30) as wire, wire.open() as (_, writer):
        wire.service.limit = 10**6
        for _ in range(40):
            writer.write(request("POST", "/", b"x" * 500_000))
        await until(lambda: any(c._unread for c in wire.connections.open))
        wire.later(31)
        await until(lambda: not wire.connections.open)


# -- whatever comes ----------------------------------------------------------------------------

_PIECES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"POST / HTTP/1.1\r\n",
            b"Content-Length: 3\r\n",
            b"Content-Length: 99999999999999999999\r\n",
            b"Transfer-Encoding: chunked\r\n",
            b"\r\n",
            b"abc",
            b"0\r\n\r\n",
            b"GET /no HTTP/1.0\r\n\r\n",
            b"\x00",
            b"Connection: upgrade\r\nUpgrade: websocket\r\n",
        ]
    ),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(pieces=st.lists(_PIECES, max_size=12))
def test_any_bytes_are_answered_or_ended_and_the_next_request_works(pieces: list[bytes]) -> None:
    async def run() -> None:
        async with wired() as wire:
            answer = await wire.send(*pieces)
            assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
            assert "fault" not in wire.service.refusals
            assert split(await wire.send(request("POST", "/", b"ok"))) == (200, b"ok")
            assert wire.connections.large_bytes == 0

    asyncio.run(run())


@pytest.mark.parametrize("data", [request("POST", "/", b"abc"), request("POST", "/", b"abc")[:-1]])
async def test_a_connection_that_has_gone_is_held_by_nothing(data: bytes) -> None:
    """Not even by itself: collecting garbage is rare, and what a connection holds may be large."""
    gc.disable()
    try:
        async with wired() as wire:
            async with wire.open() as (_, writer):
                writer.write(data)
                await until(lambda: wire.service.taken or _reads_a_body(wire.connections))
                (there,) = map(weakref.ref, wire.connections.open)
            await until(lambda: not wire.connections.open)
            await until(lambda: there() is None)
    finally:
        gc.enable()


def _reads_a_body(connections: Connections) -> bool:
    return any(connection._exchange is not None for connection in connections.open)
