"""What the pages tell people to type can be typed; the site builds without a broken link."""

from __future__ import annotations

import contextlib
import re
import subprocess
from pathlib import Path

import click
import pytest
import yaml

from tests.helm.chart import one, render
from tests.pages.typed import mentioned, of_sidekick, parse
from tests.servers.ahead import NICE
from tests.test_docs import DOCUMENTS, ROOT, name_of


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_command_is_one_that_there_is(document: Path) -> None:
    text = document.read_text()
    for words in of_sidekick(text):
        try:
            parse(words)
        except click.BadParameter as error:
            if "does not exist" not in str(error):  # the reader's own files
                raise
    for words in mentioned(text):
        # A sentence may leave out what it is not about, or say N for a number.
        with contextlib.suppress(click.MissingParameter, click.BadParameter, click.BadOptionUsage):
            parse(words)


@pytest.mark.parametrize("wrong", ["hubb", "search --sinze 1h", "lanes one two", "rules chek"])
def test_a_command_that_there_is_not_would_be_found(wrong: str) -> None:
    with pytest.raises(click.UsageError):
        parse(wrong.split())


def test_the_pages_have_commands() -> None:
    pages = {document.name: document.read_text() for document in DOCUMENTS}

    assert len(of_sidekick(pages["quick-start.md"])) >= 10
    assert len(mentioned(pages["operations.md"])) >= 10


@pytest.mark.servers
def test_the_values_on_the_pages_render() -> None:
    text = (ROOT / "docs" / "quick-start.md").read_text()
    (values,) = re.findall(r"^```yml\n# values.yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    objects = render(yaml.safe_load(values))

    assert one(objects, "DaemonSet", "r-sidekick-sensor")
    assert {"ServiceMonitor", "PrometheusRule"} <= {found["kind"] for found in objects}


def _make_site(folder: Path) -> Path:
    command: list[str | Path] = [*NICE, ROOT / "tools" / "site", folder / "site"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.mark.slow
@pytest.mark.ahead(does=_make_site)
def test_the_site_has_every_page_and_no_broken_link(ahead: Path) -> None:
    for document in (ROOT / "docs").rglob("*.md"):
        place = document.relative_to(ROOT / "docs").with_suffix("")
        page = place.parent if place.name == "index" else place
        assert (ahead / page / "index.html").exists(), document


def test_every_page_is_in_the_navigation() -> None:
    navigation = str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    for document in (ROOT / "docs").rglob("*.md"):
        name = document.relative_to(ROOT / "docs")
        assert f"'{name}'" in navigation, f"{name} is not in mkdocs.yml's nav"
