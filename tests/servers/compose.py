"""docker-compose.yml, as far as it needs no engine: Compose itself, and what sidekick is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.servers import places
from tests.servers.elasticsearch import Elasticsearch
from tests.servers.kafka import Kafka
from tests.servers.s3 import S3
from tests.servers.unavailable import unavailable

ROOT = Path(__file__).parents[2]


def compose_program() -> Path:
    """Its path; without it the test is skipped, in CI it fails."""
    found = places.compose() / "bin" / "docker-compose"
    if not found.exists():
        sentence = "Compose is not there: run tests/servers/install.py"
        unavailable(sentence)
    return found


def configuration(kafka: Kafka, elasticsearch: Elasticsearch, s3: S3) -> dict[str, Any]:
    """What docker-compose.yml gives sidekick, with its destinations at their places here."""
    text = (ROOT / "config" / "compose" / "sidekick.yaml").read_text()
    for there, here in (
        ("kafka:9092", kafka.address),
        ("http://elasticsearch:9200", elasticsearch.url),
        ("http://minio:9000", s3.url),
    ):
        assert there in text
        text = text.replace(there, here)
    found: dict[str, Any] = yaml.safe_load(text)
    return found
