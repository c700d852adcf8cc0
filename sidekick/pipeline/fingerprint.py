"""Are two alerts the same? The key that dedup compares, and its short text for everybody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
from pydantic import Field

from sidekick.model import Alert
from sidekick.pipeline.conditions import Condition, Conditions
from sidekick.pipeline.view import ALERT_KEYS, AlertView
from sidekick.section import Section

VERSION = "v1"

Key = tuple[str | None, ...]
"""What makes an alert the same as another: comparable, hashable, all text."""

SYSCALL = (
    "k8s.ns.name|alert.hostname",
    "workload",
    "container.image.repository",
    "proc.exepath|proc.name",
    "fd.name|fs.path.name",
    "fd.sip",
    "fd.sport",
    "fd.rip",
)
K8S_AUDIT = (
    "ka.target.namespace|alert.hostname",
    "ka.verb",
    "ka.target.resource",
    "ka.target.subresource",
    "target",
    "ka.user.name",
)
EVERY_FIELD = ("alert.hostname", "*")
DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "syscall": SYSCALL,
    "syscalls": SYSCALL,  # what an alert has that names no source
    "k8s_audit": K8S_AUDIT,
}
"""The fields by source; every other source has ``EVERY_FIELD``."""


class FingerprintRule(Section):
    """Other fields for the alerts that match."""

    match: str
    """Condition; the first entry that matches an alert counts."""
    fields: tuple[str, ...] = Field(min_length=1)
    """The fields that make two alerts the same, written as in `fingerprint.sources`."""


class FingerprintConfig(Section):
    """Which fields make two alerts the same. The rule and the source always belong to them.

    A field is an output field, `alert.hostname`, `alert.priority`, `alert.output`, or one of
    `workload` (the Kubernetes owner, else the pod's name without its random part), `target` (the
    object of an audit event, a pod without its random part), `*` (every output field that is not
    volatile). `a|b` is the first of them that has a value.
    """

    sources: dict[str, tuple[str, ...]] = Field({})
    """Fields by alert source, in place of the defaults for `syscall`, `k8s_audit` and others."""
    rules: tuple[FingerprintRule, ...] = ()
    """Fields for some alerts only; goes before `sources`."""
    paths: tuple[str, ...] = ("fd.name", "fd.nameraw", "fs.path.name", "fs.path.nameraw", "ka.uri")
    """Fields in which digits, long hexadecimal words and UUIDs count as the same."""
    volatile: tuple[str, ...] = (
        *("evt.num", "evt.rawtime*", "evt.time*", "evt.datetime*", "evt.latency*", "evt.reltime*"),
        "evt.count",
        *("*.pid", "*.ppid", "*.vpid", "*.apid*", "*.tid", "*.vtid", "*.ptid", "*.pvpid"),
        *("*.pgid", "*.vpgid", "*.sid", "*.ts", "*.pid.ts", "*.ppid.ts", "*.duration*"),
        *("fd.cport", "fd.rport", "fd.num", "fd.ino", "fd.dev", "*.time", "*.timestamp"),
        *("ka.auditid", "*.uuid", "*.requestid", "*.eventid"),
    )
    """Fields that `*` leaves out; `*` in a name stands for any text."""


_encode = msgspec.json.Encoder(order="deterministic").encode
_LONGEST = 480
_REMEMBERED = 4096
# A random suffix of Kubernetes uses this alphabet: no vowels, no 0, 1 and 3.
_POD = re.compile(
    r"-(?:(?:[bcdfghjklmnpqrstvwxz2456789]{6,10}-|\d{8,10}-)?[bcdfghjklmnpqrstvwxz2456789]{5}|\d+)$"
)
_VARYING = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{12,}|[0-9]+", re.IGNORECASE
)
_DIGITS = re.compile(r"[0-9]+")
_LONG_WORD = re.compile(r"[0-9a-fA-F]{12}")
_CONNECTION = re.compile(r":\d+->")
_SPECIAL = frozenset({"*", "workload", "target"})
_OWNERS = (
    *("k8s.deployment.name", "k8smeta.deployment.name", "k8s.statefulset.name"),
    *("k8s.daemonset.name", "k8s.rs.name", "k8smeta.rs.name"),
)


def bounded(text: str) -> str:
    """The text, or for a long one its beginning and a digest of all of it."""
    if len(text) <= _LONGEST:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:_LONGEST]}...{digest}"


def text_of(value: Any) -> str | None:
    """A field's value as text; None for what Falco writes for "no value"."""
    if type(value) is str:
        if not value or value == "<NA>":
            return None
        return value if len(value) <= _LONGEST else bounded(value)
    return None if value is None else bounded(_encode(value).decode())


def workload_of_pod(pod: str) -> str:
    """A pod's name without what its controller appended at random, or by number."""
    return _POD.sub("", pod) or pod


def steady_path(path: str) -> str:
    """A path without its numbers; of a connection only the client's port is left out."""
    if "->" in path:
        return _CONNECTION.sub("->", path)
    # A UUID ends with a long word as well: without one, numbers are all there is to leave out.
    varying = _VARYING if _LONG_WORD.search(path) else _DIGITS
    return varying.sub("#", path)


class _Memo(dict[str, str]):
    """Remembers the results for short texts, up to a number of them."""

    def __init__(self, compute: Callable[[str], str]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, text: str) -> str:
        result = self._compute(text)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = result
        return result


Reader = Callable[[Alert], str | None]


class Fingerprints:
    """Reads the key of an alert, by the configuration."""

    def __init__(
        self, config: FingerprintConfig, conditions: Conditions, added: Iterable[str] = ()
    ) -> None:
        """``added`` are the fields that enrichment adds: `*` leaves them out."""
        self._paths = frozenset(config.paths)
        self._path = _Memo(steady_path)
        self._pod = _Memo(workload_of_pod)
        self._volatile = _Volatile(config.volatile, frozenset(added) | ALERT_KEYS)
        self._every = Spec(EVERY_FIELD, self)
        own = config.sources
        sources = {**DEFAULTS, **own}
        self._sources = {
            source: Spec(fields, self, None if source in own else self._every)
            for source, fields in sources.items()
        }
        self._rules: list[tuple[Condition, Spec]] = [
            (
                conditions.compile(f"fingerprint.rules.{n}.match", rule.match, scored=False),
                Spec(rule.fields, self),
            )
            for n, rule in enumerate(config.rules)
        ]

    def spec(self, alert: Alert) -> Spec:
        """The fields that count for this alert."""
        if self._rules:
            view = AlertView(alert)
            for condition, spec in self._rules:
                if condition(view):
                    return spec
        return self._sources.get(alert.source, self._every)

    def key(self, alert: Alert) -> Key:
        """What this alert has in common with its repeats."""
        if self._rules:
            return self.spec(alert).key(alert)
        return self._sources.get(alert.source, self._every).key(alert)

    def reader(self, field: str) -> Reader:
        """Reads one field as it is written in the configuration."""
        names = [name.strip() for name in field.split("|")]
        if len(names) == 1:
            return self._single(names[0])
        readers = [self._single(name) for name in names]

        def first(alert: Alert) -> str | None:
            for read in readers:
                value = read(alert)
                if value is not None:
                    return value
            return None

        return first

    def shape(self, name: str) -> Mapping[str, str] | None:
        """Maps the values of that output field to their steady form, if it has one."""
        return self._path if name in self._paths else None

    def every_field(self, alert: Alert) -> str | None:
        """All output fields but the volatile ones, or without any the output's text."""
        fields, volatile = alert.fields, self._volatile
        kept = {name: fields[name] for name in fields if not volatile[name]}
        if not kept:
            return bounded(steady_path(alert.output))
        for name in self._paths & kept.keys():
            kept[name] = steady_path(str(kept[name]))
        return bounded(_encode(kept).decode())

    def _single(self, name: str) -> Reader:
        special: dict[str, Reader] = {
            "*": self.every_field,
            "workload": self._workload,
            "target": self._target,
            "alert.rule": lambda alert: bounded(alert.rule),
            "alert.source": lambda alert: bounded(alert.source),
            "alert.hostname": lambda alert: text_of(alert.hostname),
            "alert.priority": lambda alert: alert.priority.label,
            "alert.output": lambda alert: bounded(steady_path(alert.output)),
        }
        if name in special:
            return special[name]
        shape = self.shape(name)

        def read(alert: Alert) -> str | None:
            value = text_of(alert.fields.get(name))
            return value if value is None or shape is None else shape[value]

        return read

    def _workload(self, alert: Alert) -> str | None:
        fields = alert.fields
        for name in _OWNERS:
            if name in fields and (owner := text_of(fields[name])) is not None:
                return owner
        pod = text_of(fields.get("k8s.pod.name"))
        return None if pod is None else self._pod[pod]

    def _target(self, alert: Alert) -> str | None:
        name = text_of(alert.fields.get("ka.target.name"))
        if name is None or alert.fields.get("ka.target.resource") != "pods":
            return name
        return self._pod[name]


Step = tuple[tuple[tuple[str, Mapping[str, str] | None], ...], Reader | None]
"""Output fields, each with its shape, of which the first with a value counts; or a reader."""


class Spec:
    """A list of fields, ready to be read."""

    __slots__ = ("_fallback", "_plan", "text")

    def __init__(
        self, fields: Sequence[str], owner: Fingerprints, fallback: Spec | None = None
    ) -> None:
        """``fallback`` is used when none of the fields but the first has a value."""
        self.text = f"{VERSION} alert.rule,alert.source,{','.join(fields)}"
        self._fallback = fallback
        self._plan = [self._step(field, owner) for field in fields]

    @staticmethod
    def _step(field: str, owner: Fingerprints) -> Step:
        names = tuple(name.strip() for name in field.split("|"))
        special = any(name in _SPECIAL or name in ALERT_KEYS for name in names)
        if special:
            return (), owner.reader(field)
        return tuple((name, owner.shape(name)) for name in names), None

    def key(self, alert: Alert) -> Key:
        """The values, after what tells this list of fields from others, the rule and the source."""
        fields, rule, source = alert.fields, alert.rule, alert.source
        values: list[str | None] = []
        for names, read in self._plan:
            value = None if read is None else read(alert)
            for name, shape in names:
                if name in fields and (value := text_of(fields[name])) is not None:
                    if shape is not None:
                        value = shape[value]
                    break
            values.append(value)
        if self._fallback is not None and not any(values[1:]):
            return self._fallback.key(alert)
        if len(rule) > _LONGEST or len(source) > _LONGEST:
            rule, source = bounded(rule), bounded(source)
        return (self.text, rule, source, *values)


class _Volatile(dict[str, bool]):
    """Whether a field's name is volatile, remembered by name."""

    def __init__(self, patterns: Sequence[str], names: frozenset[str]) -> None:
        super().__init__()
        globs = (re.escape(pattern).replace(r"\*", ".*") for pattern in patterns)
        self._pattern = re.compile("|".join(globs) or r"(?!)", re.DOTALL)
        self._names = names

    def __missing__(self, name: str) -> bool:
        result = name in self._names or self._pattern.fullmatch(name) is not None
        if len(self) >= _REMEMBERED:
            self.clear()
        if len(name) <= _LONGEST:
            self[name] = result
        return result


def fingerprint(key: Key) -> str:
    """The short text of a key: its version and 32 hexadecimal digits.

    They are the BLAKE2b digest of the key as a JSON array: lengths explicit, null kept.
    """
    return f"{VERSION}-{blake2b(_encode(key), digest_size=16).hexdigest()}"
