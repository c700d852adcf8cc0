"""From falcosidekick's configuration and a request to what is sent: as real Go makes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sidekick import document
from sidekick.model import Envelope
from sidekick.settings import load
from sidekick.settings.check import make_process
from sidekick.sinks._falcosidekick.payload import canonical
from sidekick.sources.falco import decode
from tests.nightly import examples
from tests.sinks.falcosidekick.alerts import ALERT, RECEIVED_NS, UUID, bodies, plain_bodies
from tests.sinks.falcosidekick.oracle import Oracle, oracle

WEBHOOK = {"webhook": {"address": "http://127.0.0.1:9/"}}
OUTPUT = "10:20:30.123456789: Warning A shell (user=root) ran"


@pytest.fixture(scope="module")
def go() -> Iterator[Oracle]:
    with oracle() as started:
        yield started


def sent(folder: Path, configuration: dict[str, Any], body: bytes) -> str:
    """What a hub with falcosidekick's configuration sends to its webhook."""
    file = folder / "falcosidekick.yaml"
    file.write_text(yaml.safe_dump(configuration | WEBHOOK))
    outcome = make_process(load(file, {})).process(decode(body), RECEIVED_NS)
    assert outcome.lanes == ("webhook",)
    alert = outcome.alert
    written = document.write(UUID, alert, outcome.assessment)
    one = Envelope(1, UUID, alert.priority, alert.time_ns, "f", written, RECEIVED_NS, alert.plain)
    return canonical(one).decode()


@pytest.mark.parametrize(
    ("configuration", "changes"),
    [
        ({"customfields": {"cluster": "prod"}}, {}),
        ({"customfields": {"cluster": "{prod}"}}, {"output_fields": {"cluster": "mine"}}),
        ({"customfields": {"cluster": "prod"}}, {"output_fields": {}}),
        ({"customtags": ["ours", "a b"]}, {}),
        ({"customtags": ["ours"]}, {"tags": None}),
        ({"bracketreplacer": "_"}, {}),
        ({"bracketreplacer": "."}, {"output_fields": {"a[1][b]": 1.50, "c]": None}}),
        ({"templatedfields": {"who": '{{ or (index . "user.name") "nobody" }}'}}, {}),
        ({"templatedfields": {"who": '{{ index . "proc.name" }}@{{ index . "no.such" }}'}}, {}),
        ({"outputfieldformat": "<timestamp> [<priority>] <output> (<tags>)"}, {"output": OUTPUT}),
        (
            {
                "outputfieldformat": "<output> <custom_fields> <templated_fields>",
                "customfields": {"cluster": "prod"},
                "templatedfields": {"who": "{{ .cluster }}!"},
                "customtags": ["ours"],
                "bracketreplacer": "_",
            },
            {"output": OUTPUT},
        ),
        (
            {"outputfieldformat": "<output> (<custom_fields> <templated_fields>)"},
            {"output": OUTPUT},
        ),
        ({"outputfieldformat": "<output>"}, {"output": "2026-01-02T10:20:30.5+0000: Warning ISO"}),
        ({"customfields": {"long": "x" * 5000}}, {"output": "x" * 5000}),
    ],
)
def test_a_message_is_what_falcosidekick_sends(
    go: Oracle, tmp_path: Path, configuration: dict[str, Any], changes: dict[str, Any]
) -> None:
    body = json.dumps(ALERT | changes).encode()
    assert sent(tmp_path, configuration, body) == go.ask(UUID, body, configuration)["canonical"]


def _collide(body: bytes, replacer: str) -> bool:
    """Whether two fields get one name: falcosidekick then loses one of them, we do not."""
    names = decode(body).fields
    plain = {
        name.replace("]", "").replace("[", replacer) if "[" in name else name for name in names
    }
    return bool(replacer) and len(plain) < len(names)


_WORD = st.text("ab <>&{}()=:é", min_size=1, max_size=8)  # an empty one is none here
_CONFIGURATIONS = st.fixed_dictionaries(
    {},
    optional={
        "customfields": st.dictionaries(st.sampled_from(["own", "team"]), _WORD, max_size=1),
        "customtags": st.lists(st.sampled_from(["ours1", "ours2"]), unique=True, min_size=1),
        "bracketreplacer": st.sampled_from(["_", ".", "--"]),
        "outputfieldformat": st.sampled_from(
            ["<output>", "<timestamp>: <priority> <output> (<custom_fields>)", "<tags> <tags>"]
        ),
    },
)


@settings(max_examples=examples(60, 1_000))
@given(data=st.data(), configuration=_CONFIGURATIONS)
def test_whatever_is_configured_and_posted_is_what_go_makes_of_it(
    go: Oracle,
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    configuration: dict[str, Any],
) -> None:
    body = data.draw(bodies() | plain_bodies())
    theirs = go.ask(UUID, body, configuration)
    assume(theirs)
    assume(not _collide(body, configuration.get("bracketreplacer", "")))
    folder = tmp_path_factory.getbasetemp()
    assert sent(folder, configuration, body) == theirs["canonical"]
