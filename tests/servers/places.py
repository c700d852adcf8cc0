"""Which servers the tests use, in which version, and where they lie on this machine.

Standard library only: the installer runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

KAFKA = "3.9.1"
ELASTICSEARCH = "8.17.0"
SEAWEEDFS = "4.48"
VICTORIALOGS = "1.52.1"
HELM = "3.22.0"
DEBIAN = "bookworm"
COMPOSE = "2.40.3"
PROMETHEUS_OPERATOR = "0.85.0"
OPERATORS_RESOURCES = ("servicemonitors", "podmonitors", "prometheusrules")
GATEWAY_API = "1.4.0"
GO = "1.26.6"
"""The Go that is fetched where there is none; of those that are there, ``_GO_OLDEST`` will do."""

UNPACKED = "unpacked-2"
"""Ends the name of an unpacked package's folder; count on when the installer makes it otherwise."""
KUBERNETES = "1.34.2"

_JAVA_OLDEST, _JAVA_NEWEST = 17, 24
_GO_OLDEST = (1, 26)
_SYSTEM = ("/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin", "/sbin")


def cache_dir() -> Path:
    """The folder of everything that the tests installed."""
    found = os.environ.get("SIDEKICK_TEST_CACHE")
    return Path(found) if found else Path.home() / ".cache" / "sidekick-tests"


def kafka() -> Path:
    """The folder of Kafka: ``lib/*.jar``."""
    return cache_dir() / f"kafka-{KAFKA}"


def elasticsearch() -> Path:
    """The folder of Elasticsearch: ``lib``, ``modules`` and ``main`` (the class that starts it)."""
    return cache_dir() / f"elasticsearch-{ELASTICSEARCH}"


def seaweedfs() -> Path:
    """The folder of SeaweedFS, an S3 server: ``bin/weed``."""
    return cache_dir() / f"seaweedfs-{SEAWEEDFS}"


def victorialogs() -> Path:
    """The folder of VictoriaLogs, which speaks Loki's push API: ``bin/victoria-logs``."""
    return cache_dir() / f"victorialogs-{VICTORIALOGS}"


def helm() -> Path:
    """The folder of Helm: ``bin/helm``."""
    return cache_dir() / f"helm-{HELM}"


def debian() -> Path:
    """The folder of a minimal Debian: ``root.tar``."""
    return cache_dir() / f"debian-{DEBIAN}"


def compose() -> Path:
    """The folder of Docker's Compose: ``bin/docker-compose``."""
    return cache_dir() / f"compose-{COMPOSE}"


def resource_definitions() -> Path:
    """The folder of the custom resources that the chart uses: a YAML file each."""
    names = "-".join(OPERATORS_RESOURCES)
    return cache_dir() / f"definitions-{PROMETHEUS_OPERATOR}-{GATEWAY_API}-{names}"


def fetched_go() -> Path:
    """The folder of a Go of our own, for machines without one: ``bin/go``."""
    return cache_dir() / f"go-{GO}"


def kube_apiserver() -> Path:
    """The folder of the Kubernetes API server: ``bin/kube-apiserver``."""
    return cache_dir() / f"kube-apiserver-{KUBERNETES}"


def unpacked(package: str) -> Path:
    """The folder of a Debian package that was unpacked, not installed: ``bin``."""
    return cache_dir() / f"{package}-{UNPACKED}"


def program(name: str) -> Path | None:
    """The program of that name: the system's, else one that the installer unpacked."""
    own = [str(path) for path in cache_dir().glob(f"*-{UNPACKED}/bin")]
    own += [str(path) for path in cache_dir().glob(f"*-{UNPACKED}/usr/bin")]
    path = os.pathsep.join([os.environ.get("PATH", ""), *_SYSTEM, *own])
    found = shutil.which(name, path=path)
    return Path(found) if found else None


@cache
def java() -> Path | None:
    """A Java that all servers run on, None if there is none."""
    on_path = shutil.which("java")
    candidates = [Path(on_path)] if on_path else []
    candidates += sorted(Path("/usr/lib/jvm").glob("*/bin/java"))
    for candidate in candidates:
        if _JAVA_OLDEST <= _java_version(candidate) <= _JAVA_NEWEST:
            return candidate.resolve()
    return None


@cache
def go() -> Path | None:
    """A Go that builds what the tests need, None if there is none."""
    on_path = shutil.which("go")
    candidates = [Path(on_path)] if on_path else []
    candidates += [Path("/usr/local/go/bin/go"), fetched_go() / "bin" / "go"]
    return next((found for found in candidates if _go_version(found) >= _GO_OLDEST), None)


def _go_version(go: Path) -> tuple[int, ...]:
    try:
        told = subprocess.run([go, "version"], capture_output=True, text=True, timeout=30).stdout
    except OSError:
        return ()
    found = re.search(r"go(\d+)\.(\d+)", told)
    return (int(found[1]), int(found[2])) if found else ()


def _java_version(java: Path) -> int:
    try:
        told = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30).stderr
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', told)
    return int(found[1]) if found else 0
