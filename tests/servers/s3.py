"""An S3 endpoint (SeaweedFS) that checks signatures and really encrypts on the server's side."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.servers import places
from tests.servers.process import NotStarted, free_ports, running

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY, SECRET_KEY = "test-access-key", "test-secret-key"
_KINDS = ("", ".grpc")
_PORTS = [f"{part}.port{kind}" for part in ("master", "volume", "filer", "s3") for kind in _KINDS]


@dataclass(frozen=True)
class S3:
    """Keys are those of the environment's server if one from outside is used."""

    url: str
    access_key: str = ACCESS_KEY
    secret_key: str = SECRET_KEY

    def client(self) -> S3Client:
        """A client with full rights, to look at what arrived; close it after use."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            config=Config(s3={"addressing_style": "path"}),
        )


@contextmanager
def s3(folder: Path) -> Iterator[S3]:
    """A server with its data in ``folder``; any id of at least three characters is a KMS key."""
    weed = places.seaweedfs() / "bin" / "weed"
    if not weed.exists():
        raise NotStarted("SeaweedFS is not installed: run tests/servers/install.py")
    (folder / "data").mkdir(parents=True, exist_ok=True)
    (folder / "s3.json").write_text(json.dumps(_CONFIG))
    ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
    command: list[str | Path] = [
        weed,
        "-logtostderr=true",
        "server",
        *_OPTIONS,
        f"-dir={folder / 'data'}",
    ]
    command += [f"-{name}={port}" for name, port in ports.items()]
    url = f"http://127.0.0.1:{ports['s3.port']}"
    master = f"http://127.0.0.1:{ports['master.port']}"
    env = {"WEED_S3_SSE_KEY": "a passphrase for the tests"}
    try:
        with running(command, folder, lambda: _has_room(master) and _is_healthy(url), env):
            yield S3(url)
    finally:
        for port in ports.values():  # sockets that a killed server leaves, in a fixed place
            for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                left.unlink(missing_ok=True)


_CONFIG = {
    "identities": [
        {
            "name": "tests",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
    ],
    "kms": {
        "default_provider": "local",
        "providers": {"local": {"type": "local", "enableOnDemandCreate": True}},
    },
}
_OPTIONS = (
    *("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3", "-s3.config=s3.json"),
    *("-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-s3.iam=false"),
    *("-volume.max=200", "-master.volumeSizeLimitMB=16", "-master.volumePreallocate=false"),
    # With its other way to elect itself the master is ready 5 s later.
    *("-master.raftHashicorp=true", "-master.electionTimeout=100ms"),
    *("-master.heartbeatInterval=50ms", "-master.telemetry=false"),
)


def _has_room(master: str) -> bool:
    """Whether a place for an object can be had."""
    try:
        with urllib.request.urlopen(f"{master}/dir/assign", timeout=5) as answer:
            return "fid" in json.load(answer)
    except (OSError, ValueError):
        return False


def _is_healthy(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
