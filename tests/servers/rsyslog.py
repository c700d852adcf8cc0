"""rsyslog, of Debian's package: writes what it understood of each message as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.servers import places
from tests.servers.process import NotStarted, answers, free_ports, running

_CONFIG = """\
global(workDirectory="{folder}" maxMessageSize="64k")
module(load="imudp")
module(load="imtcp")
template(name="seen" type="string" string="%jsonmesg%\\n")
ruleset(name="all") {{ action(type="omfile" file="{out}" template="seen") }}
input(type="imudp" address="127.0.0.1" port="{udp}" ruleset="all")
input(type="imtcp" address="127.0.0.1" port="{tcp}" ruleset="all")
"""


@dataclass(frozen=True)
class Rsyslog:
    """Listens on 127.0.0.1."""

    udp: int
    tcp: int
    out: Path

    def messages(self) -> list[dict[str, Any]]:
        """Every message so far, in rsyslog's own names: ``msg``, ``hostname``, ``app-name`` ..."""
        text = self.out.read_text() if self.out.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]


@contextmanager
def rsyslog(folder: Path) -> Iterator[Rsyslog]:
    """A server that writes into ``folder``."""
    program = places.program("rsyslogd")
    if program is None:
        raise NotStarted("rsyslog is not installed: run tests/servers/install.py")
    folder.mkdir(parents=True, exist_ok=True)
    udp, tcp = free_ports(2)
    server = Rsyslog(udp, tcp, folder / "seen.ndjson")
    config = folder / "rsyslog.conf"
    config.write_text(_CONFIG.format(folder=folder, out=server.out, udp=udp, tcp=tcp))
    pid = folder / "pid"
    command: list[str | Path] = [program, "-n", "-f", config, "-i", pid]
    with running(command, folder, lambda: answers(tcp)):
        yield server
