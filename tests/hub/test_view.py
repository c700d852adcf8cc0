from __future__ import annotations

import msgspec
import pytest

from sidekick.hub import view

BODY = msgspec.Raw(b'{"output_fields":{"n":18446744073709551616}}')
LANE = view.LaneStatus(
    name="a",
    type="slack",
    state="paused",
    depth=1,
    oldest_age_secs=0.5,
    in_flight=1,
    delivered=2,
    retried=3,
    dead=4,
    last_error="HTTP 500",
)
ENTRY = view.Entry(seq=1, id="i", received_ns=2, lanes=("a", "b"), document=BODY)
LETTER = view.DeadLetter(
    seq=1, id="i", lane="a", died_ns=3, attempts=2, error="HTTP 400", document=BODY
)


@pytest.mark.parametrize("shown", [LANE, ENTRY, LETTER], ids=lambda v: type(v).__name__)
def test_what_is_shown_goes_to_the_command_line_and_back_unchanged(shown: msgspec.Struct) -> None:
    text = msgspec.json.encode(shown)
    assert msgspec.json.encode(msgspec.json.decode(text, type=type(shown))) == text


def test_a_document_is_shown_to_the_letter() -> None:
    assert bytes(BODY) in msgspec.json.encode(ENTRY)
    assert bytes(BODY) in msgspec.json.encode(LETTER)
