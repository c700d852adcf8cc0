"""The documents say what the code does: every setting, the example, the links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidekick.errors import ConfigError
from sidekick.settings import load
from sidekick.settings.model import Settings
from sidekick.settings.reference import document_text, schema_text, settings_of
from sidekick.settings.schema import installed
from sidekick.sinks import LaneConfig, sink_types

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
ENVIRONMENT = dict.fromkeys(
    ("FALCO_TOKEN", "ADMIN_TOKEN", "SLACK_TOKEN", "ELASTIC_API_KEY"), "a-text-of-some-length"
) | {"SLACK_WEBHOOK_URL": "https://hooks.slack.com/services/T0/B0/x"}


def every_setting() -> Iterator[tuple[str, str]]:
    """(path, description) of every setting there is."""
    for path, _, _, about in settings_of(Settings):
        yield path, about
    for path, _, _, about in settings_of(LaneConfig, "lane."):
        yield path, about
    for key, by_type in installed().items():
        for name, section in by_type.items():
            for path, _, _, about in settings_of(section):
                if path != "type":
                    yield f"{key} {name}: {path}", about


def test_every_setting_says_what_it_is() -> None:
    assert [path for path, about in every_setting() if not about] == []


def test_every_setting_is_in_the_reference() -> None:
    document = (ROOT / "docs" / "configuration.md").read_text()
    own = [path for path, *_ in settings_of(Settings) if not path.startswith(("sinks", "sources"))]
    own = [path for path in own if not path.endswith("[]") or "." in path.removesuffix(".NAME[]")]
    missing = [path for path in own if f"| `{path}` |" not in document]
    assert missing == []


def test_the_reference_and_the_schema_are_up_to_date() -> None:
    document = (ROOT / "docs" / "configuration.md").read_text()
    assert document == document_text(document), "run make docs"
    assert (ROOT / "config" / "sidekick.schema.json").read_text() == schema_text(), "run make docs"


def test_the_example_is_without_faults() -> None:
    settings = load(ROOT / "config" / "sidekick.yaml", ENVIRONMENT)
    assert set(settings.sinks) == {"chat", "payments-chat", "on-call", "search", "archive"}
    assert settings.warnings == ()


def test_the_example_tells_which_variables_it_lacks() -> None:
    with pytest.raises(ConfigError) as raised:
        load(ROOT / "config" / "sidekick.yaml", {})
    assert all(any(name in fault for fault in raised.value.faults) for name in ENVIRONMENT)


def name_of(document: Path) -> str:
    """As a test's id."""
    return str(document.relative_to(ROOT))


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        if "://" in target:
            continue
        path, _, anchor = target.partition("#")
        there = document.parent / path if path else document
        assert there.exists(), target
        assert not anchor or anchor in headings(there), target


def headings(document: Path) -> set[str]:
    """The anchors of a document."""
    found = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {_anchor(line) for line in found}


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def blocks(language: str) -> list[object]:
    """The fenced blocks of that language in all documents."""
    return [
        pytest.param(text, id=f"{name_of(document)}-{number}")
        for document in DOCUMENTS
        for number, text in enumerate(
            re.findall(
                rf"^```{language}\n(.*?)^```$", document.read_text(), re.MULTILINE | re.DOTALL
            )
        )
    ]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_piece_of_configuration_is_without_faults(text: str, tmp_path: Path) -> None:
    found = yaml.safe_load(text)
    given = found if "type" not in found else _instance(found)
    file = tmp_path / "sidekick.yaml"
    file.write_text(yaml.safe_dump(given))
    names = re.findall(r"\$\{(\w+)\}", text)
    load(file, ENVIRONMENT | dict.fromkeys(names, "https://host.example/a-text"))


def _instance(found: dict[str, Any]) -> dict[str, Any]:
    """A file with this one sink or source."""
    is_source = "topics" in found or found["type"] not in sink_types()
    key = "sources" if is_source else "sinks"
    return {key: {"one": found}}
