"""A reader's desk: a folder, a network of its own in which all ports are free, and a shell.

Commands are typed as the page has them, addresses and ports included. Names of other machines
lead to this one.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import trustme

from tests.servers import places
from tests.servers.process import dies_with_us
from tests.test_docs import ROOT

_BIN = Path(sys.executable).parent
_SECS = 60.0
_HOLDS = """\
import socket, fcntl, struct, subprocess, sys, time
with socket.socket() as control:
    fcntl.ioctl(control, 0x8914, struct.pack("16sH14s", b"lo", 1, b""))  # SIOCSIFFLAGS, IFF_UP
subprocess.run(["mount", "--bind", sys.argv[1], "/etc/hosts"], check=True)
print("up", flush=True)
time.sleep(3600)
"""
_HOSTS = "127.0.0.1 localhost hub.example elasticsearch alertmanager-0 alertmanager-1\n"
_ANSWERS = """\
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("X-Elastic-Product", "Elasticsearch")
        self.send_header("Content-Length", "0")
        self.end_headers()
    do_HEAD = do_POST = do_PUT = do_GET
HTTPServer(("127.0.0.1", 9200), Answers).serve_forever()
"""


class Desk:
    """``folder`` is where commands are typed; the checkout's files are in it."""

    def __init__(self, folder: Path, process: int, stack: ExitStack) -> None:
        self.folder = folder
        self._enter = ["nsenter", f"--target={process}", "--net", "--mount", f"--wd={folder}"]
        self._stack = stack
        self._services: list[subprocess.Popen[bytes]] = []
        self._defined = ""
        self.environment = os.environ | {
            "PATH": f"{_BIN}:{places.helm() / 'bin'}:{places.compose() / 'bin'}:{os.defpath}"
            ":/usr/sbin:/sbin",
            "SLACK_URL": "http://127.0.0.1:9200/slack",
            "AUDIT_TOKEN": "a-token-of-some-length",
        }

    def types(self, command: str, *, outside: bool = False) -> str:
        """What a command prints that comes to an end; it has to succeed.

        ``outside``: in the network where the servers of the tests are.
        """
        shell = ["bash", "-euo", "pipefail", "-c", self._defined + command]
        if re.match(r"\w+(=|\(\))", command):  # a variable, a function: for what comes after it
            self._defined += command + "\n"
        done = subprocess.run(
            shell if outside else [*self._enter, *shell],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECS,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def leaves_running(self, command: str, until: str) -> Path:
        """Start what goes on until it is stopped, wait for these words; the file it prints to."""
        log = self.folder / f"{len(self._services)}.log"
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [*dies_with_us(), *self._enter, "bash", "-c", f"exec {command}"],
                env=self.environment | {"TERM": "xterm"},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._services.append(process)
        self._stack.callback(_stop, process, command, log)
        self.sees(log, until)
        assert process.poll() is None, log.read_text()
        return log

    def sees(self, log: Path, words: str, secs: float = _SECS) -> None:
        """Wait until these words were printed."""
        deadline = time.monotonic() + secs
        while words not in log.read_text(errors="replace"):
            told = (words, log.read_text(errors="replace")[-3000:])
            assert not any(one.poll() for one in self._services), told
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    def stops_all(self) -> None:
        """Ctrl-C in every terminal; each service ends well."""
        self._stack.close()
        self._services.clear()

    def has_a_hub_elsewhere(self) -> None:
        """One on https://hub.example:2801, with a certificate that this machine trusts."""
        authority = trustme.CA()
        there = self.folder / "elsewhere"
        there.mkdir(exist_ok=True)
        authority.cert_pem.write_to_path(there / "ca.pem")
        certificate = authority.issue_cert("hub.example")
        certificate.private_key_and_cert_chain_pem.write_to_path(there / "hub.pem")
        file = f"{there}/hub.pem"
        (there / "hub.yaml").write_text(
            f"listen: {{tls: {{cert_file: {file}, key_file: {file}}}}}\n"
        )
        self.environment["SSL_CERT_FILE"] = str(there / "ca.pem")
        self.leaves_running(f"sidekick hub -c {there}/hub.yaml --state {there}/state", "2801")


def _stop(process: subprocess.Popen[bytes], command: str, log: Path) -> None:
    process.send_signal(signal.SIGINT)
    try:
        code = process.wait(30)
    finally:
        process.kill()
    assert code in (0, -signal.SIGINT, 130), f"{command} ended with {code}\n{log.read_text()}"


@contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """A desk with the project's files, and something that answers on port 9200."""
    for entry in ROOT.iterdir():
        if entry.name not in (".git", "state"):
            (folder / entry.name).symlink_to(entry)
    hosts = folder / "hosts"
    hosts.write_text(_HOSTS)
    unshare = ["unshare", "--net", "--mount", "--propagation", "private", sys.executable, "-c"]
    with _holding([*unshare, _HOLDS, str(hosts)]) as process, ExitStack() as stack:
        found = Desk(folder, process.pid, stack)
        answering = [*found._enter, sys.executable, "-c", _ANSWERS]
        with subprocess.Popen([*dies_with_us(), *answering], stderr=subprocess.DEVNULL) as other:
            try:
                yield found
                found.stops_all()
            finally:
                other.kill()


@contextmanager
def _holding(command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([*dies_with_us(), *command], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            yield process
        finally:
            process.kill()


def why_not() -> str:
    """What there is to be missing for a desk; "" if it can be had."""
    if os.geteuid() != 0:
        return "a network of its own needs root"
    return "" if shutil.which("nsenter") else "there is no nsenter"
