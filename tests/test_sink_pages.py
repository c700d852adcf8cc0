"""The page of each sink: as the code makes it, with a configuration that the check takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from sidekick.__main__ import cli
from sidekick.settings.reference import MARK, settings_of
from sidekick.settings.schema import installed
from sidekick.sinks import sink_types
from sidekick.sinks.webhook import signature
from tests.test_docs import ROOT
from tools.sink_pages import page, path_of

TYPES = sink_types()
_OWN = ("## When it fails", "## From falcosidekick")


def own_words(type_name: str) -> str:
    """The half of the page that is written by hand."""
    return path_of(type_name).read_text().partition(MARK)[0]


def configurations(type_name: str) -> list[str]:
    """The whole configurations on the page."""
    return re.findall(r"^```yaml\n(sinks:.*?)^```$", own_words(type_name), re.M | re.S)


@pytest.mark.parametrize("type_name", TYPES)
async def test_a_page_is_up_to_date(type_name: str) -> None:
    text = path_of(type_name).read_text()

    assert text == await page(type_name, text), "run make docs"


@pytest.mark.parametrize("type_name", TYPES)
def test_a_page_says_how_failures_are_treated_and_what_falcosidekick_has(type_name: str) -> None:
    text = own_words(type_name)

    assert [heading for heading in _OWN if heading not in text] == []
    assert f"]({type_name}.md)" in (path_of("index")).read_text()


@pytest.mark.parametrize("type_name", TYPES)
def test_a_page_has_every_setting(type_name: str) -> None:
    text = path_of(type_name).read_text()
    keys = [path for path, *_ in settings_of(installed()["sinks"][type_name]) if path != "type"]

    assert [key for key in keys if f"| `{key}` |" not in text] == []


@pytest.mark.parametrize("type_name", TYPES)
def test_the_check_takes_the_configurations_of_a_page(type_name: str, tmp_path: Path) -> None:
    found = configurations(type_name)
    assert found
    for text in found:
        file = tmp_path / "sidekick.yaml"
        file.write_text(text)
        variables = dict.fromkeys(re.findall(r"\$\{(\w+)\}", text), "https://host.example/a-text")
        done = CliRunner().invoke(cli, ["check", "-c", str(file)], env=variables)

        assert done.exit_code == 0, done.output
        assert {sink["type"] for sink in yaml.safe_load(text)["sinks"].values()} == {type_name}


def test_the_receivers_check_of_a_signature_works(monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```$", own_words("webhook"), re.M | re.S)
    names: dict[str, Any] = {}
    exec(code, names)
    monkeypatch.setattr("time.time", lambda: 1_700_000_100.0)
    header = signature(b"secret", 1_700_000_000, b"{}")

    assert names["is_ours"](b"secret", header, b"{}")
    assert not names["is_ours"](b"other", header, b"{}")
    assert not names["is_ours"](b"secret", header, b"[]")
    assert not names["is_ours"](b"secret", signature(b"secret", 1_699_999_000, b"{}"), b"{}")


def test_the_pages_are_in_the_reference() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()

    assert [one for one in TYPES if f"](sinks/{one}.md)" not in text] == []
