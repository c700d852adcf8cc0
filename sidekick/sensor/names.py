"""Domain names that rules compare addresses with (``fd.sip.name``), resolved beforehand.

As in Falco no address is ever looked up: the names that stand in the rules are, again and again,
in threads of their own. A name that is not resolved yet is no address's name.
"""

from __future__ import annotations

import heapq
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from sidekick.rules.ast import Check, Field, Value, Values
from sidekick.rules.definitions import SYSCALL
from sidekick.rules.engine import Engine

log = logging.getLogger(__name__)

FIELDS = frozenset(f"fd.{letter}ip.name" for letter in "csrl")
MOST_NAMES = 1024
MOST_ADDRESSES = 256
"""Of one name; a server's answer cannot fill the memory."""

_FIRST_SECS = 10.0
_LONGEST_SECS = 320.0
_THREADS = 4
"""So that names of a server that does not answer hold up the others four times less."""

Resolve = Callable[[str], frozenset[bytes]]
"""The packed addresses of a name; none for one that does not exist; raises OSError."""


def compared(engine: Engine) -> frozenset[str]:
    """The names that the rules in force compare an address's names with.

    Those of rules that are switched off are not among them: to look up the names of mining pools
    may raise an alarm elsewhere.
    """
    found: set[str] = set()
    graph = engine.graph
    for number in graph.inside(rule.node for rule in engine.rules if rule.source == SYSCALL):
        node = graph.nodes[number]
        if isinstance(node, Check) and isinstance(node.left, Field) and node.left.name in FIELDS:
            if isinstance(node.right, Value):
                found.add(node.right.text)
            elif isinstance(node.right, Values):
                found.update(node.right.texts)
    return frozenset(found - {""})


def resolve(name: str) -> frozenset[bytes]:
    """The addresses that this machine's resolver gives for a name."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except UnicodeError:  # longer or stranger than a name can be
        return frozenset()
    except socket.gaierror as error:
        if error.errno in (socket.EAI_NONAME, socket.EAI_NODATA):
            return frozenset()
        raise
    packed = (socket.inet_pton(family, str(end[0]).partition("%")[0]) for family, *_, end in found)
    return frozenset(sorted(packed)[:MOST_ADDRESSES])


class DomainNames:
    """Names and their addresses, fresh ones looked up 10 s later, unchanged ones up to 320 s.

    While the resolver fails, a name keeps the addresses that it had.
    """

    def __init__(self, resolve: Resolve = resolve, most: int = MOST_NAMES) -> None:
        self._resolve = resolve
        self._most = most
        self._by_address: Mapping[bytes, tuple[str, ...]] = {}
        self._addresses: dict[str, frozenset[bytes]] = {}
        self._wait: dict[str, float] = {}
        """How long each name that is asked for is left alone after it was looked up."""
        self._due: list[tuple[float, str]] = []
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._ended = False

    def of(self, address: bytes) -> tuple[str, ...]:
        """The names of a packed address; never waits."""
        return self._by_address.get(address, ())

    def ask(self, names: Iterable[str]) -> None:
        """From now on look these up and no others; one after the other starts at once."""
        wanted = sorted(set(names))
        if len(wanted) > self._most:
            about = {"names": len(wanted), "looked_up": self._most}
            log.warning("the rules compare with more names than are looked up", extra=about)
        with self._changed:
            kept = frozenset(wanted[: self._most])
            for name in self._wait.keys() - kept:
                del self._wait[name]
                self._addresses.pop(name, None)
            fresh = kept - self._wait.keys()
            self._wait |= dict.fromkeys(fresh, _FIRST_SECS)
            # What is being looked up comes back by itself, or is dropped then.
            self._due = [entry for entry in self._due if entry[1] in kept]
            self._due += [(0.0, name) for name in fresh]
            heapq.heapify(self._due)
            self._publish()
            self._start(len(kept))
            self._changed.notify_all()

    def close(self) -> None:
        """Look nothing up any more. Threads that wait for a resolver end when it answers."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _start(self, names: int) -> None:
        while len(self._threads) < min(_THREADS, names):
            # Nobody can interrupt a resolver, and the process does not wait for it at its end.
            thread = threading.Thread(target=self._work, name="names", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        while (name := self._next()) is not None:
            try:
                found: frozenset[bytes] | None = self._resolve(name)
            except OSError as error:
                log.debug("a name was not resolved", extra={"name": name, "error": str(error)})
                found = None
            self._learn(name, found)

    def _next(self) -> str | None:
        """The next name whose time has come, after waiting for it; None at the end."""
        with self._changed:
            while not self._ended:
                left = self._due[0][0] - time.monotonic() if self._due else None
                if left is not None and left <= 0:
                    return heapq.heappop(self._due)[1]
                self._changed.wait(left)
        return None

    def _learn(self, name: str, found: frozenset[bytes] | None) -> None:
        with self._changed:
            if name not in self._wait or any(other == name for _, other in self._due):
                return  # dropped meanwhile, or dropped and asked for anew
            wait = self._wait[name]
            if found is not None and found != self._addresses.get(name):
                wait = _FIRST_SECS
                self._addresses[name] = found
                self._publish()
            self._wait[name] = min(wait * 2, _LONGEST_SECS)
            heapq.heappush(self._due, (time.monotonic() + wait, name))
            self._changed.notify()

    def _publish(self) -> None:
        names: dict[bytes, list[str]] = {}
        for name in sorted(self._addresses):
            for address in self._addresses[name]:
                names.setdefault(address, []).append(name)
        self._by_address = {address: tuple(found) for address, found in names.items()}
