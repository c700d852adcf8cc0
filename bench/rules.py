"""What rules cost: how many events a second one core decides, on its way and rule by rule.

    python -m bench.rules

The rules are Falco's own files, those that are off by default included, if they are beside the
checkout (``../shared/falco-rules``), and the packs of this project. Events are a mix as a busy node
has it, their fields already at hand; "calls" are empty Python calls timed in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sidekick.rule_files import load_files
from sidekick.rule_packs import pack_files
from sidekick.rules.derived import Derived
from sidekick.rules.engine import Engine, EngineConfig
from sidekick.rules.neutral import NeutralEvent
from sidekick.rules.profile import extracted, profile
from sidekick.rules.ruleset import RuleSet

_OFFICIAL = Path(__file__).parents[2] / "shared" / "falco-rules"
_FILES = [_OFFICIAL / f"falco{kind}_rules.yaml" for kind in ("", "-incubating", "-sandbox")]
_EVENTS = 20_000
_ROUNDS = 5
_DEAREST = 12

_SHARES = {
    "openat": 46, "open": 4, "openat2": 1, "execve": 8, "connect": 8, "sendto": 8, "recvfrom": 8,
    "sendmsg": 2, "recvmsg": 2, "accept4": 3, "socket": 3, "dup2": 2, "unlinkat": 1, "renameat2": 1,
    "mkdirat": 1, "fchmodat": 1, "setuid": 0.5, "ptrace": 0.1, "bpf": 0.1, "symlinkat": 0.3,
}  # fmt: skip
_PROGRAMS = (
    ("nginx", "nginx", "nginx -g daemon off;", "/usr/sbin/nginx"),
    ("java", "sh", "java -Xmx2g -jar /app/service.jar", "/usr/lib/jvm/bin/java"),
    ("node", "npm", "node server.js --port 8080", "/usr/local/bin/node"),
    ("python3", "sh", "python3 -m gunicorn app:app -w 4", "/usr/bin/python3.11"),
    ("postgres", "postgres", "postgres: checkpointer", "/usr/lib/postgresql/bin/postgres"),
    ("kubelet", "systemd", "kubelet --config=/var/lib/kubelet/config.yaml", "/usr/bin/kubelet"),
    ("containerd", "systemd", "containerd", "/usr/bin/containerd"),
    ("runc", "containerd-shim", "runc --root /run/containerd init", "/usr/bin/runc"),
    ("cron", "systemd", "cron -f", "/usr/sbin/cron"),
    ("sshd", "sshd", "sshd: deploy@pts/0", "/usr/sbin/sshd"),
    ("bash", "sshd", "bash -l", "/usr/bin/bash"),
    ("curl", "sh", "curl -sf http://10.0.3.7:8080/healthz", "/usr/bin/curl"),
    ("sed", "bash", "sed -n 1,3p /var/lib/app/state.txt", "/usr/bin/sed"),
)
_PATHS = (
    "/proc/1234/stat", "/sys/fs/cgroup/memory.current", "/usr/lib/x86_64-linux-gnu/libc.so.6",
    "/etc/ld.so.cache", "/etc/hosts", "/etc/resolv.conf", "/var/log/app/current.log",
    "/app/node_modules/express/index.js", "/tmp/upload-6f3a.part", "/var/lib/postgresql/16/base/5",
    "/usr/share/zoneinfo/UTC", "/dev/null", "/dev/urandom", "/etc/ssl/certs/ca-certificates.crt",
    "/home/deploy/.profile", "/run/secrets/kubernetes.io/serviceaccount/token",
)  # fmt: skip
_PEERS = ("10.0.3.7", "10.96.0.1", "172.16.4.20", "127.0.0.1", "52.216.1.9", "140.82.112.3")


def mix(count: int, seed: int = 1) -> Iterator[NeutralEvent]:
    """Events in the shares of a busy node; one in twenty fails, one open in ten is for writing."""
    random = Random(seed)
    types = random.choices([*_SHARES], [*_SHARES.values()], k=count)
    for number, type_ in enumerate(types):
        fields = (
            _process(random) | _call(random, type_) | {"evt.type": type_, "evt.num": number + 1}
        )
        yield NeutralEvent("syscall", type_, 1_700_000_000 * 10**9 + number, Derived(fields))


def _process(random: Random) -> dict[str, Any]:
    name, parent, line, path = random.choice(_PROGRAMS)
    inside = name not in ("kubelet", "containerd", "cron", "sshd") and random.random() < 0.8
    container = {
        "container.id": "3fd1c0ffee12",
        "container.name": "web",
        "container.image.repository": "registry.example/shop/web",
        "container.image.tag": "1.14.2",
        "container.privileged": False,
        "k8s.ns.name": "shop",
        "k8s.pod.name": "web-7c5d",
    }
    return {
        "proc.name": name,
        "proc.pname": parent,
        "proc.aname": [parent, "containerd-shim" if inside else "systemd", "systemd"],
        "proc.cmdline": line,
        "proc.pcmdline": parent,
        "proc.args": line.partition(" ")[2],
        "proc.exe": line.partition(" ")[0],
        "proc.pexe": f"/usr/bin/{parent}",
        "proc.exepath": path,
        "proc.env": "PATH=/usr/local/bin:/usr/bin HOME=/root LANG=C.UTF-8",
        "proc.cwd": "/app/",
        "proc.tty": 0,
        "proc.vpid": random.randrange(2, 30_000),
        "proc.duration": random.randrange(10**9, 10**13),
        "proc.is_exe_upper_layer": False,
        "proc.is_exe_from_memfd": False,
        "thread.cap_effective": "CAP_CHOWN CAP_KILL CAP_NET_BIND_SERVICE",
        "thread.cap_permitted": "CAP_CHOWN CAP_KILL CAP_NET_BIND_SERVICE",
        "user.name": "root",
        "user.uid": 0,
        "user.loginuid": -1,
    } | (container if inside else {"container.id": "host"})


def _call(random: Random, type_: str) -> dict[str, Any]:
    failed = random.random() < 0.05
    result = {"evt.rawres": -2 if failed else random.randrange(3, 200)}
    if type_.startswith("open"):
        return result | _open(random, failed)
    if type_ in ("connect", "accept4", "sendto", "sendmsg", "recvfrom", "recvmsg", "socket"):
        return result | _traffic(random)
    path = random.choice(_PATHS)
    names = ("name", "path", "oldpath", "newpath", "target", "linkpath", "filename")
    return (
        result
        | {f"evt.arg.{name}": path for name in names}
        | {
            "evt.arg.mode": "S_IRUSR|S_IWUSR",
            "evt.arg.request": "PTRACE_GETREGS",
            "evt.arg.uid": "root",
            "evt.arg.cmd": "BPF_MAP_LOOKUP_ELEM",
            "fd.type": "file",
        }
    )


def _open(random: Random, failed: bool) -> dict[str, Any]:
    writes = random.random() < 0.1
    path = random.choice(_PATHS)
    return {
        "fd.name": path,
        "fd.nameraw": path,
        "fd.typechar": "f",
        "fd.num": -1 if failed else 5,
        "evt.arg.flags": "O_CREAT|O_WRONLY" if writes else "O_RDONLY|O_CLOEXEC",
    }


def _traffic(random: Random) -> dict[str, Any]:
    peer = random.choice(_PEERS)
    return {
        "fd.typechar": "4",
        "fd.type": "ipv4",
        "fd.num": 7,
        "fd.l4proto": random.choice(("tcp", "udp")),
        "fd.cip": "10.0.3.4",
        "fd.cport": random.randrange(32768, 60999),
        "fd.sip": peer,
        "fd.sport": random.choice((53, 80, 443, 5432, 8080)),
        "fd.lip": "10.0.3.4",
        "fd.rip": peer,
        "fd.name": f"10.0.3.4:40000->{peer}:443",
        "fd.connected": True,
        "fd.name_changed": False,
        "evt.arg.domain": "AF_INET",
        "evt.buffer": b"GET / HTTP/1.1",
    }


def rate(rules: RuleSet, events: Sequence[NeutralEvent]) -> tuple[float, int]:
    """(µs an event, alerts) of the engine over events, the best of some rounds."""
    engine = Engine(rules, EngineConfig(), rules.rules)
    keys = {type_: engine.keys("syscall", type_) for type_ in _SHARES}
    ready = [
        (event.type, extracted(event.record, keys[event.type]), event.time_ns) for event in events
    ]
    best, count = float("inf"), 0
    for _ in range(_ROUNDS):
        count, alerts = 0, engine.alerts
        began = time.process_time()
        for type_, record, time_ns in ready:
            count += len(alerts("syscall", type_, record, time_ns))
        best = min(best, time.process_time() - began)
    return best / len(ready) * 1e6, count


def empty_call() -> float:
    """Microseconds of an empty Python call."""

    def nothing() -> None: ...

    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(1_000_000):
            nothing()
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    """Print the tables."""
    call = empty_call()
    events = list(mix(_EVENTS))
    sets = {"the packs": list(pack_files())}
    if _OFFICIAL.is_dir():
        sets = {"Falco's stable": _FILES[:1], "all of Falco's": _FILES, **sets}
        _print_loading([*_FILES, _OFFICIAL / "k8s_audit_rules.yaml"])
    for name, files in sets.items():
        rules = load_files(files)
        us, alerts = rate(rules, events)
        count = sum(rule.source == "syscall" for rule in rules.rules)
        print(
            f"{f'{name}, {count} rules':34}{1e6 / us:10,.0f} events/s {us:6.2f} µs "
            f"{us / call:5.0f} calls   {alerts / len(events):.2%} alerts"
        )
    for name in list(sets)[-2:]:
        _print_costs(name, load_files(sets[name]), events, call)


def _print_loading(files: Sequence[Path]) -> None:
    began = time.process_time()
    rules = load_files(files)
    engine = Engine(rules, EngineConfig(), rules.rules)
    for type_ in _SHARES:
        engine.matcher("syscall", type_)
    took = time.process_time() - began
    print(f"{len(rules.rules)} rules loaded, matchers for {len(_SHARES)} types made: {took:.2f} s")


def _print_costs(name: str, rules: RuleSet, events: Sequence[NeutralEvent], call: float) -> None:
    found = profile(rules, events, time.perf_counter_ns)
    whole = sum(cost.cost_ns for cost in found.costs)
    print(f"\nthe dearest conditions of {name}, each on its own:")
    for cost in found.costs[:_DEAREST]:
        each = cost.cost_ns / max(cost.events, 1) / 1000
        print(
            f"{cost.cost_ns / whole:7.1%} {each:7.3f} µs {each / call:5.1f} calls "
            f"{cost.hits:6} of {cost.events:6}  {cost.rule.name}"
        )


if __name__ == "__main__":
    main()
