"""How Falco gets its events: ``engine``, its elder keys, and ``base_syscalls``."""

from __future__ import annotations

from sidekick.compat.falco.file import FalcoFile, listed
from sidekick.compat.translation import Draft, Setting

_DRIVERS = ("modern_ebpf", "kmod", "ebpf")
_NO_EVENTS = {
    "replay": "sidekick reads no captures (.scap); `sidekick rules eval` judges events of files",
    "gvisor": "sidekick does not watch gVisor's sandboxes",
}
_ONE_BUFFER = "one buffer for all processors; Falco has one for each, or each two"
_FAILED = "calls that fail are told if a rule asks for them, and cost nothing if none does"
_STATE = "no state depends on it: the kernel's records are complete, and a call that no rule asks "
_STATE += "for costs nothing"


def translate(file: FalcoFile, draft: Draft) -> None:
    """What becomes of them."""
    kind = file.text("engine.kind")
    if kind == "nodriver":
        draft.set(Setting(("sensor", "enabled"), False, "engine.kind", why="nodriver"))
    elif kind in _NO_EVENTS:
        draft.warn(f"engine.kind: {kind}: {_NO_EVENTS[kind]}")
    elif kind and kind != "modern_ebpf":
        draft.needless["engine.kind"] = "sidekick has one way, CO-RE eBPF, as Falco's modern_ebpf"
    for name in _DRIVERS:
        _driver(file, draft, name, name == (kind or "modern_ebpf"))
    _elders(file, draft)
    for name in _NO_EVENTS:
        file.take(f"engine.{name}")
    _calls(file, draft)


def _driver(file: FalcoFile, draft: Draft, name: str, used: bool) -> None:
    key = f"engine.{name}"
    preset, failed = file.take(f"{key}.buf_size_preset"), file.truth(f"{key}.drop_failed_exit")
    file.take(key)  # what else is there is of its driver alone
    if used and preset is not None:
        _buffer(draft, f"{key}.buf_size_preset", preset)
    if used and failed:
        draft.needless[f"{key}.drop_failed_exit"] = _FAILED


def _elders(file: FalcoFile, draft: Draft) -> None:
    if (preset := file.take("syscall_buf_size_preset")) is not None:
        _buffer(draft, "syscall_buf_size_preset", preset)
    if file.truth("syscall_drop_failed_exit"):
        draft.needless["syscall_drop_failed_exit"] = _FAILED
    if file.take("modern_bpf") is not None:
        draft.needless["modern_bpf.cpus_for_each_syscall_buffer"] = _ONE_BUFFER


def _buffer(draft: Draft, key: str, preset: object) -> None:
    """Falco's sizes are numbered: 1 is 1 MiB, each next one twice that, up to 10."""
    if not (isinstance(preset, int) and 1 <= preset <= 10):
        draft.warn(f"{key}: wanted 1 to 10, found {preset!r}")
    elif preset != 4:  # Falco's default, and ours: 8 MiB
        size = f"{2 ** (preset - 1)}MiB"
        draft.set(Setting(("sensor", "buffer"), size, key, why=f"{preset}; {_ONE_BUFFER}"))


def _calls(file: FalcoFile, draft: Draft) -> None:
    key = "base_syscalls.custom_set"
    names = [str(name) for name in listed(file.take(key))]
    if ignored := [name[1:] for name in names if name.startswith("!")]:
        draft.set(Setting(("sensor", "ignore_calls"), ignored, key, why="those with a `!`"))
    if len(ignored) < len(names):
        draft.needless[key] = _STATE
    for flag in ("repair", "all"):
        if file.truth(f"base_syscalls.{flag}"):
            draft.needless[f"base_syscalls.{flag}"] = _STATE
