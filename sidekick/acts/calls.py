"""Acts by single system calls: processes that take over others, and what reaches the kernel."""

from __future__ import annotations

import os
import signal

from sidekick.acts import kernel_calls as kernel
from sidekick.acts.act import Act
from sidekick.acts.scene import Scene

_NOBODY = 65534


def _traces(scene: Scene) -> None:
    other = os.fork()
    if other == 0:
        signal.pause()
        os._exit(0)
    scene.call_myself("implant")
    kernel.ptrace(kernel.PTRACE_ATTACH, other)
    os.waitpid(other, 0)
    os.kill(other, signal.SIGKILL)
    os.waitpid(other, 0)


def _is_traced(scene: Scene) -> None:
    scene.call_myself("implant")
    kernel.ptrace(kernel.PTRACE_TRACEME, 0)


def _loads_module(scene: Scene) -> None:
    scene.call_myself("insmod")
    kernel.attempt("init_module", 0, 0, 0)


def _loads_bpf(scene: Scene) -> None:
    scene.call_myself("implant")
    kernel.attempt("bpf", kernel.BPF_PROG_LOAD, 0, 0)


def _joins_namespace(scene: Scene) -> None:
    descriptor = os.open("/proc/self/ns/uts", os.O_RDONLY)
    scene.call_myself("implant")
    kernel.setns(descriptor)


def _makes_user_namespace(scene: Scene) -> None:
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    scene.call_myself("implant")
    kernel.unshare(kernel.CLONE_NEWUSER)


def _handles_page_faults(scene: Scene) -> None:
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    scene.call_myself("implant")
    kernel.attempt("userfaultfd", kernel.UFFD_USER_MODE_ONLY)


ACTS = (
    Act("trace-process", _traces, ("Process taken over by ptrace",),
        ("PTRACE attached to process",)),
    Act("refuse-debugger", _is_traced, ("Process guards itself against debuggers",),
        ("PTRACE anti-debug attempt",)),
    Act("load-module", _loads_module, ("Kernel module loaded by hand",)),
    Act("load-module-in-container", _loads_module, ("Kernel module loaded from a container",),
        ("Linux Kernel Module Injection Detected",), container=True),
    Act("load-bpf", _loads_bpf, ("BPF program loaded from a container",),
        ("BPF Program Not Profiled",), container=True),
    Act("join-namespace", _joins_namespace, ("Container process joins another namespace",),
        ("Change thread namespace",), container=True),
    Act("make-user-namespace", _makes_user_namespace, ("User namespace made in a container",),
        ("Change namespace privileges via unshare",), container=True),
    Act("handle-page-faults", _handles_page_faults,
        ("Page faults handled by an unprivileged process",),
        ("Unprivileged Delegation of Page Faults Handling to a Userspace Process",)),
)  # fmt: skip
