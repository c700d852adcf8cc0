"""What docs/migration.md says of a container: the variables alone are a configuration."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.cli.conftest import until
from tests.image.engine import IMAGE, ROOT, Engine

pytestmark = [pytest.mark.servers, pytest.mark.slow]

_POST = """\
import urllib.request
body = b'{"rule":"r","priority":"Notice","time":"2026-01-02T03:04:05Z","output_fields":{"a":"b"}}'
print(urllib.request.urlopen("http://127.0.0.1:2801/", body, timeout=20).status)
"""


def test_a_container_needs_no_more_than_its_variables(docker: Engine) -> None:
    text = (ROOT / "docs" / "migration.md").read_text()
    (command,) = re.findall(r"^docker run .*$", text, re.MULTILINE)
    name, run, *options, image = shlex.split(command)
    assert (name, run, image) == ("docker", "run", "sidekick")
    # This engine has no bridge from which a port could be published, and nobody set the variable.
    at = options.index("-p")
    del options[at : at + 2]
    options[options.index("SLACK_WEBHOOKURL")] += "=http://127.0.0.1:9/services/x"
    found = docker(run, "--detach", "--network=none", *options, IMAGE)
    try:
        until(lambda: "slack" in docker("exec", found, "sidekick", "lanes", check=False), 60)

        assert docker("exec", found, "python3", "-c", _POST) == "200"
    finally:
        docker("rm", "--force", found)
        docker("volume", "rm", "sidekick")
