"""An image for containers of tests, made of this machine's busybox."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from pathlib import Path

_APPLETS = ("sh", "cat", "ln", "mount", "sleep")


def layer() -> bytes:
    """A busybox with a user of its own, as a tar archive."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.add(shutil.which("busybox") or "", "bin/busybox")
        for applet in _APPLETS:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
        for name, text in (("etc/passwd", b"app:x:1000:1000::/:/bin/sh\n"), ("tmp/.keep", b"")):
            _add(tar, name, text)
    return buffer.getvalue()


def archive(path: Path, name: str) -> None:
    """Write an image of that layer, as ``docker save`` does."""
    content = layer()
    about = {
        "architecture": "amd64",
        "os": "linux",
        "author": name,  # so that no two have the same id
        "config": {"Cmd": ["/bin/sleep", "600"]},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(content).hexdigest()}"]},
    }
    manifest = [{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(path, "w") as tar:
        _add(tar, "config.json", json.dumps(about).encode())
        _add(tar, "layer.tar", content)
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    file = tarfile.TarInfo(name)
    file.size = len(content)
    tar.addfile(file, io.BytesIO(content))
