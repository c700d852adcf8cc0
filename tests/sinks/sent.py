"""What each sink puts on the wire for one alert, written down for its page.

The sink itself delivers, to a receiver on the loopback; Kafka's producer alone is a stand-in.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import tempfile
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aiohttp import web

from sidekick import document
from sidekick.model import Envelope
from sidekick.settings.check import make_process
from sidekick.settings.model import Settings
from sidekick.sinks import sink_module
from sidekick.sources.falco import decode
from tests.sinks.conformance import until
from tests.sinks.http_stand import Got, http_stand

Keys = Mapping[str, Any]
Recorder = Callable[[Keys], Awaitable[str]]

ALERT: Mapping[str, Any] = {
    "hostname": "node-1",
    "output": "03:04:05.123456789: Notice A shell was spawned in a container with an attached "
    "terminal | user=root command=bash -i container=web",
    "output_fields": {
        "container.id": "3fd1c0ffee42",
        "container.name": "web",
        "evt.time": 1767323045123456789,
        "k8s.ns.name": "shop",
        "k8s.pod.name": "web-5d9c7b8f4-x2x7p",
        "proc.cmdline": "bash -i",
        "user.name": "root",
    },
    "priority": "Notice",
    "rule": "Terminal shell in container",
    "source": "syscall",
    "tags": ["container", "mitre_execution", "shell", "T1059"],
    "time": "2026-01-02T03:04:05.123456789Z",
}
"""As Falco sends it."""

_ID = "0197a3f2-7c1e-7000-8000-5ade4c1c0001"


def envelope() -> Envelope:
    """The alert after the pipeline with its defaults, received when it happened."""
    alert = decode(json.dumps(ALERT).encode())
    outcome = make_process(Settings()).process(alert, alert.time_ns)
    return Envelope(
        seq=1,
        id=_ID,
        priority=outcome.alert.priority,
        time_ns=alert.time_ns,
        fingerprint=outcome.assessment.fingerprint,
        body=document.write(_ID, outcome.alert, outcome.assessment),
        received_ns=alert.time_ns,
    )


async def sent(type_name: str, **keys: Any) -> str:
    """Markdown: where it goes, in a sentence, and what arrives there; ``keys`` are set as well."""
    return await _RECORDERS[type_name]({"type": type_name, **keys})


async def _deliver(keys: Mapping[str, Any]) -> None:
    module = sink_module(keys["type"])
    config = module.Config.model_validate(keys)
    async with module.open_sink(config) as sink:
        await sink.send([envelope()])


# -- over HTTP -------------------------------------------------------------------------------------


def _over_http(
    keys: Callable[[str], Mapping[str, Any]], answer: Callable[[], web.Response] = web.Response
) -> Recorder:
    async def record(given: Keys) -> str:
        async with http_stand(lambda got: answer()) as stand:
            await _deliver({**keys(stand.url), **given})
            (got,) = stand.got
        return _request(got)

    return record


def _request(got: Got) -> str:
    headers = {name.title(): text for name, text in got.headers.items()}
    shown = [
        f"`{name}: {text}`"
        for name, text in sorted(headers.items())
        if re.match("Content-(Type|Encoding)|X-(?!Amz|Elastic)", name)
    ]
    words = f"`{got.method} {got.path.partition('?')[0]}`"
    words += f" with {', '.join(shown)}:" if shown else ":"
    lines = got.body.decode().strip().split("\n")
    return _block(words, "json", _indented(lines))


def _indented(documents: list[str]) -> str:
    """Each JSON text laid out for reading."""
    texts = [json.dumps(json.loads(one), indent=2, ensure_ascii=False) for one in documents]
    return "\n".join(texts)


def _block(words: str, language: str, text: str) -> str:
    return f"{words}\n\n```{language}\n{text}\n```\n"


def _elastic() -> web.Response:
    done = {"errors": False, "items": [{"create": {"status": 201}}]}
    return web.json_response(done, headers={"X-Elastic-Product": "Elasticsearch"})


async def _alertmanager(given: Keys) -> str:
    text = await _over_http(lambda url: {"urls": [url]})(given)
    # From now on, whenever that is.
    return re.sub('"endsAt": "[^"]*"', '"endsAt": "2026-01-02T04:04:05.500000000Z"', text)


# -- by other ways ---------------------------------------------------------------------------------


class _Producer:
    """Takes what would go to the brokers."""

    def __init__(self, **arguments: Any) -> None:
        self._sender = None  # the sink looks at it when it closes

    async def start(self) -> None:
        """Nothing to connect to."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def send(self, *arguments: Any, **named: Any) -> asyncio.Future[None]:
        _Producer.last = arguments, named
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        written.set_result(None)
        return written

    last: tuple[tuple[Any, ...], dict[str, Any]]


async def _kafka(given: Keys) -> str:
    with patch("aiokafka.AIOKafkaProducer", _Producer):
        await _deliver({"brokers": ["kafka:9092"], "topic": "falco-alerts", **given})
    (topic, value, key), named = _Producer.last
    words = f"A message in the topic `{topic}`, without key and headers:"
    if key is not None:
        headers = ", ".join(f"`{name}: {text.decode()}`" for name, text in named["headers"])
        words = f"A message in the topic `{topic}`, with the key `{key.decode()}` and the headers "
        words += f"{headers}:"
    return _block(words, "json", _indented([value.decode()]))


async def _file(given: Keys) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alerts.ndjson"
        await _deliver({"path": str(path), **given})
        lines = path.read_text().splitlines()
    return _block("A line for each alert, which is:", "json", _indented(lines))


async def _stdout(given: Keys) -> str:
    texts = []
    for form in ("text", "json", "falco"):
        with _standard_output() as read:
            await _deliver({"format": form, **given})
            texts.append(read())
    return _block("With `format: text`, `json` and `falco`:", "text", "\n".join(texts))


@contextmanager
def _standard_output() -> Iterator[Callable[[], str]]:
    """Standard output is a pipe; the function reads what was written until now."""
    kept = os.dup(1)
    reading, writing = os.pipe()
    os.dup2(writing, 1)
    os.close(writing)

    try:
        yield lambda: os.read(reading, 65536).decode().rstrip("\n")
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(reading)


async def _syslog(given: Keys) -> str:
    came = bytearray()

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.extend(await reader.read())
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        message = {"message": "json"} if given.get("compat") else {}
        await _deliver({"host": "127.0.0.1", "port": port, **message, **given})
        await until(lambda: came)
    text = came.decode().replace("\ufeff", "").rstrip("\n")
    # When and where this runs.
    text = re.sub(r"^<5>\S+ \S+ Falco\[\d+\]", "<5>2026-01-02T03:04:05Z hub Falco[1]", text)
    how = "ended by a newline" if given.get("compat") else "its length before it"
    return _block(f"Over TCP, {how}:", "text", text)


_RECORDERS: Mapping[str, Recorder] = {
    "alertmanager": _alertmanager,
    "elasticsearch": _over_http(lambda url: {"urls": [url]}, _elastic),
    "file": _file,
    "kafka": _kafka,
    "loki": _over_http(lambda url: {"url": url}),
    "s3": _over_http(
        lambda url: {
            "bucket": "security-alerts",
            "endpoint": url,
            "access_key_id": "key",
            "secret_access_key": "secret",
        }
    ),
    "slack": _over_http(lambda url: {"webhook_url": f"{url}/services/T0/B0/x", "pace": 0}),
    "stdout": _stdout,
    "syslog": _syslog,
    "webhook": _over_http(lambda url: {"url": f"{url}/alerts"}),
}
