"""Parts of a configuration that do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick import sinks, sources
from sidekick.errors import ConfigError
from sidekick.settings import load
from sidekick.settings.check import certificate_faults
from sidekick.sinks import sink_module
from sidekick.sources import source_module

SINK = "sinks: {chat: {type: stdout}}\n"


def faults_of(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "sidekick.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    return [fault.removeprefix(f"{file}:") for fault in raised.value.faults]


@pytest.mark.parametrize(
    "text",
    [
        "route: {lanes: [chat]}\nsinks: {chat: {type: stdout, colour: 1}}\n",
        "route: {routes: [{lanes: [], active: [night]}]}\nwindows: {night: [{time: x}]}\n",
        "silences: [{match: proc.name = x, ends: '2027-01-01T00:00:00Z', id: x}]\n",
    ],
)
def test_what_a_route_names_may_have_a_fault_of_its_own(tmp_path: Path, text: str) -> None:
    assert len(faults_of(tmp_path, text)) == 1


def test_missing_keys_are_all_named(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, "silences: [{match: proc.name = x}]\n")
    assert fault.count("; wanted the key") >= 2
    assert " or " not in fault


def test_certificates_that_cannot_be_used_are_named_by_listener_and_file(tmp_path: Path) -> None:
    (tmp_path / "text.pem").write_text("no PEM")
    file = tmp_path / "sidekick.yaml"
    file.write_text(
        f"listen: {{tls: {{cert_file: {tmp_path}/none.pem, key_file: x}}}}\n"
        f"admin: {{tls: {{cert_file: {tmp_path}/text.pem, key_file: x.pem}}}}\n"
    )
    assert certificate_faults(load(file, {})) == [
        f"listen.tls.cert_file: cannot use {tmp_path}/none.pem: No such file or directory",
        "admin.tls.key_file: cannot use x.pem: No such file or directory",
    ]
    assert certificate_faults(load(None, {})) == []


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "route:\n  lanes: [chta]\n",
            '3:11: route.lanes[0]: no sink is called "chta"; there are: chat',
        ),
        (
            "route:\n  routes:\n    - match: proc.name =\n",
            "4:14: route.routes[0].match: 1:12: expected a string value or a field",
        ),
        (
            "score:\n  rules:\n    Shell. In a pod: 99\n",
            "4:22: score.rules.Shell. In a pod: wanted a factor in (0, 20], found 99",
        ),
        (
            "listen: {port: 2801}\nadmin: {port: 2801}\n",
            "3:15: admin.port: wanted another port than listen.port, found 2801 for both",
        ),
    ],
)
def test_a_fault_between_parts_has_its_place_in_the_file(
    tmp_path: Path, text: str, fault: str
) -> None:
    (found,) = faults_of(tmp_path, SINK + text)
    assert found.startswith(fault)


def test_every_faulty_condition_is_told_at_once(tmp_path: Path) -> None:
    text = "route: {routes: [{match: 'a ='}]}\nsilences: [{match: 'b ='}]\nlisten: {prot: 1}\n"
    assert len(faults_of(tmp_path, SINK + text)) == 3


KAFKA = (
    "sources: {{fleet: {{type: kafka, brokers: ['k:9092'], topics: [{read}]}}}}\n"
    "sinks: {{out: {{type: kafka, brokers: [{broker}], topic: alerts}}}}\n"
)


@pytest.fixture
def real_types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kafka's classes are those of the product."""
    monkeypatch.setattr(sinks, "sink_module", sink_module)
    monkeypatch.setattr(sources, "source_module", source_module)


@pytest.mark.usefixtures("real_types")
def test_a_topic_that_is_read_and_written_is_a_circle(tmp_path: Path) -> None:
    (fault,) = faults_of(tmp_path, KAFKA.format(read="alerts", broker="'j:9092', 'k:9092'"))
    assert fault == (
        "2:66: sinks.out.topic: sources.fleet reads the same topic:"
        " alerts would go round in circles"
    )


@pytest.mark.usefixtures("real_types")
@pytest.mark.parametrize(("read", "broker"), [("raw", "'k:9092'"), ("alerts", "'j:9092'")])
def test_another_topic_or_other_brokers_are_none(tmp_path: Path, read: str, broker: str) -> None:
    file = tmp_path / "sidekick.yaml"
    file.write_text(KAFKA.format(read=read, broker=broker))
    assert list(load(file, {}).sinks) == ["out"]
