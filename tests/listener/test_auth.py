"""Who may send: addresses behind proxies, tokens and the networks they come from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sidekick.listener.auth import Doorkeeper, Refused, Token, bearer, parse_address
from sidekick.web.listen import ListenConfig


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "", "fe80::1"),
    ],
)
def test_the_client_is_whom_the_last_untrusted_hop_names(
    peer: str, forwarded: str, client: str
) -> None:
    door = Doorkeeper(trusted_proxies=["10.0.0.0/8"])
    headers = {b"x-forwarded-for": forwarded.encode()} if forwarded else {}
    assert door.client(peer, headers) == parse_address(client)


def test_an_address_that_cannot_be_told_is_in_no_network() -> None:
    door = Doorkeeper(allow=["0.0.0.0/0", "::/0"])
    assert door.refuses_address(None) is not None
    assert door.refuses_address(parse_address("192.0.2.1")) is None


def test_without_settings_everybody_may_send() -> None:
    door = Doorkeeper()
    assert door.open
    assert door.sender(None, None) == ""


@pytest.mark.parametrize(
    ("header", "token"),
    [
        (b"Bearer abc", b"abc"),
        (b"bearer   abc  ", b"abc"),
        (b"Bearer", None),
        (b"Bearer ", None),
        (b"Basic abc", None),
        (b"", None),
    ],
)
def test_a_bearer_token_is_read_from_its_header(header: bytes, token: bytes | None) -> None:
    assert bearer({b"authorization": header}) == token


@given(st.binary(max_size=40))
def test_no_other_bytes_pass_for_the_token(guess: bytes) -> None:
    door = Doorkeeper(tokens=[Token.model_validate({"name": "a", "token": "the-token"})])
    found = door.sender(guess, None)
    assert isinstance(found, Refused) == (guess != b"the-token")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"allow": ["10.0.0.0/33"]}, "10.0.0.0/8"),
        ({"tokens": [{"name": "a", "token": "short"}]}, "8"),
        ({"tokens": [{"name": "a", "token": "12345678"}] * 2}, "of its own"),
        (
            {"tokens": [{"name": "a", "token": "12345678"}, {"name": "b", "token": "12345678"}]},
            "of its own",
        ),
    ],
)
def test_settings_that_would_not_protect_are_refused(
    settings: dict[str, object], word: str
) -> None:
    with pytest.raises(ValidationError, match=word) as raised:
        ListenConfig.model_validate(settings)
    assert "12345678" not in str(raised.value.errors(include_input=False))


def test_a_network_may_have_host_bits() -> None:
    assert ListenConfig.model_validate({"allow": ["10.1.2.3/8"]}).allow == ("10.0.0.0/8",)
