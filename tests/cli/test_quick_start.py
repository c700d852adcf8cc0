"""The first minutes, as the pages have them: typed into a shell, against a running hub."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import SIDEKICK, Hub

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "quick-start.md", ROOT / "docker-compose.yml"]


def first_alert(page: Path) -> str:
    """The command that sends the first alert."""
    text = page.read_text().replace("\n#", "\n")
    found = re.search(r"^ *(curl -d '.*?' http://localhost:2801/)", text, re.MULTILINE | re.DOTALL)
    assert found, page
    return found[1]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_first_alert_is_taken(hub: Hub, page: Path) -> None:
    command = first_alert(page).replace("localhost:2801", f"127.0.0.1:{hub.system.port}")
    shell = ["sh", "-c", f"set -e; {command.replace('curl ', 'curl -sS --fail ')}"]

    subprocess.run(shell, check=True, capture_output=True, timeout=20)


def test_what_the_page_says_to_look_at_shows_it(hub: Hub) -> None:
    test_the_first_alert_is_taken(hub, PAGES[1])
    text = PAGES[1].read_text()
    (block,) = re.findall(r"^Look:\n\n```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    commands = [line for line in block.splitlines() if line != "sidekick top"]  # goes on for ever
    assert len(commands) == 2
    told = ""
    for line in commands:
        shell = ["sh", "-c", line.replace("sidekick", str(SIDEKICK))]
        environment = {"SIDEKICK_URL": hub.url, "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            shell, capture_output=True, text=True, timeout=60, check=True, env=environment
        )
        told += done.stdout

    assert "Terminal shell in container" in told
    assert "out" in told
