"""A stand-in for Slack that enforces what its documents say (docs.slack.dev).

Checked: the limits of blocks and texts, who may post where, one message a second in a channel
(``strict_rate``: 429 with Retry-After), and that a thread or an updated message exists.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.sinks.conformance import ids_in
from tests.sinks.http_stand import Got, HttpStand

TOKEN = "xoxb-1-2-sekrettoken"
CHANNEL = "C0123456789"
HOOK = "/services/T000/B000/sekrethook"


@dataclass
class SlackStand(HttpStand):
    """``said`` has the messages of the channel in order; a changed one keeps its place."""

    said: list[dict[str, Any]] = field(default_factory=list)
    keys: dict[str, Any] = field(default_factory=dict)
    secrets: Sequence[str] = (TOKEN, "sekrethook")
    error: str = ""
    strict_rate: bool = False
    _allowed_at: float = 0.0

    async def ids(self) -> list[str]:
        return [one for message in self.said for one in ids_in(json.dumps(message))[:1]]

    def take(self, got: Got) -> web.Response:
        is_hook = got.path == HOOK
        if got.method == "HEAD":
            return web.Response(status=404 if not is_hook else 200)
        late = self._rate()
        if late:
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": late}
            )
        return self._hook(got) if is_hook else self._api(got)

    def _rate(self) -> str:
        now = asyncio.get_running_loop().time()
        if self.strict_rate and now < self._allowed_at:
            return "1"
        self._allowed_at = now + 1
        return ""

    def _hook(self, got: Got) -> web.Response:
        try:
            message = json.loads(got.body)
        except ValueError:
            return web.Response(status=400, text="invalid_payload")
        fault = self.error or fault_of(message)
        if fault:
            status = {"no_service": 404, "channel_is_archived": 410}.get(fault, 400)
            return web.Response(status=status, text=fault)
        self.said.append(message)
        return web.Response(text="ok")

    def _api(self, got: Got) -> web.Response:
        method = got.path.rpartition("/")[2]
        message = json.loads(got.body or b"{}")
        if got.headers.get("Authorization") != f"Bearer {TOKEN}":
            return _no("invalid_auth")
        if method == "auth.test":
            return web.json_response({"ok": True, "user": "sidekick"})
        fault = self.error or self._fault(method, message)
        if fault:
            return _no(fault)
        if method == "chat.update":
            place = self._place(message["ts"])
            self.said[place] = message
            return web.json_response({"ok": True, "channel": CHANNEL, "ts": message["ts"]})
        ts = f"1700000000.{len(self.said):06}"
        self.said.append({**message, "ts": ts})
        return web.json_response({"ok": True, "channel": CHANNEL, "ts": ts, "message": {}})

    def _fault(self, method: str, message: dict[str, Any]) -> str:
        if method not in ("chat.postMessage", "chat.update"):
            return "unknown_method"
        if message.get("channel") not in (CHANNEL, "#security"):
            return "channel_not_found"
        if "thread_ts" in message and self._place(message["thread_ts"]) < 0:
            return "thread_not_found"
        if method == "chat.update" and self._place(message["ts"]) < 0:
            return "message_not_found"
        return fault_of(message)

    def _place(self, ts: str) -> int:
        return next((i for i, one in enumerate(self.said) if one.get("ts") == ts), -1)


def _no(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error})


def fault_of(message: dict[str, Any]) -> str:
    """The error of Slack that a message earns, "" for none."""
    blocks = list(message.get("blocks", ()))
    attachments = message.get("attachments", ())
    for attachment in attachments:
        blocks += attachment.get("blocks", ())
    if not message.get("text") and not blocks:
        return "no_text"
    if len(message.get("text", "")) > 40_000:
        return "msg_too_long"
    if len(attachments) > 100:
        return "too_many_attachments"
    if len(blocks) > 50 or any(not _is_sound(block) for block in blocks):
        return "invalid_blocks"
    return ""


def _is_sound(block: dict[str, Any]) -> bool:
    if block["type"] == "section":
        fields = block.get("fields", [])
        texts = [*([block["text"]] if "text" in block else []), *fields]
        longest = [3000] * ("text" in block) + [2000] * len(fields)
        return len(texts) > 0 and len(fields) <= 10 and _texts_fit(texts, longest)
    if block["type"] == "context":
        elements = block["elements"]
        return 0 < len(elements) <= 10 and _texts_fit(elements, [3000] * len(elements))
    return False


def _texts_fit(texts: Sequence[dict[str, Any]], limits: Sequence[int]) -> bool:
    return all(
        text["type"] in ("mrkdwn", "plain_text") and 0 < len(text["text"]) <= limit
        for text, limit in zip(texts, limits, strict=True)
    )


@asynccontextmanager
async def slack_stand() -> AsyncIterator[SlackStand]:
    """A running stand-in; ``keys`` are those of a webhook, see ``bot_keys``."""
    stand = SlackStand(lambda got: stand.take(got))
    await stand.start()
    stand.keys = {"webhook_url": f"{stand.url}{HOOK}", "pace": 0}
    try:
        yield stand
    finally:
        await stand.stop()


def bot_keys(stand: SlackStand, **more: Any) -> dict[str, Any]:
    """The keys of a bot in that Slack."""
    return {
        "type": "slack",
        "token": TOKEN,
        "channel": CHANNEL,
        "api_url": f"{stand.url}/api",
        "pace": 0,
        **more,
    }
