"""Slack: by an incoming webhook, or as a bot, which can keep repeats of an alert in its thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar, Literal, Protocol, Self

import msgspec
from pydantic import Field, field_validator, model_validator

from sidekick import document
from sidekick.model import Envelope
from sidekick.section import Duration, Secret
from sidekick.sinks import LaneConfig, Sink
from sidekick.sinks._each import send_each
from sidekick.sinks._falcosidekick import HEADERS, Compat
from sidekick.sinks._falcosidekick import slack as _compatible
from sidekick.sinks._falcosidekick.message_format import MessageFormat
from sidekick.sinks._falcosidekick.payload import payload
from sidekick.sinks._http import HttpClient, HttpConfig, SecretUrl, Url, open_client
from sidekick.sinks._slack_message import Content, Message, Style, message

_encode = msgspec.json.Encoder().encode


class Config(HttpConfig):
    """A Slack channel."""

    example: ClassVar[str] = """\
type: slack
webhook_url: ${SLACK_WEBHOOK_URL}
pace: 1s
"""

    type: Literal["slack"] = "slack"
    webhook_url: SecretUrl | None = None
    """The address of an incoming webhook; either this, or `token` and `channel`."""
    token: Secret = Secret("")
    """A bot's token (`xoxb-...`) with the scope `chat:write`."""
    channel: str = ""
    """The channel to post to, its id best (`C0123456789`); the bot must be in it. With a webhook
    it is passed on, and only webhooks of the old kind heed it."""
    repeats: Literal["thread", "update", "message"] = "thread"
    """What a reminder or digest becomes when the bot posted the first alert since its start: a
    reply in its `thread`, an `update` of it, or a `message` of its own, as with a webhook."""
    pace: Duration = Field(1.0, ge=0)
    """The time between two messages: Slack allows a channel one a second. `0`: only its answer
    429 slows down."""
    content: Content = "all"
    """`all`: output and fields; `text`: output only; `fields`: fields only."""
    max_fields: int = Field(10, ge=0, le=20)
    """Output fields that are shown at most."""
    username: str = ""
    """The name to post under, where Slack allows that."""
    icon: str = ""
    """An emoji (`:rotating_light:`) or the URL of a picture to post under."""
    footer: str = ""
    """A text under each message."""
    message_format: str = ""
    """A line above each message instead of the headline: a template of Go's with `.Rule`,
    `.Priority`, `.Output`, `.Time`, `.Source`, `.Hostname`, `.Tags`, `.UUID` and `.OutputFields`,
    such as `Alert: {{ .Rule }} in {{ index .OutputFields "k8s.ns.name" }}`."""
    api_url: Url = "https://slack.com/api"
    """The Web API that a bot uses."""
    compat: Compat = ""
    """`falcosidekick`: the message that that posts to a webhook, with every text of
    the alert; `max_fields` and `repeats` are without effect."""
    lane: LaneConfig = LaneConfig(batch_items=1, concurrency=1, timeout=30.0)

    @field_validator("message_format")
    @classmethod
    def _a_template(cls, text: str) -> str:
        MessageFormat(text)
        return text

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        bot = bool(self.token.get_secret_value())
        if bot == (self.webhook_url is not None):
            raise ValueError("wanted either webhook_url or token and channel")
        if bot and not self.channel:
            raise ValueError("wanted the channel that the bot shall post to")
        if bot and self.compat:
            raise ValueError("compat: falcosidekick posts to a webhook_url, found a token")
        return self


def _message_format(config: Config) -> MessageFormat | None:
    return MessageFormat(config.message_format) if config.message_format else None


class Poster(Protocol):
    """A way into the channel."""

    async def post(self, said: Message, envelope: Envelope, kind: str) -> None: ...

    async def probe(self) -> None: ...


class Hook:
    """An incoming webhook: a POST of 18 µs here, of 100 µs through slack_sdk's client for it."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http

    async def post(self, said: Message, envelope: Envelope, kind: str) -> None:
        await self._http.post(_encode(said))

    async def probe(self) -> None:
        await self._http.reach()


class Teller(Protocol):
    """Tells of one alert."""

    async def tell(self, envelope: Envelope) -> None: ...

    async def probe(self) -> None: ...


class Own:
    """Our own message, by any way in."""

    def __init__(self, poster: Poster, style: Style, line: MessageFormat | None) -> None:
        self._poster = poster
        self._style = style
        self._line = line
        self.probe = poster.probe

    async def tell(self, envelope: Envelope) -> None:
        found = document.read(envelope.body)
        said = message(found, envelope.priority, self._style)
        if self._line and (line := self._line.line(payload(envelope))):
            said["text"] = line
        kind = found.sidekick.kind if found.sidekick else "first"
        await self._poster.post(said, envelope, kind)


class Compatible:
    """falcosidekick's message, through a webhook."""

    def __init__(self, http: HttpClient, config: Config) -> None:
        self._http = http
        self._content = config.content
        self._footer = config.footer
        known = {"username": config.username, "icon_url": config.icon, "channel": config.channel}
        self._always = {key: text for key, text in known.items() if text}
        self._line = _message_format(config)

    async def tell(self, envelope: Envelope) -> None:
        alert = payload(envelope)
        line = self._line.line(alert) if self._line else ""
        always = {"text": line, **self._always} if line else self._always
        await self._http.post(_compatible.body(alert, self._content, self._footer, always))

    async def probe(self) -> None:
        await self._http.reach()


class Slack:
    """Tells one channel, at its pace."""

    def __init__(self, teller: Teller, pace: float) -> None:
        self._teller = teller
        self._pace = pace
        self._turn = asyncio.Lock()
        self._next = 0.0

    async def send(self, batch: Sequence[Envelope]) -> None:
        await send_each(batch, self._send_one)

    async def probe(self) -> None:
        await self._teller.probe()

    async def _send_one(self, envelope: Envelope) -> None:
        if not self._pace:
            return await self._teller.tell(envelope)
        async with self._turn:
            loop = asyncio.get_running_loop()
            await asyncio.sleep(self._next - loop.time())
            try:
                await self._teller.tell(envelope)
            finally:
                self._next = loop.time() + self._pace


@asynccontextmanager
async def open_sink(config: Config) -> AsyncIterator[Sink]:
    """Keep connections to Slack open."""
    style = Style(config.content, config.max_fields, config.footer, _always(config))
    if config.webhook_url is not None:
        headers = HEADERS if config.compat else {"Content-Type": "application/json"}
        async with open_client(config, config.webhook_url, headers) as http:
            own = Own(Hook(http), style, _message_format(config))
            yield Slack(Compatible(http, config) if config.compat else own, config.pace)
        return
    from sidekick.sinks._slack_bot import open_bot

    async with open_bot(config) as bot:
        yield Slack(Own(bot, style, _message_format(config)), config.pace)


def _always(config: Config) -> Message:
    """What every message says, in the keys of Slack."""
    said: Message = {}
    if config.username:
        said["username"] = config.username
    if config.icon:
        said["icon_emoji" if config.icon.startswith(":") else "icon_url"] = config.icon
    if config.channel and config.webhook_url is not None:
        said["channel"] = config.channel
    return said
