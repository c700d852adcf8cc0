"""A server of gRPC that answers from a table, and says what else a server may say."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived, StreamEnded, WindowUpdated

Answer = tuple[int, bytes]
"""A status and, with 0, a message."""


@contextmanager
def served(path: Path, answers: Mapping[str, Answer]) -> Iterator[list[str]]:
    """Answers by ``Method``; gives the list of methods that were called."""
    called: list[str] = []

    def handle(peer: socket.socket) -> None:
        _Server(peer, answers, called).serve()

    with listening(path, handle):
        yield called


@contextmanager
def said(path: Path, raw: bytes, *, stays: bool = False) -> Iterator[None]:
    """Whoever connects is told these bytes, and no more; then the server goes, or it stays."""

    def handle(peer: socket.socket) -> None:
        peer.sendall(raw)
        while peer.recv(65_536) and stays:
            pass

    with listening(path, handle):
        yield


@contextmanager
def listening(path: Path, handle: Callable[[socket.socket], None]) -> Iterator[None]:
    """Whoever connects is handled, one after the other."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()

    def accept() -> None:
        with suppress(OSError):
            while True:
                peer, _ = server.accept()
                with peer, suppress(OSError):
                    handle(peer)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        server.close()


class _Server:
    """One connection."""

    def __init__(
        self, peer: socket.socket, answers: Mapping[str, Answer], called: list[str]
    ) -> None:
        self._peer = peer
        self._answers = answers
        self._called = called
        self._http = H2Connection(H2Configuration(client_side=False))
        self._method = ""
        self._left = b""

    def serve(self) -> None:
        self._http.initiate_connection()
        self._peer.sendall(self._http.data_to_send())
        while data := self._peer.recv(65_536):
            for event in self._http.receive_data(data):
                match event:
                    case RequestReceived():
                        path = dict(event.headers or ())[b":path"]
                        self._method = path.decode().rpartition("/")[2]
                    case StreamEnded():
                        self._called.append(self._method)
                        self._begin()
                    case WindowUpdated():
                        self._go_on()
            self._peer.sendall(self._http.data_to_send())

    def _begin(self) -> None:
        status, message = self._answers.get(self._method, (5, b""))
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        if status:
            headers += [("grpc-status", str(status)), ("grpc-message", quote(f"no: {status}"))]
            self._http.send_headers(1, headers, end_stream=True)
            return
        self._http.send_headers(1, headers)
        self._left = b"\0" + len(message).to_bytes(4, "big") + message
        self._go_on()

    def _go_on(self) -> None:
        """Send as much as the client lets."""
        while self._left:
            room = min(self._http.local_flow_control_window(1), self._http.max_outbound_frame_size)
            if not room:
                return
            self._http.send_data(1, self._left[:room])
            self._left = self._left[room:]
            if not self._left:
                self._http.send_headers(1, [("grpc-status", "0")], end_stream=True)
