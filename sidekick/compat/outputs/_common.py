"""Keys that several outputs have."""

from __future__ import annotations

from typing import Any

from sidekick.compat.key import Key, as_truth

MINIMUM_PRIORITY = Key(
    "minimumpriority",
    kind="threshold",
    note="A route of its own (`route.routes`). `info`, or what is no priority, lets everything "
    "pass, as there.",
)
IN_FLIGHT = 64
"""Where falcosidekick has one request in flight by default, and loses what does not fit."""
_UNLIMITED = 256


def http(one_by_one: bool = False, headers: bool = True, at_once: bool = True) -> tuple[Key, ...]:
    """What the outputs over HTTP have; ``one_by_one``: falcosidekick waits for each answer."""
    keys = [MINIMUM_PRIORITY, CHECK_CERT, MUTUAL_TLS]
    if at_once:
        keys.append(_at_once(one_by_one))
    if headers:
        keys.append(
            Key(
                "customheaders",
                "headers",
                "map",
                secret=True,
                note="The variable is `name:value,name:value`, or a JSON object; a value may have "
                "colons in it.",
            )
        )
    return tuple(keys)


CHECK_CERT = Key(
    "checkcert",
    "tls.verify",
    default="true",
    convert=as_truth,
    unless=("mutualtls",),
)
MUTUAL_TLS = Key(
    "mutualtls",
    "tls.cert_file",
    kind="identity",
    default="false",
    note="With `tls.key_file` and `tls.extra_ca_files`: `mutualtlsclient` or `mutualtlsfilespath`.",
)


def _at_once(one_by_one: bool) -> Key:
    note = "Without it %s are in flight at once here, so that a slow answer holds up nothing."
    return Key(
        "maxconcurrentrequests",
        "lane.concurrency",
        default="1",
        convert=_concurrency,
        differs=f"{note % IN_FLIGHT if one_by_one else 'Here alerts go in batches.'} `0` is "
        f"{_UNLIMITED}.",
    )


def _concurrency(text: str) -> Any:
    return int(text) or _UNLIMITED
