"""Where an act is performed: a process of its own, with its own view of files and networks."""

from __future__ import annotations

import fcntl
import os
import pty
import socket
import struct
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sidekick.acts import kernel_calls as kernel

ELSEWHERE = "203.0.113.7"
"""An address that belongs to nobody (RFC 5737); a scene with a network has it itself."""

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFADDR = 0x8913, 0x8914, 0x8916
_IFF_UP = 1
_TRUE = "/bin/true"


class Scene:
    """The helpers of an act; ``folder`` is empty at first and goes away afterwards."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._servers: list[socket.socket] = []

    # -- processes ---------------------------------------------------------------------------

    def call_myself(self, name: str) -> None:
        """The name of the process from now on."""
        kernel.name_process(name)

    def start(
        self,
        name: str,
        *arguments: str,
        parents: Sequence[str] = ("bash",),
        tty: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Start ``true`` under another name, as the child of processes with these names."""
        program = self.program(name)

        def become() -> None:
            os.execve(program, [name, *arguments], dict(environment or {}))

        self.below([*parents], become, tty=tty)

    def program(self, name: str) -> str:
        """The path of a program of that name, which does nothing."""
        path = self.folder / name
        if not path.is_symlink():
            path.symlink_to(_TRUE)
        return str(path)

    def below(
        self, names: Sequence[str], perform: Callable[[], None], *, tty: bool = False
    ) -> None:
        """Perform in a child of a process with the last name, itself below the one before it."""
        if not names:
            self._as_child(perform, tty=tty)
            return

        def deeper() -> None:
            kernel.name_process(names[0])
            self.below(names[1:], perform, tty=tty)

        self._as_child(deeper)

    def _as_child(self, perform: Callable[[], None], *, tty: bool = False) -> None:
        master, slave = pty.openpty() if tty else (-1, -1)
        child = os.fork()
        if child == 0:
            with ending():
                if tty:
                    os.setsid()
                    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
                perform()
        _, status = os.waitpid(child, 0)
        for descriptor in (master, slave):
            if descriptor >= 0:
                os.close(descriptor)
        if status:
            raise ChildProcessError(f"a process of the act ended with {status}")

    # -- files -------------------------------------------------------------------------------

    def write(self, path: str, *, by: str = "implant", empty: bool = False) -> None:
        """Open a file for writing, with its folders; ``empty`` cuts what it has."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.call_myself(by)
        flags = os.O_CREAT | os.O_WRONLY | (os.O_TRUNC if empty else 0)
        os.close(os.open(path, flags, 0o600))

    def read(self, path: str, *, by: str = "cat") -> None:
        """Open a file for reading."""
        self.call_myself(by)
        os.close(os.open(path, os.O_RDONLY))

    def show(self, files: Mapping[str, str]) -> None:
        """Show files in their places, in folders that hold nothing else, to this process alone."""
        kernel.unshare(kernel.CLONE_NEWNS)
        kernel.mount("none", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        for place in sorted({top_folder(path) for path in files}):
            shown = self.folder / "shown" / place.lstrip("/")
            shown.mkdir(parents=True)
            for path, text in files.items():
                if top_folder(path) == place:
                    _put(shown / os.path.relpath(path, place), path, text)
            kernel.mount(str(shown), place, "", kernel.MS_BIND)

    # -- networks ----------------------------------------------------------------------------

    def leave_the_network(self) -> None:
        """Have a network alone, in which ``ELSEWHERE`` is this process's own address."""
        kernel.unshare(kernel.CLONE_NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            for interface, address in (("lo", "127.0.0.1"), ("lo:1", ELSEWHERE)):
                name = interface.encode()
                packed = struct.pack(
                    "16sH2s4s8s", name, socket.AF_INET, b"", socket.inet_aton(address), b""
                )
                if interface != "lo":
                    fcntl.ioctl(control, _SIOCSIFADDR, packed)
                fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH14s", name, _IFF_UP, b""))

    def connect(self, address: str, port: int, *, by: str) -> socket.socket:
        """A connection to an address that this process gives itself; it stays here."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control, suppress(OSError):
            packed = struct.pack(
                "16sH2s4s8s", b"lo:2", socket.AF_INET, b"", socket.inet_aton(address), b""
            )
            if address not in (ELSEWHERE, "127.0.0.1"):
                fcntl.ioctl(control, _SIOCSIFADDR, packed)
        server = socket.create_server((address, port))
        self.call_myself(by)
        self._servers.append(server)
        return socket.create_connection((address, port))


def _put(shown: Path, path: str, text: str) -> None:
    if path.endswith("/"):
        shown.mkdir(parents=True, exist_ok=True)
        return
    shown.parent.mkdir(parents=True, exist_ok=True)
    shown.write_text(text)


def top_folder(path: str) -> str:
    """The folder that is there for certain on any machine, in whose place the act's is shown."""
    parts = path.strip("/").split("/")
    deep = 2 if parts[0] in ("usr", "var") else 1
    return "/" + "/".join(parts[:deep])


@contextmanager
def ending() -> Iterator[None]:
    """Ends a child after what is inside, without what a parent does at its end."""
    status = 1
    try:
        yield
        status = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(status)
