"""A containerd of our own and pods in it, made as a kubelet makes them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sidekick.sensor.grpc import call
from sidekick.sensor.protobuf import Message, encode
from tests.sensor.images import archive

IMAGE = "registry.example:5000/shop/web:1.2"
_PAUSE = "registry.example:5000/pause:1"
_PROGRAMS = ("containerd", "containerd-shim-runc-v2", "ctr", "runc", "busybox")
_UP_SECS = 60.0
_CALL_SECS = 60.0
_SERVICE = "/runtime.v1.RuntimeService/"
_NAMESPACES = encode({1: 2, 2: 1})
"""The node's network, process ids of each container's own."""
_CONFIG = """
version = 2
root = "{folder}/root"
state = "{folder}/state"
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "native"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
"""


def missing() -> str:
    """What is not installed here, as a sentence; "" if all is there."""
    for program in _PROGRAMS:
        if shutil.which(program) is None:
            return f"{program} is not installed (Debian: containerd, runc, busybox-static)"
    return ""


class Containerd:
    """A daemon behind a socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = folder / "containerd.sock"

    def ask(self, method: str, request: bytes) -> Message:
        """Call the runtime's interface."""
        return Message(call(self.socket, _SERVICE + method, request, _CALL_SECS))

    def load(self) -> None:
        """The images that pods need."""
        for name in (IMAGE, _PAUSE):
            image = self.folder / "image.tar"
            archive(image, name)
            command = ["ctr", "-a", str(self.socket), "-n", "k8s.io", "images", "import"]
            subprocess.run([*command, image], check=True, capture_output=True, timeout=_UP_SECS)

    @contextmanager
    def pod(self, name: str, *, privileged: bool = False) -> Iterator[Pod]:
        """A pod of the namespace ``shop`` with the label ``tier: front``, in the host's network."""
        uid = f"uid-of-{name}"
        spaces = encode({1: _NAMESPACES, 6: int(privileged)})
        linux = encode({1: f"/kubepods/besteffort/pod{uid}", 2: spaces})
        config = (
            encode({1: encode({1: name, 2: uid, 3: "shop"})})
            + _map(6, {"tier": "front"})
            + encode({8: linux})
        )
        sandbox_id = self.ask("RunPodSandbox", encode({1: config})).text(1)
        request = encode({1: sandbox_id})
        try:
            yield Pod(self, sandbox_id, config, privileged)
        finally:
            self.ask("StopPodSandbox", request)
            self.ask("RemovePodSandbox", request)


class Pod:
    """One pod."""

    def __init__(
        self, runtime: Containerd, sandbox_id: str, config: bytes, privileged: bool
    ) -> None:
        self._runtime = runtime
        self._config = config
        self._privileged = privileged
        self.sandbox_id = sandbox_id

    def start(self, name: str, script: str) -> str:
        """The id of a container that runs a shell script and has ``/tmp`` as ``/data``."""
        mount = encode({1: "/data", 2: "/tmp", 3: 1})
        config = (
            encode({1: encode({1: name}), 2: encode({1: IMAGE})})
            + b"".join(encode({3: word}) for word in ("sh", "-c", script))
            + encode({7: mount})
            + _map(9, {"io.kubernetes.container.name": name})
            + encode({15: encode({2: encode({2: int(self._privileged), 3: _NAMESPACES})})})
        )
        request = encode({1: self.sandbox_id, 2: config, 3: self._config})
        container_id = self._runtime.ask("CreateContainer", request).text(1)
        self._runtime.ask("StartContainer", encode({1: container_id}))
        return container_id


def _map(field: int, entries: dict[str, str]) -> bytes:
    return b"".join(encode({field: encode({1: key, 2: text})}) for key, text in entries.items())


@contextmanager
def containerd() -> Iterator[Containerd]:
    """A daemon with the images, until the end of the block."""
    with tempfile.TemporaryDirectory(prefix="sidekick-") as name:
        found = Containerd(Path(name))
        config = found.folder / "config.toml"
        config.write_text(_CONFIG.format(folder=name, pause=_PAUSE))
        with (found.folder / "log").open("wb") as log:
            daemon = subprocess.Popen(["containerd", "-c", str(config)], stdout=log, stderr=log)
        try:
            _wait(found)
            found.load()
            yield found
        finally:
            daemon.terminate()
            daemon.wait(_UP_SECS)


def _wait(found: Containerd) -> None:
    until = time.monotonic() + _UP_SECS
    while True:
        with suppress(OSError):
            found.ask("Version", b"")
            return
        assert time.monotonic() < until, (found.folder / "log").read_text()[-2000:]
        time.sleep(0.05)
