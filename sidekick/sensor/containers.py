"""What is known of containers: the id at once, from the cgroup; all else from the runtime, later.

A runtime is asked in threads of its own. An event that wants an answer which is still on its way
waits for it, but all events of one container together no longer than a bound, and in vain all
containers together no longer than a share of the time: who hangs does not make the kernel wait.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Protocol

from sidekick.sensor.cgroups import HOST, Cgroup, container_of

log = logging.getLogger(__name__)

_WAIT_SHARE = 0.1
_WAIT_SAVED_SECS = 2.0
"""After a quiet time so much may be waited at once; enough for the containers of a whole node."""


@dataclass(frozen=True, slots=True)
class Mount:
    """A mount of a container, in the runtime's words."""

    source: str
    destination: str
    mode: str = ""
    writable: bool = True
    propagation: str = ""

    def __str__(self) -> str:
        writable = "true" if self.writable else "false"
        return f"{self.source}:{self.destination}:{self.mode}:{writable}:{self.propagation}"


@dataclass(frozen=True, slots=True)
class ContainerInfo:
    """What a runtime says of a container; None where it says nothing."""

    name: str | None = None
    image: str | None = None
    image_id: str | None = None
    repository: str | None = None
    tag: str | None = None
    digest: str | None = None
    type: str | None = None
    ip: str | None = None
    privileged: bool | None = None
    host_pid: bool | None = None
    host_network: bool | None = None
    host_ipc: bool | None = None
    mounts: tuple[Mount, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    pod_labels: Mapping[str, str] = field(default_factory=dict)
    sandbox_id: str | None = None


class Runtime(Protocol):
    """A container runtime that can be asked."""

    def inspect(self, container_id: str) -> ContainerInfo | None:
        """All about a container, None for one that it does not have; raises OSError."""
        ...


class _Asked:
    """One container: its answer, and whether events still wait for it."""

    __slots__ = ("answered", "info", "tries", "wait_left")

    def __init__(self, wait: float) -> None:
        self.answered = threading.Event()
        self.info: ContainerInfo | None = None
        self.wait_left = wait
        self.tries = 0


class Containers:
    """Containers by the cgroup that a record names.

    ``wait`` is how many seconds the events of one container may wait for the runtime, in all.
    ``missing`` counts the events that went on without an answer.
    """

    def __init__(
        self,
        runtimes: Sequence[Runtime] = (),
        executor: Executor | None = None,
        *,
        wait: float = 0.1,
        limit: int = 4096,
        containerd: bool = False,
        clock: Callable[[], float],
    ) -> None:
        self._runtimes = runtimes
        self._executor = executor
        self._wait = wait
        self._limit = limit
        self._containerd = containerd
        self._clock = clock
        self._patience = _WAIT_SAVED_SECS
        self._looked = clock()
        self._cgroups: OrderedDict[int, Cgroup] = OrderedDict()
        self._paths: dict[int, str] = {}
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self.missing = 0

    def learn(self, cgroup_id: int, path: str) -> Cgroup:
        """A cgroup has this path; a container that is new is asked for at once."""
        found = container_of(path, containerd=self._containerd)
        self._cgroups[cgroup_id] = found
        self._cgroups.move_to_end(cgroup_id)
        self._paths[cgroup_id] = path
        if len(self._cgroups) > self._limit:
            oldest, _ = self._cgroups.popitem(last=False)
            self._paths.pop(oldest, None)
        if found.id and found.id not in self._asked:
            self._ask(found.id)
        return found

    def of(self, cgroup_id: int) -> Cgroup:
        """The container that a cgroup is in; the host's for one that nobody named."""
        return self._cgroups.get(cgroup_id, HOST)

    def path(self, cgroup_id: int) -> str | None:
        """The path of a cgroup."""
        return self._paths.get(cgroup_id)

    def info(self, container_id: str) -> ContainerInfo | None:
        """What the runtime says; None while, or if, it says nothing."""
        asked = self._asked.get(container_id)
        if asked is None:
            return None
        if not asked.answered.is_set() and asked.wait_left > 0:
            self._wait_for(asked)
        if not asked.answered.is_set():
            self.missing += 1
        return asked.info

    def _wait_for(self, asked: _Asked) -> None:
        began = self._clock()
        saved = self._patience + (began - self._looked) * _WAIT_SHARE
        saved = min(saved, max(_WAIT_SAVED_SECS, self._wait))
        answered = asked.answered.wait(max(min(asked.wait_left, saved), 0.0))
        self._looked = self._clock()
        asked.wait_left -= self._looked - began
        self._patience = saved if answered else saved - (self._looked - began)

    def ask_again(self, most: int = 16) -> None:
        """Ask for those whose runtime failed; to be called now and then."""
        for container_id, asked in tuple(self._asked.items()):
            if asked.answered.is_set() and asked.info is None and asked.tries < most:
                asked.tries += 1
                self._submit(container_id, asked)

    def _ask(self, container_id: str) -> None:
        asked = self._asked[container_id] = _Asked(self._wait)
        if len(self._asked) > self._limit:
            self._asked.popitem(last=False)
        self._submit(container_id, asked)

    def _submit(self, container_id: str, asked: _Asked) -> None:
        if not self._runtimes or self._executor is None:
            asked.answered.set()
            return
        self._executor.submit(self._inspect, container_id, asked)

    def _inspect(self, container_id: str, asked: _Asked) -> None:
        try:
            for runtime in self._runtimes:
                try:
                    asked.info = runtime.inspect(container_id)
                except OSError as error:
                    about = {"container": container_id[:12], "error": str(error)}
                    log.debug("a container runtime does not answer", extra=about)
                if asked.info is not None:
                    break
        finally:
            asked.answered.set()
