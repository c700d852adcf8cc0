"""Slack's Web API, as a bot (slack_sdk)."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
from multidict import CIMultiDict
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse
from yarl import URL

from sidekick.errors import DeliveryError, Rejected, Retryable
from sidekick.model import Envelope
from sidekick.sinks._http import HttpClient, open_client, proxy_for, retry_after_secs
from sidekick.sinks._session import as_os_error, open_session
from sidekick.sinks._slack_message import Message
from sidekick.sinks._tls import client_context
from sidekick.sinks._wire import Answer

if TYPE_CHECKING:
    from sidekick.sinks.slack import Config

_THREADS = 10_000

# slack_sdk tells its log addresses and tokens where the level is DEBUG, or its own is not set.
_quiet = logging.getLogger(__name__)
_quiet.setLevel(logging.WARNING)

_REFUSED = frozenset(
    {
        "attachment_payload_limit_exceeded",
        "cannot_parse_attachment",
        "invalid_arguments",
        "invalid_array_arg",
        "invalid_attachments",
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_charset",
        "invalid_form_data",
        "invalid_json",
        "invalid_metadata_format",
        "json_not_object",
        "markdown_text_conflict",
        "metadata_too_large",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
        "too_many_attachments",
    }
)
"""What Slack says of the message itself (docs.slack.dev, chat.postMessage). Everything else, an
unknown channel too, can be mended while the alert waits."""

_GONE = frozenset(
    {"cant_update_message", "edit_window_closed", "message_not_found", "thread_not_found"}
)


class _Gone(DeliveryError):
    """The message that was to be changed or answered is no longer there."""


class Bot:
    """A bot that remembers, for a bounded number of fingerprints, where it told of them first."""

    def __init__(self, http: HttpClient, api: AsyncWebClient, channel: str, repeats: str) -> None:
        self._http = http
        self._api = api
        self._channel = channel
        self._repeats = repeats
        self._told: OrderedDict[str, tuple[str, str]] = OrderedDict()

    async def post(self, said: Message, envelope: Envelope, kind: str) -> None:
        """Tell of it, where the first of its kind was told of if this one is not the first."""
        place = self._told.get(envelope.fingerprint)
        if place is not None and kind != "first" and self._repeats != "message":
            try:
                return await self._repeat(said, *place)
            except _Gone:
                del self._told[envelope.fingerprint]
        answer = await self._call("chat.postMessage", {"channel": self._channel, **said})
        self._remember(envelope.fingerprint, answer)

    async def _repeat(self, said: Message, channel: str, ts: str) -> None:
        if self._repeats == "update":
            await self._call("chat.update", {"channel": channel, "ts": ts, **said})
        else:
            await self._call("chat.postMessage", {"channel": channel, "thread_ts": ts, **said})

    def _remember(self, fingerprint: str, answer: AsyncSlackResponse) -> None:
        ts = answer.get("ts")
        if not ts:
            return
        self._told[fingerprint] = (answer.get("channel") or self._channel, ts)
        self._told.move_to_end(fingerprint)
        if len(self._told) > _THREADS:
            self._told.popitem(last=False)

    async def probe(self) -> None:
        """Ask Slack who we are."""
        await self._call("auth.test", {})

    async def _call(self, method: str, said: Message) -> AsyncSlackResponse:
        try:
            return await self._api.api_call(method, json=said)
        except SlackApiError as error:
            raise meaning(self._http, error.response) from error
        except aiohttp.ClientError as error:
            raise self._http.failure(as_os_error(error)) from error
        except OSError as error:
            raise self._http.failure(error) from error
        except (SlackClientError, ValueError) as error:  # an answer that is not Slack's
            raise Retryable(f"{self._http.host}: {self._http.clean(str(error))}") from error


def meaning(http: HttpClient, response: Any) -> DeliveryError:
    """What an answer of the Web API means that is not ``ok``."""
    status: int = getattr(response, "status_code", 200)
    data = getattr(response, "data", None)
    told: Mapping[str, Any] = data if isinstance(data, dict) else {}
    code, headers = str(told.get("error", "")), CIMultiDict(getattr(response, "headers", {}))
    if status not in (200, 429):
        return http.refusal(Answer(status, headers, code.encode()))
    if code in _GONE:
        return _Gone(code)
    needed = f" (needed: {told['needed']})" if told.get("needed") else ""
    reason = f"{http.host} answered {http.clean(code + needed) or status}"
    if code in _REFUSED:
        return Rejected(reason)
    return Retryable(reason, retry_after_secs(headers, 0.0))


@asynccontextmanager
async def open_bot(config: Config) -> AsyncIterator[Bot]:
    """A bot with connections of its own."""
    url, token = URL(config.api_url), config.token.get_secret_value()
    context = await asyncio.to_thread(client_context, config.tls) if url.scheme == "https" else None
    proxy = proxy_for(config, url)
    headers = {name: value.get_secret_value() for name, value in config.headers.items()}
    async with (
        open_client(config, config.api_url, {}) as http,
        open_session(context, headers, config.lane.concurrency) as session,
    ):
        http.hide(token)
        api = AsyncWebClient(
            token,
            base_url=f"{config.api_url}/",
            session=session,
            retry_handlers=[],
            logger=_quiet,
        )
        api.proxy = str(proxy) if proxy else None  # its own reading of the environment is cruder
        yield Bot(http, api, config.channel, config.repeats)
