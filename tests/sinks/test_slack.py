"""Slack: what a message says, where repeats go, and how fast a channel is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidekick import document
from sidekick.errors import Rejected, Retryable
from sidekick.model import Priority
from sidekick.sinks import Sink
from sidekick.sinks._slack_message import Style, escape, message
from sidekick.sinks.slack import Config, open_sink
from tests.sinks.conformance import envelope, identity
from tests.sinks.slack_stand import CHANNEL, SlackStand, bot_keys, fault_of, slack_stand


@asynccontextmanager
async def hooked(**keys: Any) -> AsyncIterator[tuple[SlackStand, Sink]]:
    async with slack_stand() as stand:
        config = Config.model_validate({**stand.keys, **keys})
        async with open_sink(config) as sink:
            yield stand, sink


@asynccontextmanager
async def bot(**keys: Any) -> AsyncIterator[tuple[SlackStand, Sink]]:
    async with (
        slack_stand() as stand,
        open_sink(Config.model_validate(bot_keys(stand, **keys))) as sink,
    ):
        yield stand, sink


def texts(said: dict[str, Any]) -> str:
    """All that a person reads of a message."""
    return json.dumps(said, ensure_ascii=False)


# -- the message -------------------------------------------------------------------------------


async def test_a_message_has_the_priority_its_colour_the_score_and_why() -> None:
    async with hooked() as (stand, sink):
        await sink.send([envelope(1, priority=Priority.CRITICAL)])
    (said,) = stand.said
    assert said["text"] == "*Critical* · Terminal shell in container · score 42"
    assert said["attachments"][0]["color"] == "#ff5400"
    shown = texts(said)
    assert "priority +30 (Notice), asset +12 (namespace prod)" in shown
    assert "*proc.name*\\nbash" in shown
    assert identity(1) in shown


@pytest.mark.parametrize(
    ("keys", "there", "absent"),
    [
        ({"content": "text"}, "A shell was spawned", "*proc.name*"),
        ({"content": "fields"}, "*proc.name*", "A shell was spawned"),
        ({"max_fields": 0}, "*hostname*", "*proc.name*"),
        ({"footer": "ask the platform team"}, "ask the platform team", "<"),
    ],
)
async def test_what_is_shown_can_be_chosen(keys: dict[str, Any], there: str, absent: str) -> None:
    async with hooked(**keys) as (stand, sink):
        await sink.send([envelope(1)])
    assert there in texts(stand.said[0])
    assert absent not in texts(stand.said[0])


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"icon": ":rotating_light:"}, {"icon_emoji": ":rotating_light:"}),
        ({"icon": "https://x.test/i.png"}, {"icon_url": "https://x.test/i.png"}),
        ({"username": "sidekick", "channel": "#ops"}, {"username": "sidekick", "channel": "#ops"}),
    ],
)
async def test_a_webhook_passes_on_who_posts_and_where(
    keys: dict[str, Any], said: dict[str, str]
) -> None:
    async with hooked(**keys) as (stand, sink):
        await sink.send([envelope(1)])
    assert said.items() <= stand.said[0].items()


async def test_a_repeat_says_how_often_and_since_when() -> None:
    again = {"kind": "reminder", "count": 17, "first_seen_ns": 1_700_000_000 * 10**9}
    async with hooked() as (stand, sink):
        await sink.send([envelope(1, **again)])
    assert "seen 17 times so far, 2023-11-14 22:13:20Z" in stand.said[0]["text"]


@given(st.text(max_size=200), st.integers(2, 60))
def test_nothing_in_a_text_mentions_links_or_formats(text: str, limit: int) -> None:
    shown = escape(text, limit)
    assert len(shown) <= limit
    assert "<" not in shown
    assert ">" not in shown
    assert all(entity.startswith(("amp;", "lt;", "gt;")) for entity in shown.split("&")[1:])


_LONG = st.text(max_size=300).map(lambda text: text * 40)


@given(
    _LONG,
    st.dictionaries(st.text(min_size=1, max_size=50), _LONG, max_size=25),
    st.integers(0, 20),
)
def test_every_alert_makes_a_message_that_slack_takes(
    output: str, fields: dict[str, str], limit: int
) -> None:
    sent = envelope(1, output=output, rule=output[:1000] or "r", fields=fields)
    said = message(document.read(sent.body), sent.priority, Style(max_fields=limit))
    assert fault_of(json.loads(json.dumps(said))) == ""


# -- a bot -------------------------------------------------------------------------------------


async def test_a_bot_keeps_repeats_in_the_thread_of_the_first() -> None:
    async with bot() as (stand, sink):
        await sink.send([envelope(1, fingerprint="f")])
        await sink.send([envelope(2, fingerprint="f", kind="reminder", count=9)])
        await sink.send([envelope(3, fingerprint="g")])
    first, again, other = stand.said
    assert first["channel"] == CHANNEL
    assert again["thread_ts"] == first["ts"]
    assert "thread_ts" not in first
    assert "thread_ts" not in other


async def test_a_bot_can_update_the_first_message_instead() -> None:
    async with bot(repeats="update") as (stand, sink):
        await sink.send([envelope(1, fingerprint="f")])
        await sink.send([envelope(2, fingerprint="f", kind="digest", count=9)])
    (said,) = stand.said
    assert "seen 9 times in all" in said["text"]


@pytest.mark.parametrize("repeats", ["thread", "update"])
async def test_a_repeat_whose_first_message_is_gone_is_told_by_itself(repeats: str) -> None:
    async with bot(repeats=repeats) as (stand, sink):
        await sink.send([envelope(1, fingerprint="f")])
        stand.said.clear()
        await sink.send([envelope(2, fingerprint="f", kind="reminder")])
    (said,) = stand.said
    assert "thread_ts" not in said


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        ("channel_not_found", Retryable),
        ("not_in_channel", Retryable),
        ("invalid_auth", Retryable),
        ("msg_too_long", Rejected),
        ("invalid_blocks", Rejected),
    ],
)
async def test_only_what_is_wrong_with_the_message_itself_is_final(
    error: str, meaning: type[Exception]
) -> None:
    async with bot() as (stand, sink):
        stand.error = error
        with pytest.raises(meaning, match=error):
            await sink.send([envelope(1)])


async def test_a_bot_with_another_token_is_told_so_by_the_probe() -> None:
    async with bot(token="xoxb-another-token") as (_, sink):
        with pytest.raises(Retryable, match="invalid_auth") as raised:
            await sink.probe()
    assert "another-token" not in str(raised.value)


# -- pace --------------------------------------------------------------------------------------


async def test_a_channel_is_told_no_faster_than_its_pace() -> None:
    async with hooked(pace="50ms") as (stand, sink):
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.gather(*(sink.send([envelope(n)]) for n in range(4)))
        assert loop.time() - began >= 0.15
    assert len(stand.said) == 4


async def test_slacks_wish_to_wait_is_passed_on() -> None:
    async with hooked() as (stand, sink):
        stand.strict_rate = True
        await sink.send([envelope(1)])
        with pytest.raises(Retryable) as raised:
            await sink.send([envelope(2)])
    assert raised.value.after == 1.0


@pytest.mark.parametrize(
    ("keys", "wanted"),
    [
        ({}, "webhook_url or token"),
        ({"webhook_url": "http://h/x", "token": "xoxb-1", "channel": "c"}, "either"),
        ({"token": "xoxb-1"}, "channel"),
    ],
)
def test_a_configuration_without_one_way_in_is_refused(keys: dict[str, str], wanted: str) -> None:
    with pytest.raises(ValidationError, match=wanted):
        Config.model_validate(keys)
