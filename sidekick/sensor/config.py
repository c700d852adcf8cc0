"""Settings of the sensor."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from sidekick.listener.config import ListenerConfig
from sidekick.model import Priority
from sidekick.rules.event_types import EVENT_TYPES
from sidekick.section import Duration, Secret, Section, Size

Action = Literal["ignore", "log", "alert", "exit"]


def _priority(value: object) -> object:
    found = Priority.parse(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"wanted a priority such as warning, found {value!r}")
    return found.label.lower()


def _system_call(name: str) -> str:
    if name not in EVENT_TYPES:
        near = difflib.get_close_matches(name, EVENT_TYPES, 1)
        told = f'; did you mean "{near[0]}"?' if near else ""
        raise ValueError(f"wanted a system call such as sendto, found {name!r}{told}")
    return name


SystemCall = Annotated[str, AfterValidator(_system_call)]
"""By its name, as rules compare it with ``evt.type``."""


class DropsConfig(Section):
    """What happens when the kernel had events that nobody could take."""

    actions: tuple[Action, ...] = ("log", "alert")
    """`log` writes a line, `alert` makes an alert of the source `internal`, `exit` ends the sensor,
    `ignore` does nothing; they are counted in any case."""
    threshold: float = Field(0.0, ge=0, le=1)
    """The share of a second's events beyond which the actions are taken."""
    rate: float = Field(1 / 30, gt=0)
    """So many times a second the actions are taken at most, on average."""
    max_burst: int = Field(1, ge=1)
    """So many times in a row after a quiet time."""
    priority: Annotated[str, BeforeValidator(_priority)] = "warning"
    """The alert's priority; Falco's is debug."""
    simulate: bool = False
    """Count a loss that there was not each second (reason `simulated`), to see who hears of it."""


class ContainersConfig(Section):
    """Where names, images and labels of containers come from."""

    wait: Duration = Field(0.1, ge=0, le=5)
    """How long all events of a new container together may wait for its runtime's answer. Those of
    all containers together wait in vain a tenth of the time at most, and two seconds at once."""
    docker: tuple[Path, ...] = (
        Path("/run/docker.sock"),
        Path("/var/run/docker.sock"),
        Path("/run/podman/podman.sock"),
    )
    """Sockets of Docker's API, which podman has as well; what is not there is passed over."""
    cri: tuple[Path, ...] = (
        Path("/run/containerd/containerd.sock"),
        Path("/run/crio/crio.sock"),
        Path("/run/k3s/containerd/containerd.sock"),
    )
    """Sockets of Kubernetes' container runtime interface; what is not there is passed over."""
    host: Path = Path("/")
    """Where the host's root directory is seen, if the sensor runs in a container."""


class PagesConfig(ListenerConfig):
    """Where `sidekick sensor` answers `/metrics`, `/healthz` and `/readyz`."""

    address: str = "127.0.0.1"
    """Address to listen on; `::` for IPv6."""
    port: int = Field(2803, ge=0, le=65535)
    """Port to listen on; 0 takes a free one."""
    max_connections: int = Field(64, ge=1)
    """Connections at once; one more takes the place of an idle one, or is answered 503."""


class SensorConfig(Section):
    """The sensor: what the kernel tells, and what is made of it."""

    enabled: bool = True
    """Does `sidekick run` start it?"""
    node: str = Field("", max_length=253)
    """Name of the machine in alerts, heartbeats and as `evt.hostname`; its host name if empty. The
    option `--node` and the variable NODE_NAME go over it."""
    listen: PagesConfig | None = None
    """Answer `/metrics` and probes (`sidekick sensor` alone: those of `sidekick run` are the
    hub's); `--metrics` as well."""
    buffer: Size = Field(8 * 1024**2, ge=4096)
    """Memory for events between kernel and sensor; rounded up to a power of two."""
    process_buffer: Size = Field(4 * 1024**2, ge=4096)
    """The same for starts and ends of processes."""
    snaplen: int = Field(80, ge=0, le=4096)
    """Bytes of what is sent and received that `evt.buffer` has."""
    ignore_calls: tuple[SystemCall, ...] = ()
    """System calls that are not watched though rules ask for them, such as `sendto`: Falco's
    `base_syscalls.custom_set` with a `!`. Starts and ends of processes are told in any case."""
    repeats: int = Field(100, ge=0)
    """So many identical events of a process in a second are told one by one; further ones are
    counted, and told at its end by one alert whose `evt.count` says how many. 0: all are told."""
    processes: int = Field(32_768, ge=256)
    """Processes that are remembered at a time."""
    queue: int = Field(20_000, ge=100)
    """Alerts that wait in memory for the hub and the disk; beyond it new ones go, counted (Falco's
    `outputs_queue.capacity`)."""
    outbox: Size = Field(64 * 1024**2, ge=1024**2)
    """Room on disk for alerts while the hub is away; beyond it the oldest go, counted."""
    seccomp: bool = True
    """Once it watches, the sensor's process can start no program, touch no other process and load
    nothing into the kernel any more, whatever happens to it (a filter of its system calls)."""
    token: Secret | None = None
    """What a hub elsewhere wants to see; rather in the environment: `${SIDEKICK_TOKEN}`."""
    drops: DropsConfig = DropsConfig()
    """What happens when events are lost."""
    containers: ContainersConfig = ContainersConfig()
    """What is asked about containers."""
