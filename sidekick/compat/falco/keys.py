"""Falco's keys that stand for themselves: what each becomes, or why it has no counterpart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sidekick.compat.falco.file import FalcoFile, listed, truth
from sidekick.compat.key import same
from sidekick.compat.translation import Draft, Setting

_LOG_LEVELS = {
    "emergency": "error",
    "alert": "error",
    "critical": "error",
    "error": "error",
    "warning": "warning",
    "notice": "info",
    "informational": "info",
    "info": "info",
    "debug": "debug",
}


@dataclass(frozen=True, slots=True)
class FalcoKey:
    """A key, dotted. ``to`` is our setting; without one ``needless`` says why there need not be
    one, ``missing`` what happens for want of it. With neither it says nothing by itself.

    ``default`` is Falco's: a key that only says so is not worth a word. ``convert`` gives None for
    nothing to set; what it raises ``ValueError`` for is left to our setting to refuse.
    """

    name: str
    to: str = ""
    convert: Callable[[Any], Any] = same
    default: Any = None
    needless: str = ""
    missing: str = ""
    note: str = ""

    def apply(self, file: FalcoFile, draft: Draft) -> None:
        """Note in the draft what becomes of the key."""
        value = file.take(self.name)
        if value is None or value == "":
            return
        if self.to:
            self._set(value, draft)
        elif value != self.default and self.needless:
            draft.needless[self.name] = self.needless
        elif value != self.default and self.missing:
            draft.warn(f"{self.name}: {self.missing}")

    def _set(self, value: Any, draft: Draft) -> None:
        try:
            found = self.convert(value)
        except (ValueError, TypeError):
            found = value
        if found is not None:
            path = tuple(self.to.split("."))
            draft.set(Setting(path, found, self.name, why=self.note, raw=True))
        elif self.needless:
            draft.needless[self.name] = self.needless


def _queue(value: Any) -> int | None:
    return max(int(value), 100) if int(value) > 0 else None


def _texts(value: Any) -> Any:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else value


def _snaplen(value: Any) -> int | None:
    return min(int(value), 4096) if int(value) > 0 else None


def _processes(value: Any) -> int | None:
    return None if int(value) in (0, 262_144) else max(int(value), 256)


def _actions(value: Any) -> list[Any]:
    return listed(value) or ["ignore"]


def _true(value: Any) -> bool | None:
    return truth(value) or None


def _log_level(value: Any) -> Any:
    return _LOG_LEVELS.get(str(value).lower(), value)


_BOUNDED = "what waits in memory is bounded in any case, by sensor.queue"
_ITSELF = "a lane writes what it has, in batches"
_LANES = "each lane has a timeout of its own (lane.timeout) and holds up no other"
_PAGES = (
    "/healthz and /metrics are at the listener for alerts (listen.port, 2801), those of `sidekick "
    "sensor` at sensor.listen"
)
_HEARTBEATS = (
    "sidekick's own figures are at /metrics; a sensor tells its hub twice a minute that it watches"
)
_LISTED = "`sidekick rules list` and /metrics count what each rule finds"
_LOGS = "sidekick logs to standard error; the journal or the container engine keeps it"
_GRPC = "sidekick has no gRPC: `sidekick tail`, the API, or a webhook"
_FOUND = "the process table needs no purging by time: ends of processes are told, and looked for"

KEYS = (
    *(FalcoKey(name, "rules.files", listed) for name in ("rules_file", "rule_files")),
    FalcoKey(
        *("rules_files", "rules.files", listed),
        note='the same files; "@packs" are the rules that come with sidekick',
    ),
    FalcoKey("rules", "rules.select", listed, note="in their order, as there"),
    FalcoKey("priority", "rules.priority"),
    FalcoKey("rule_matching", "rules.matching"),
    FalcoKey("time_format_iso_8601", "rules.time_format_iso_8601", _true),
    FalcoKey("append_output", "rules.append_output", listed),
    FalcoKey("static_fields", "rules.static_fields", _texts),
    FalcoKey("buffer_format_base64", default=False, missing="evt.buffer is told as text"),
    FalcoKey("buffered_outputs", default=False, needless=_ITSELF),
    FalcoKey("output_timeout", default=2000, needless=_LANES),
    FalcoKey(
        *("outputs_queue.capacity", "sensor.queue", _queue),
        needless=_BOUNDED,
        note="alerts; while the hub is away they wait on disk besides, in sensor.outbox",
    ),
    FalcoKey("outputs_queue.recovery", needless=_BOUNDED),
    FalcoKey("outputs.rate", default=0, missing="alerts are not throttled but deduplicated: dedup"),
    FalcoKey("outputs"),
    FalcoKey("syscall_event_drops.threshold", "sensor.drops.threshold"),
    FalcoKey(
        *("syscall_event_drops.actions", "sensor.drops.actions", _actions),
        note="the alert's priority is warning, Falco's is debug: sensor.drops.priority",
    ),
    FalcoKey("syscall_event_drops.rate", "sensor.drops.rate"),
    FalcoKey("syscall_event_drops.max_burst", "sensor.drops.max_burst"),
    FalcoKey("syscall_event_drops.simulate_drops", "sensor.drops.simulate", _true),
    FalcoKey(
        "syscall_event_timeouts.max_consecutives",
        default=1000,
        needless="the kernel wakes the sensor when there is something",
    ),
    FalcoKey("falco_libs.snaplen", "sensor.snaplen", _snaplen),
    FalcoKey(
        *("falco_libs.thread_table_size", "sensor.processes", _processes),
        needless="sidekick keeps processes, not threads: sensor.processes, 32,768",
        note="processes, where Falco counts threads",
    ),
    FalcoKey("falco_libs.thread_table_auto_purging_interval_s", default=300, needless=_FOUND),
    FalcoKey("falco_libs.thread_table_auto_purging_thread_timeout_s", default=300, needless=_FOUND),
    FalcoKey("log_level", "logging.level", _log_level),
    FalcoKey("log_stderr", default=True, missing=_LOGS),
    FalcoKey("log_syslog", needless=_LOGS),
    FalcoKey("libs_logger", needless="there is one log, of logging.level"),
    FalcoKey("webserver.enabled", default=False, needless=_PAGES),
    FalcoKey("webserver"),
    FalcoKey("metrics.enabled", default=False, needless=f"{_HEARTBEATS}; {_LISTED}"),
    FalcoKey("metrics"),
    FalcoKey("grpc.enabled", default=False, missing=_GRPC),
    FalcoKey("grpc"),
    FalcoKey("grpc_output.enabled", default=False, missing=_GRPC),
    FalcoKey("capture.enabled", default=False, missing="sidekick records no captures (.scap)"),
    FalcoKey("capture"),
    FalcoKey(
        "watch_config_files", default=True, missing="changed files are taken over in any case"
    ),
    FalcoKey("metadata_download", needless="nothing is asked of the API server"),
)
