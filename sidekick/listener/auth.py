"""Who may send: tokens, addresses, and the true client behind a trusted proxy."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Annotated

from pydantic import AfterValidator, Field

from sidekick.listener.exchange import Response, sentence
from sidekick.section import Secret, Section

Address = IPv4Address | IPv6Address


def _cidr(text: str) -> str:
    try:
        return str(ip_network(text.strip(), strict=False))
    except ValueError:
        raise ValueError('wanted an address or a network such as "10.0.0.0/8"') from None


Cidr = Annotated[str, AfterValidator(_cidr)]
"""A network "10.0.0.0/8", "2001:db8::/32", or a single address."""


class Token(Section):
    """What a sender shows: `Authorization: Bearer TOKEN`, or the path `/token/TOKEN`."""

    name: str = Field(min_length=1, max_length=100)
    """Who has it; names the sender in the quarantine."""
    token: Secret = Field(min_length=8)
    """The secret itself."""
    allow: tuple[Cidr, ...] = ()
    """Networks from which this token is taken; none: from everywhere."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request is not taken: an HTTP status and a sentence."""

    status: int
    reason: str


def refusal(refused: Refused) -> Response:
    """The answer that says so."""
    headers = [("WWW-Authenticate", "Bearer")] if refused.status == 401 else []
    return sentence(refused.status, refused.reason, *headers)


class Networks:
    """A set of networks; empty means that nothing is in it."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._networks = tuple(ip_network(text) for text in texts)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def __contains__(self, address: Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


class Doorkeeper:
    """Decides who may send, from the settings of the listener."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        trusted_proxies: Sequence[str] = (),
        tokens: Sequence[Token] = (),
    ) -> None:
        self._allow = Networks(allow)
        self._proxies = Networks(trusted_proxies)
        self._tokens = [(_digest(_plain(t)), t.name, Networks(t.allow)) for t in tokens]
        self.open = not (self._allow or self._tokens)
        """Whether everybody may send."""

    def client(self, peer: str, headers: Mapping[bytes, bytes]) -> Address | None:
        """Who really calls: the peer, or whom its trusted proxies name in X-Forwarded-For."""
        address = parse_address(peer)
        hops = headers.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
        while hops and address in self._proxies:
            address = parse_address(hops.pop().strip()) or address
        return address

    def refuses_address(self, address: Address | None) -> Refused | None:
        """The refusal of an address outside the allowed networks."""
        if self._allow and address not in self._allow:
            return Refused(403, f"{address or 'this address'} is not in the networks of allow")
        return None

    def sender(self, token: bytes | None, address: Address | None) -> str | Refused:
        """The name of the token's owner ("" when no tokens are wanted), or the refusal."""
        if not self._tokens:
            return ""
        if token is None:
            return Refused(401, "wanted a token: Authorization: Bearer TOKEN, or path /token/TOKEN")
        digest = _digest(token)
        found: tuple[str, Networks] | None = None
        for known, name, networks in self._tokens:  # all of them: time tells nothing
            if hmac.compare_digest(known, digest):
                found = name, networks
        if found is None:
            return Refused(401, "this token is not known here")
        if found[1] and address not in found[1]:
            return Refused(403, f"this token is not taken from {address or 'this address'}")
        return found[0]


def bearer(headers: Mapping[bytes, bytes]) -> bytes | None:
    """The token of ``Authorization: Bearer TOKEN``."""
    scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
    return token.strip() or None if scheme.lower() == b"bearer" else None


def parse_address(text: str) -> Address | None:
    """The IP address of a text, "::ffff:10.0.0.1" being 10.0.0.1; None if it is none."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _plain(token: Token) -> bytes:
    return token.token.get_secret_value().encode()


def _digest(token: bytes) -> bytes:
    """Of equal length for all tokens, so that a comparison does not tell the length."""
    return sha256(token).digest()
