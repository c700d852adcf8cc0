"""Imports point inwards only; docs/architecture.md says which way that is."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sidekick

ROOT = Path(sidekick.__file__).parent
EVERYTHING = {"*"}
DATA = {
    "model",
    "errors",
    "section",
    "document",
    "rfc3339",
    "go_json",
    "heartbeat",
    "go_template",
    "tls",
}

MAY_IMPORT: dict[str, set[str]] = {
    "acts": {"errors"},
    "allocator": set(),
    "tls": set(),
    "model": set(),
    "errors": set(),
    "go_json": set(),
    "section": set(),
    "document": {"model"},
    "rfc3339": set(),
    "go_template": set(),
    "heartbeat": set(),
    "metrics": set(),
    "logs": {"section"},
    "kafka": DATA | {"sinks"},
    "compat": DATA,
    "rules": {"document", "errors", "model", "section"},
    "rule_files": {"errors", "rules", "rule_packs"},
    "rule_engine": {"errors", "metrics", "rule_files", "rule_packs", "rules"},
    "rule_packs": set(),
    "rule_table": {"rules", "rule_files", "rule_packs"},
    "pipeline": DATA,
    "audit": DATA,
    "sinks": DATA | {"kafka"},
    # Of the sinks, how TLS is configured.
    "sources": DATA | {"audit", "kafka", "listener", "metrics", "sinks"},
    "listener": DATA,
    "ebpf": {"errors"},
    "sensor": DATA | {"ebpf", "listener", "metrics", "rules"},
    "hub": DATA | {"rules", "pipeline", "sinks", "sources", "metrics"},
    "web": DATA | {"hub", "listener", "metrics", "sources"},
    "settings": EVERYTHING,
    "sensor_process": EVERYTHING,
    "app": EVERYTHING,
    "cli": EVERYTHING,
    "__main__": {"cli", "errors"},
}
"""By the first part of a module's name below ``sidekick``."""

NO_EFFECTS = {"asyncio", "logging", "sqlite3", "time", "os", "subprocess", "threading", "random"}
NO_EFFECTS |= {"http", "urllib", "httpx", "aiohttp", "fastapi", "pathlib", "io", "selectors"}

OWNERS: dict[str, tuple[str, ...]] = {
    "aiohttp": ("sinks.",),
    "aiokafka": ("kafka", "sinks.kafka", "sources.kafka"),
    "boto3": ("sinks.s3", "sinks._s3_role"),
    "botocore": ("sinks.s3", "sinks._s3_role"),
    "elastic_transport": ("sinks._elastic", "sinks.elasticsearch"),
    "elasticsearch": ("sinks._elastic", "sinks.elasticsearch"),
    "fastapi": ("web.",),
    "httpx": ("cli.",),
    "rich": ("cli.",),
    "slack_sdk": ("sinks._slack", "sinks.slack"),
    "sqlite3": ("hub.", "cli."),
    "starlette": ("web.",),
    "uvicorn": ("web.asgi",),
    "uvloop": ("cli.",),
}
"""Which modules may use a library that is heavy, or that should have one home."""

MODULES = sorted(path for path in ROOT.rglob("*.py"))


def _name(path: Path) -> str:
    """The module's name below ``sidekick``; "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[str]:
    """All modules that a file imports, at its top or within."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path}: relative imports hide where they point"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _ours(path: Path) -> Iterator[str]:
    for name in _imports(path):
        head, _, rest = name.partition(".")
        if head == "sidekick" and rest != "__version__":
            yield rest


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_point_inwards(path: Path) -> None:
    area = _name(path).partition(".")[0]
    if not area:
        return
    assert area in MAY_IMPORT, f"{area} is new: say in MAY_IMPORT what it may import"
    allowed = MAY_IMPORT[area]
    for name in _ours(path):
        target = name.partition(".")[0]
        assert target == area or target in allowed or "*" in allowed, f"it imports sidekick.{name}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_only_those_that_put_parts_together_know_the_settings_and_the_app(path: Path) -> None:
    area = _name(path).partition(".")[0]
    known = {name.partition(".")[0] for name in _ours(path)}
    assert not known & {"app"} or area in ("cli", "__main__")
    assert not known & {"settings", "compat"} or area in (
        *("app", "cli", "settings", "compat", "sensor_process"),
    )
    assert not known & {"cli"} or area in ("cli", "__main__")


@pytest.mark.parametrize(
    "path", [p for p in MODULES if _name(p).startswith(("rules", "pipeline", "audit"))], ids=_name
)
def test_what_decides_does_no_input_or_output_and_has_no_clock(path: Path) -> None:
    assert not {name.partition(".")[0] for name in _imports(path)} & NO_EFFECTS


@pytest.mark.parametrize("path", [p for p in MODULES if _name(p).startswith("hub")], ids=_name)
def test_the_hub_knows_of_sinks_and_sources_only_what_all_have(path: Path) -> None:
    """``sidekick.sinks.Sink`` is such a thing, ``sidekick.sinks.slack`` is none."""
    for name in _ours(path):
        package, _, thing = name.partition(".")
        if package in ("sinks", "sources"):
            assert not (ROOT / package / f"{thing.partition('.')[0]}.py").exists()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_heavy_library_is_used_where_it_belongs(path: Path) -> None:
    for name in _imports(path):
        library = name.partition(".")[0]
        if library in OWNERS:
            assert _name(path).startswith(OWNERS[library]), f"it imports {name}"


@pytest.mark.parametrize("module", ["sidekick.app", "sidekick.__main__"])
def test_the_start_imports_no_sink_and_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert not loaded & set(OWNERS) - {"sqlite3", "uvloop"}
    assert not {name for name in loaded if name.startswith("sidekick.sinks.")}


def test_a_client_of_elasticsearch_brings_no_second_http_client_with_it() -> None:
    code = (
        "import asyncio, sys\n"
        "from sidekick.sinks.elasticsearch import Config, open_sink\n"
        "async def main():\n"
        "    async with open_sink(Config(urls=['http://127.0.0.1:1'])):\n"
        "        print(*sys.modules)\n"
        "asyncio.run(main())\n"
        "import httpx\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "elasticsearch" in loaded
    assert not loaded & {"httpx", "rich", "pygments"}
