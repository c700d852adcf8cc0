"""Sends lines of alerts and heartbeats to a hub: by HTTP, to an address or a unix socket."""

from __future__ import annotations

import http.client
import json
import logging
import socket
from pathlib import Path
from urllib.parse import urlsplit

from sidekick import heartbeat
from sidekick.errors import ConfigError
from sidekick.heartbeat import Heartbeat
from sidekick.tls import verifying_context

log = logging.getLogger(__name__)

_PATH = "/v1/alerts"
_TIMEOUT_SECS = 30.0
_HEADERS = {"User-Agent": "sidekick-sensor"}
_LINES, _JSON = "application/x-ndjson", "application/json"


class HubAway(Exception):
    """The hub did not take them; str() says why. They are to be sent again."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=_TIMEOUT_SECS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class HubClient:
    """A connection that is kept open. It belongs to one thread."""

    def __init__(self, target: str, token: str = "", ca: Path | None = None) -> None:
        """``target`` is ``unix:PATH``, ``http://...`` or ``https://...``; raises ConfigError."""
        self.target = target
        self._headers = _HEADERS | ({"Authorization": f"Bearer {token}"} if token else {})
        self._prefix = ""
        self._connection = self._make(target, ca)

    def send(self, lines: bytes) -> None:
        """All are with the hub, durably; raises HubAway.

        Lines that are no alerts, as one that was cut short when the machine failed, are with its
        quarantine: sending them again would only repeat the others.
        """
        status, said = self._post(_PATH, lines, _LINES)
        if status == 200:
            return
        rejected = _rejected(said) if status in (207, 400) else 0
        if not rejected:
            raise self._away(status, said)
        log.warning("the hub took some lines for no alerts", extra={"lines": rejected})

    def beat(self, beat: Heartbeat) -> None:
        """The hub knows that we are there; raises HubAway. An older one may not understand it."""
        status, said = self._post(heartbeat.PATH, heartbeat.encode(beat), _JSON)
        if status not in (200, 400, 404, 405):
            raise self._away(status, said)

    def _post(self, path: str, body: bytes, content_type: str) -> tuple[int, bytes]:
        """The answer: its status and its body."""
        headers = self._headers | {"Content-Type": content_type}
        try:
            self._connection.request("POST", self._prefix + path, body, headers)
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise HubAway(f"{self.target}: {error or type(error).__name__}") from error
        return answer.status, said

    def _away(self, status: int, said: bytes) -> HubAway:
        text = said[:200].decode("utf-8", "replace").strip()
        return HubAway(f"{self.target}: it answered {status} {text}")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _make(self, target: str, ca: Path | None) -> http.client.HTTPConnection:
        if target.startswith("unix:"):
            return _UnixConnection(target.removeprefix("unix:"))
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            wanted = "unix:/PATH, http://HOST:PORT or https://HOST:PORT"
            raise ConfigError([f"--to: wanted {wanted}, found {target!r}"])
        self._prefix = parts.path.rstrip("/")
        if parts.scheme == "http":
            return http.client.HTTPConnection(
                parts.hostname, parts.port or 2801, timeout=_TIMEOUT_SECS
            )
        context = verifying_context(ca)
        return http.client.HTTPSConnection(
            parts.hostname, parts.port or 2801, timeout=_TIMEOUT_SECS, context=context
        )


def _rejected(said: bytes) -> int:
    """How many lines an answer of a hub's names as no alerts; 0 if it is no such answer."""
    try:
        answer = json.loads(said)
        return len(answer["rejected"]) + int(answer.get("more_rejected", 0))
    except (ValueError, TypeError, KeyError, AttributeError):
        return 0
