"""Addresses with a name and a password in them, which are settings of their own here."""

from __future__ import annotations

import re
from urllib.parse import unquote

from sidekick.compat.key import Key, Path, comma_list
from sidekick.compat.source import Given
from sidekick.compat.translation import Draft, Setting

_IDENTITY = re.compile(r"(?<=://)([^/?#\s]*)@")


def take(draft: Draft, full: str, given: Given, below: Path, key: Key) -> None:
    """The addresses of an output, and who we are there, which keys of its own go over."""
    addresses = comma_list(given.text)
    identities = [found[1] for text in addresses if (found := _IDENTITY.search(text))]
    value = key.convert(",".join(_IDENTITY.sub("", text) for text in addresses))
    whole = not identities and value in (given.text, [given.text])
    path = (*below, *key.to.split("."))
    draft.set(Setting(path, value, full, given.variable, given.place, whole, why=key.differs))
    if len(set(identities)) > 1:
        draft.warn(f"{given.variable or full}: wanted one name and password, the first ones count")
    if not identities:
        return
    user, _, password = identities[0].partition(":")
    for name, text, secret in (("user", user, False), ("password", password, True)):
        own = (*below, name)
        draft.set(Setting(own, unquote(text), full, given.variable, given.place, secret=secret))
