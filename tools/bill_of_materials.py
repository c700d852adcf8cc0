"""Print what this environment is made of: a CycloneDX 1.6 document in JSON.

Names the installed Python distributions and Debian packages with version, licence and package URL,
so that a scanner can look them up. The same environment gives the same document.
"""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

_DEBIAN = "${binary:Package}\t${Version}\t${Architecture}\n"
_EXPRESSION = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")


def main() -> None:
    """Print the document."""
    json.dump(document(), sys.stdout, indent=1)
    print()


def document() -> dict[str, Any]:
    """The whole of it."""
    ours, components = None, [*_debian()]
    for component in _python():
        if component["name"] == "sidekick":
            ours = component | {"type": "application"}
        else:
            components.append(component)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": ours},
        "components": sorted(components, key=lambda one: str(one["bom-ref"])),
    }


def _python() -> Iterator[dict[str, Any]]:
    for found in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        component = _component(name, found.version, f"pkg:pypi/{name}@{quote(found.version)}")
        # Older metadata holds the whole text of a licence here; that is no name of one.
        licence = found.metadata.get("License-Expression") or found.metadata.get("License") or ""
        if _EXPRESSION.fullmatch(licence):
            component["licenses"] = [{"license": {"name": licence}}]
        yield component


def _debian() -> Iterator[dict[str, Any]]:
    try:
        told = subprocess.run(
            ["dpkg-query", "--show", f"--showformat={_DEBIAN}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except FileNotFoundError:
        return
    for line in told.splitlines():
        name, version, architecture = line.split("\t")
        name = name.partition(":")[0]
        url = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={architecture}"
        yield _component(name, version, url)


def _component(name: str, version: str, url: str) -> dict[str, Any]:
    return {"type": "library", "bom-ref": url, "name": name, "version": version, "purl": url}


if __name__ == "__main__":
    main()
