"""What is known of one key of falcosidekick's: the row of a table that reading, warnings, the
migration and the documentation are made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

Path = tuple[str | int, ...]
"""Where a value stands in a configuration."""

Kind = Literal["text", "map", "fields", "tags", "labels", "threshold", "identity", "addresses"]
"""``map``: names of the user's; ``fields`` and ``tags``: added to alerts; ``labels``: a list of
fields, to which those that are added count; ``threshold``: a least priority, which becomes a route;
``identity``: whether we show a certificate; ``addresses``: with a name and password in them."""

_TRUE = frozenset({"1", "t", "true", "y", "yes", "on"})
_FALSE = frozenset({"0", "f", "false", "n", "no", "off"})


def as_truth(text: str) -> bool:
    """Raises ``ValueError`` for what is neither true nor false."""
    word = text.lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("wanted true or false")
    return word in _TRUE


def is_true(text: str) -> bool:
    """Whether the text says true; what is neither says false."""
    return text.lower() in _TRUE


def same(text: str) -> Any:
    """The text as it is."""
    return text


def lower(text: str) -> Any:
    """A choice that falcosidekick writes in capitals."""
    return text.lower()


def comma_list(text: str) -> Any:
    """The items of a text separated by commas."""
    return [item.strip() for item in text.split(",") if item.strip()]


def distinct(text: str) -> Any:
    """The items of a text separated by commas, each once."""
    return list(dict.fromkeys(comma_list(text)))


class Key(msgspec.Struct, frozen=True):
    """A key below its output ("webhookurl" of "slack"), or of the service itself.

    ``to`` is our setting, dotted, below the sink ("lane.batch_age"); "" where we have none.
    ``default`` is falcosidekick's; it is written out where ``written`` says that ours is another.
    ``when`` names the keys beside it that must be true or set for this one to mean anything,
    ``unless`` those that must not all be. ``needless`` says why it has no counterpart here and
    needs none. ``differs`` is what is otherwise here, ``note`` what else is to be known.
    ``convert`` gives None for nothing to set, and raises ``ValueError`` for what our setting itself
    shall refuse. ``also`` are settings that are true when this one is. ``alias`` is another
    variable for the key.
    """

    name: str
    to: str = ""
    kind: Kind = "text"
    default: str = ""
    convert: Callable[[str], Any] = same
    written: bool = False
    alias: str = ""
    also: tuple[str, ...] = ()
    secret: bool = False
    when: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    needless: str = ""
    differs: str = ""
    note: str = ""


class Output(msgspec.Struct, frozen=True):
    """One of falcosidekick's outputs and the sink that it becomes.

    ``switches`` are the keys that together switch it on; ``fixed`` are settings that its sink has
    in any case, each with the reason.
    """

    name: str
    sink: str
    switches: tuple[str, ...]
    keys: tuple[Key, ...]
    fixed: tuple[tuple[str, Any, str], ...] = ()
    note: str = ""

    def full(self, name: str) -> str:
        """The whole name of one of its keys: "aws.s3.bucket"."""
        return f"{self.name}.{name}" if self.name else name


def variable(key: str) -> str:
    """The environment variable of a key: "aws.s3.bucket" is AWS_S3_BUCKET."""
    return key.upper().replace(".", "_")
