"""Parts of a configuration that do not fit together."""

from __future__ import annotations

from pathlib import Path

import pytest

from sidekick.errors import ConfigError
from sidekick.settings import load

SINK = "sinks: {chat: {type: stdout}}\n"


def faults_of(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "sidekick.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file, {})
    return [fault.removeprefix(f"{file}:") for fault in raised.value.faults]


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
