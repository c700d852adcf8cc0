"""Syslog: what rsyslog understands of a message, and that messages keep their limits."""

from __future__ import annotations

import os
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidekick.errors import Retryable
from sidekick.model import Priority
from sidekick.sinks.syslog import Config, Writer, open_sink
from tests.servers.certificates import make_certificates
from tests.servers.process import free_ports
from tests.servers.rsyslog import Rsyslog
from tests.sinks.conformance import envelope, identity, ids_in, until
from tests.sinks.syslog_stand import syslog_stand


def written(**keys: Any) -> Writer:
    return Writer(Config.model_validate({"host": "h", **keys}))


# Of RFC 5424 §6: PRI, VERSION, TIMESTAMP, HOSTNAME, APP-NAME, PROCID, MSGID, SD, BOM and MSG.
_PARAMETER = r' [!#-<>-\\^-~]{1,32}="(?:[^"\\\]]|\\.)*"'
_FORM = re.compile(
    r"<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)) [!-~]{1,255}"
    rf" [!-~]{{1,48}} - [!-~]{{1,32}} (?:\[[!-~]+@[\d.]+(?:{_PARAMETER})*\])+ \ufeff(.*)",
    re.DOTALL,
)


@pytest.mark.servers
class TestARealReceiver:
    @pytest.mark.parametrize("protocol", ["tcp", "udp"])
    async def test_understands_every_part(self, rsyslog_server: Rsyslog, protocol: str) -> None:
        number = 700 + (protocol == "udp")
        sent = envelope(number, rule='A rule] with "quotes"', priority=Priority.CRITICAL)
        port = rsyslog_server.udp if protocol == "udp" else rsyslog_server.tcp
        config = Config.model_validate({"host": "127.0.0.1", "port": port, "protocol": protocol})
        async with open_sink(config) as sink:
            await sink.send([sent])
        found: dict[str, Any] = {}

        def arrived() -> bool:
            for one in rsyslog_server.messages():
                if identity(number) in str(one):
                    found.update(one)
            return bool(found)

        await until(arrived)
        assert found["hostname"] == "node-1"
        assert found["app-name"] == "sidekick"
        assert found["syslogfacility"] == "16"
        assert found["syslogseverity"] == "2"
        assert found["timereported"].startswith("2023-11-14T22:13:20.000000")
        assert "A shell was spawned" in found["msg"]
        assert 'rule="A rule\\] with \\"quotes\\""' in found["structured-data"]
        assert 'proc.name="bash"' in found["structured-data"]


@pytest.mark.parametrize(
    ("priority", "severity"),
    list(zip(Priority, [7, 6, 5, 4, 3, 2, 1, 0], strict=True)),
)
def test_the_priority_is_the_severity(priority: Priority, severity: int) -> None:
    message = written(facility="authpriv").message(envelope(1, priority=priority))
    assert message.startswith(f"<{10 * 8 + severity}>1 ".encode())


_TEXT = st.text(max_size=200)


@given(
    _TEXT,
    st.text(min_size=1, max_size=60),
    _TEXT,
    st.dictionaries(_TEXT, _TEXT | st.integers() | st.lists(st.integers()), max_size=6),
    st.sampled_from(["udp", "tcp"]),
    st.sampled_from(["text", "json"]),
)
def test_every_message_has_the_form_of_the_rfc_and_fits(
    output: str, rule: str, host: str, fields: dict[str, Any], protocol: str, kind: str
) -> None:
    sent = envelope(1, output=output * 20, rule=rule, hostname=host, fields=fields)
    message = written(protocol=protocol, message=kind, max_size="1KiB").message(sent)
    assert len(message) <= 1024
    assert _FORM.fullmatch(message.decode()), message


def test_what_is_too_long_loses_its_fields_before_its_text() -> None:
    sent = envelope(1, fields={f"field.{n:02}": "x" * 400 for n in range(30)})
    message = written(protocol="udp").message(sent).decode()
    assert "field.01" not in message
    assert "A shell was spawned" in message
    assert f'id="{identity(1)}"' in message


async def test_messages_come_over_tls_to_whom_we_trust_only(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    (tmp_path / "server.pem").write_text(made.server_chain + made.server_key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "server.pem")
    async with syslog_stand(context) as stand:
        trusting = {**stand.keys, "tls": {"ca_file": str(made.ca_file)}}
        async with open_sink(Config.model_validate(trusting)) as sink:
            await sink.send([envelope(1), envelope(2)])
        assert await stand.ids() == [identity(1), identity(2)]
        async with open_sink(Config.model_validate(stand.keys)) as sink:
            with pytest.raises(Retryable, match="certificate"):
                await sink.send([envelope(3)])


async def test_a_message_is_delivered_again_after_the_receiver_was_away() -> None:
    async with (
        syslog_stand() as stand,
        open_sink(Config.model_validate(stand.keys)) as sink,
    ):
        await sink.send([envelope(1)])
        await stand.ids()
        await stand.stop()
        with pytest.raises(Retryable):
            await sink.send([envelope(2)])
        await stand.start()
        await sink.send([envelope(2)])
        assert await stand.ids() == [identity(1), identity(2)]


async def test_over_udp_a_message_is_a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(5)
        port = receiver.getsockname()[1]
        config = Config(host="127.0.0.1", port=port, protocol="udp")
        async with open_sink(config) as sink:
            await sink.send([envelope(1), envelope(2)])
        got = [receiver.recv(65536) for _ in range(2)]
    assert [ids_in(one)[0] for one in got] == [identity(1), identity(2)]


@pytest.mark.parametrize("message", ["text", "json"])
async def test_to_the_machines_own_log_a_message_is_what_syslog_3_writes(
    tmp_path: Path, message: str
) -> None:
    path = str(tmp_path / "log")
    config = Config.model_validate(
        {"host": path, "protocol": "unix", "message": message, "facility": "user", "max_size": 4096}
    )
    sent = envelope(5, output="12:00:00.1: Notice a\nb é", priority=Priority.NOTICE)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        async with open_sink(config) as sink:
            await sink.send([sent, envelope(6, output="x" * 9000)])
            text, long = receiver.recv(65536).decode(), receiver.recv(65536)
    head = rf"<13>[A-Z][a-z]{{2}} [ 123]\d \d\d:\d\d:\d\d sidekick\[{os.getpid()}\]: "
    match = re.match(head, text)
    assert match
    told = text[match.end() :]
    assert told == (sent.body.decode() if message == "json" else "12:00:00.1: Notice a\\nb é")
    assert len(long) <= 4096


async def test_a_log_that_is_not_there_is_tried_again(tmp_path: Path) -> None:
    config = Config.model_validate({"host": str(tmp_path / "log"), "protocol": "unix"})
    async with open_sink(config) as sink:
        with pytest.raises(Retryable, match="log: No such file or directory"):
            await sink.send([envelope(1)])


def test_the_machines_own_log_is_a_path() -> None:
    with pytest.raises(ValueError, match="wants the path of a socket"):
        Config.model_validate({"host": "localhost", "protocol": "unix"})


async def test_nobody_there_is_named_with_the_port() -> None:
    (port,) = free_ports(1)
    async with open_sink(Config(host="127.0.0.1", port=port)) as sink:
        with pytest.raises(Retryable, match=f"127.0.0.1:{port}/tcp: "):
            await sink.probe()
