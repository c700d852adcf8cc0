"""What the kernel is asked for one check of a condition, or for its negation.

What it cannot tell is ``TRUE``: everything is told. The negation of a check is used only where its
field is never NULL, as it holds for NULL.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import reduce

from sidekick.ebpf.calls import all_calls
from sidekick.ebpf.filters import Clause, Paths
from sidekick.rules.ast import Check, Field, Value, Values
from sidekick.rules.fields import FieldType
from sidekick.rules.operators import predicate
from sidekick.sensor import flags
from sidekick.sensor.clauses import FALSE, TRUE, Clauses

OPENS = frozenset({"open", "openat", "openat2", "creat", "open_by_handle_at"})
_ACCESSED = OPENS - {"creat"}
_SOCKETS = frozenset(
    (
        *("connect", "bind", "listen", "accept", "accept4"),
        *("sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg"),
    )
)
_MEMBER = frozenset({"=", "==", "in", "intersects"})
_WILD = "*?[\\"


class _Asked:
    """One check with constants: what it says, for a type of event."""

    def __init__(self, check: Check, type_: str, texts: tuple[str, ...], negated: bool) -> None:
        self.type = type_
        self.name = check.left.name if isinstance(check.left, Field) else ""
        self.operator = check.operator
        self.texts = texts
        self.negated = negated

    @property
    def member(self) -> bool | None:
        """Must the value be one of ``texts``? None: the operator says something else."""
        if self.operator in _MEMBER:
            return not self.negated
        return self.negated if self.operator == "!=" else None

    @property
    def is_one_of(self) -> bool:
        """The same for a field that may be NULL, for which ``not f != x`` holds too."""
        return self.operator in _MEMBER and not self.negated

    def holds(self, value: str) -> bool:
        """Does the check hold for a text?"""
        found = predicate(FieldType.STRING, self.operator, "", self.texts)(value)
        return found is not self.negated


def of_check(check: Check, type_: str, negated: bool) -> Clauses:
    """The clauses of one check, or of its negation."""
    right, left = check.right, check.left
    if not isinstance(left, Field) or check.modifier or not isinstance(right, Value | Values):
        return TRUE
    texts = right.texts if isinstance(right, Values) else (right.text,)
    if not all(_is_plain(text) for text in texts):
        return TRUE
    asked = _Asked(check, type_, texts, negated)
    name = left.name
    if name == "evt.arg" and left.argument:
        name = f"evt.arg.{left.argument}"
    elif left.argument is not None:
        return TRUE
    if name.startswith("evt.arg."):
        return _of_argument(asked, name.removeprefix("evt.arg."))
    ask = _FIELDS.get(name)
    return TRUE if ask is None else ask(asked)


def _is_plain(text: str) -> bool:
    """Is it the same text in the kernel's bytes?"""
    return "\ufffd" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _type(asked: _Asked) -> Clauses:
    return TRUE if asked.holds(asked.type) else FALSE


def _number(asked: _Asked) -> Clauses:
    """``evt.num`` counts from 1: 0 is how a rule says never."""
    never = asked.operator in ("=", "==") and not asked.negated and asked.texts == ("0",)
    return FALSE if never else TRUE


def _result(asked: _Asked) -> Clauses:
    """``evt.rawres``, and ``fd.num`` of what is opened: only the sign is asked."""
    try:
        limit = int(asked.texts[0], 0)
    except ValueError:
        return TRUE
    if asked.negated or len(asked.texts) != 1:
        return TRUE
    match asked.operator:
        case ">=" if limit >= 0:
            return (Clause(failed=False),)
        case ">" if limit >= -1:
            return (Clause(failed=False),)
        case "<" if limit <= 0:
            return (Clause(failed=True),)
        case "<=" if limit < 0:
            return (Clause(failed=True),)
        case "=" | "==":
            return (Clause(failed=limit < 0),)
    return TRUE


def _fd_number(asked: _Asked) -> Clauses:
    return _result(asked) if asked.type in OPENS else TRUE


def _result_name(asked: _Asked) -> Clauses:
    if not asked.holds("SUCCESS"):
        return (Clause(failed=True),)
    if asked.member and set(asked.texts) == {"SUCCESS"}:
        return (Clause(failed=False),)
    return TRUE


def _failed(asked: _Asked) -> Clauses:
    wanted = _truth(asked)
    return TRUE if wanted is None else (Clause(failed=wanted),)


def _truth(asked: _Asked) -> bool | None:
    """Which of both a boolean field must be."""
    if asked.member is None or len(set(asked.texts)) != 1:
        return None
    return (asked.texts[0] == "true") is asked.member


def _access(*modes: int) -> Callable[[_Asked], Clauses]:
    chosen = frozenset(modes)
    others = frozenset({os.O_RDONLY, os.O_WRONLY, os.O_RDWR}) - chosen

    def ask(asked: _Asked) -> Clauses:
        wanted = _truth(asked)
        if wanted is None:
            return TRUE
        if asked.type not in _ACCESSED:
            return FALSE if wanted else TRUE
        # The mode 3 is neither: what is not wanted is told for it as well.
        return (Clause(access=chosen if wanted else others | {3}),)

    return ask


def _comm(asked: _Asked) -> Clauses:
    if asked.member is None:
        return TRUE
    names = frozenset(asked.texts)
    return (Clause(comms=names) if asked.member else Clause(not_comms=names),)


def _container(asked: _Asked) -> Clauses:
    if asked.member is None:
        return TRUE
    on_host = "host" in asked.texts
    if asked.member and set(asked.texts) == {"host"}:
        return (Clause(in_container=False),)
    if asked.member is not on_host:
        return (Clause(in_container=True),)
    return TRUE


def _uid(asked: _Asked) -> Clauses:
    if asked.member is None or not all(text.isascii() and text.isdigit() for text in asked.texts):
        return TRUE
    numbers = {"euid": frozenset(map(int, asked.texts))}
    return (Clause(values=numbers) if asked.member else Clause(not_values=numbers),)


def _server_port(asked: _Asked) -> Clauses:
    """Who sends may be either end; who connects is the client."""
    if asked.type != "sendto":
        return _remote_port(asked)
    ports = _ports(asked)
    if ports is None:
        return TRUE
    return (Clause(values={"remote_port": ports}), Clause(values={"local_port": ports}))


def _remote_port(asked: _Asked) -> Clauses:
    """Of a socket that connected: then the kernel's remote end is the server."""
    ports = _ports(asked) if asked.type == "connect" else None
    return TRUE if ports is None else (Clause(values={"remote_port": ports}),)


def _ports(asked: _Asked) -> frozenset[int] | None:
    if not asked.is_one_of or not all(text.isascii() and text.isdigit() for text in asked.texts):
        return None
    return frozenset(map(int, asked.texts))


_FAMILIES = {"4": {2, 10}, "6": {10}, "u": {1}, "n": {16}}
_FAMILY_NAMES = {"ipv4": {2, 10}, "ipv6": {10}, "unix": {1}, "netlink": {16}}


def _letter(asked: _Asked) -> Clauses:
    if not asked.is_one_of:
        return TRUE
    if asked.type in OPENS and set(asked.texts) == {"d"}:
        return (Clause(failed=False, any_bits={"flags": os.O_DIRECTORY}),)
    return _family(asked, _FAMILIES) if asked.type in _SOCKETS else TRUE


def _fd_type(asked: _Asked) -> Clauses:
    calls = _SOCKETS | {"dup", "dup2", "dup3"}
    is_asked = asked.is_one_of and asked.type in calls
    return _family(asked, _FAMILY_NAMES) if is_asked else TRUE


def _family(asked: _Asked, table: Mapping[str, set[int]]) -> Clauses:
    if not all(text in table for text in asked.texts):
        return TRUE
    families = frozenset().union(*(table[text] for text in asked.texts))
    return (Clause(values={"family": families}),)


# -- paths -----------------------------------------------------------------------------------


def _name(asked: _Asked) -> Clauses:
    return _paths(asked, "") if asked.type in OPENS else TRUE


def _directory(asked: _Asked) -> Clauses:
    """Whatever lies in one, and the directory itself where it was opened as one."""
    if asked.type not in OPENS or asked.negated:
        return TRUE
    if asked.operator in _MEMBER:
        below = frozenset(text.rstrip("/") + "/" for text in asked.texts)
        return _told(Paths(exact=frozenset(asked.texts), prefixes=below))
    return _paths(asked, "") if asked.operator in ("startswith", "pmatch") else TRUE


def _given(asked: _Asked) -> Clauses:
    """``fd.nameraw``: only whether there is a way up in it."""
    is_asked = asked.type in OPENS and not asked.negated and ".." in asked.texts[0]
    is_asked = is_asked and asked.operator in ("contains", "=", "==", "startswith", "endswith")
    return (Clause(dotted=True),) if is_asked else TRUE


def _filename(asked: _Asked) -> Clauses:
    is_asked = asked.type in OPENS and asked.is_one_of and all(asked.texts)
    return _told(Paths(names=frozenset(asked.texts))) if is_asked else TRUE


def _paths(asked: _Asked, argument: str) -> Clauses:
    if asked.negated:
        return TRUE
    texts = frozenset(asked.texts)
    match asked.operator:
        case "=" | "==" | "in" | "intersects":
            return _told(Paths(exact=texts, argument=argument))
        case "startswith":
            return _told(Paths(prefixes=texts, argument=argument))
        case "glob":
            return _told(_globbed(asked.texts[0], argument))
        case "pmatch":
            whole = frozenset(_literal(text).rstrip("/") or "/" for text in texts)
            return _told(Paths(prefixes=whole, argument=argument))
        case "endswith":
            last = asked.texts[0].rpartition("/")
            if last[1] and last[2]:
                return _told(Paths(names=frozenset({last[2]}), argument=argument))
    return TRUE


def _globbed(pattern: str, argument: str) -> Paths:
    start = _literal(pattern)
    if start == pattern:
        return Paths(exact=frozenset({pattern}), argument=argument)
    return Paths(prefixes=frozenset({start}), argument=argument)


def _literal(pattern: str) -> str:
    """What stands before the first wildcard."""
    place = next((i for i, letter in enumerate(pattern) if letter in _WILD), len(pattern))
    return pattern[:place]


def _told(paths: Paths) -> Clauses:
    """The kernel knows whole paths from the root; what asks for others is not asked."""
    whole = (*paths.exact, *paths.prefixes)
    if not all(text.startswith("/") and "//" not in text for text in whole):
        return TRUE
    return TRUE if "/" in paths.prefixes else (Clause(paths=paths),)


# -- arguments -------------------------------------------------------------------------------

_BITS: Mapping[str, flags.Table] = {
    "open_flags": tuple((name, bits) for name, bits in flags.KERNEL_OPEN),
    "mode": flags.MODE,
    "clone_flags": flags.CLONE,
    "unlinkat_flags": flags.UNLINK,
    "renameat2_flags": flags.RENAME,
}
_NAMES: Mapping[str, Mapping[int, str]] = {
    "socket_family": flags.FAMILY,
    "ptrace_request": flags.PTRACE,
    "bpf_command": flags.BPF,
}


def _of_argument(asked: _Asked, name: str) -> Clauses:
    call = all_calls().get(asked.type)
    kind = next((a.kind for a in call.arguments if a.name == name), "") if call else ""
    if kind in ("path", "string"):
        return _paths(asked, name)
    if asked.negated:
        return TRUE
    if kind in _BITS and asked.operator == "contains":
        return _bits(name, _BITS[kind], asked.texts[0])
    if kind in _NAMES:
        return _named(asked, name, _NAMES[kind])
    return TRUE


def _bits(name: str, table: flags.Table, part: str) -> Clauses:
    """One of the flags whose name the text is a part of."""
    if not part or "|" in part:
        return TRUE
    found = [bits for known, bits in table if part in known]
    bits = reduce(lambda a, b: a | b, found, 0)
    return TRUE if not bits or 0 in found else (Clause(any_bits={name: bits}),)


def _named(asked: _Asked, name: str, table: Mapping[int, str]) -> Clauses:
    """The numbers whose name the check holds for. Those without a name are shown as digits."""
    if asked.operator not in (*_MEMBER, "contains", "startswith", "endswith"):
        return TRUE
    if asked.operator not in _MEMBER and not any(letter.isalpha() for letter in asked.texts[0]):
        return TRUE
    digits = {int(text) for text in asked.texts if text.isascii() and text.isdigit()}
    numbers = {number for number, text in table.items() if asked.holds(text)} | digits
    return (Clause(values={name: frozenset(numbers)}),) if numbers else FALSE


_FIELDS: Mapping[str, Callable[[_Asked], Clauses]] = {
    "evt.type": _type,
    "evt.num": _number,
    "evt.rawres": _result,
    "evt.res": _result_name,
    "evt.failed": _failed,
    "evt.is_open_read": _access(os.O_RDONLY, os.O_RDWR),
    "evt.is_open_write": _access(os.O_WRONLY, os.O_RDWR),
    "proc.name": _comm,
    "container.id": _container,
    "user.uid": _uid,
    "fd.num": _fd_number,
    "fd.name": _name,
    "fd.directory": _directory,
    "fd.filename": _filename,
    "fd.nameraw": _given,
    "fd.typechar": _letter,
    "fd.type": _fd_type,
    "fd.sport": _server_port,
    "fd.rport": _remote_port,
}
