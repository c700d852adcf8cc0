from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from sidekick.sensor.containers import Mount
from sidekick.sensor.docker import Docker, image_parts, info_of

ID = "ab" * 32
FOUND: dict[str, Any] = {
    "Id": ID,
    "Name": "/web",
    "Image": "sha256:0123456789abcdef0123",
    "Config": {"Image": "registry:5000/shop/web:1.2", "Labels": {"tier": "front", "x": "y" * 101}},
    "HostConfig": {"Privileged": True, "PidMode": "host", "NetworkMode": "bridge", "IpcMode": ""},
    "Mounts": [
        {"Source": "/proc", "Destination": "/host/proc", "Mode": "ro", "RW": False},
        {"Source": "/d", "Destination": "/data", "Mode": "", "RW": True, "Propagation": "rprivate"},
    ],
    "NetworkSettings": {"IPAddress": "172.17.0.2"},
}
IMAGE = {"RepoTags": ["shop/web:1.2"], "RepoDigests": ["shop/web@sha256:ffff"]}


@contextmanager
def daemon(path: Path, answers: dict[str, tuple[int, bytes]]) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers.get(self.path, (404, b"{}"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: Any) -> None:
            pass

        def address_string(self) -> str:
            return ""

    with socketserver.ThreadingUnixStreamServer(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("nginx", ("nginx", "", "")),
        ("nginx:1.27", ("nginx", "1.27", "")),
        ("registry:5000/shop/web", ("registry:5000/shop/web", "", "")),
        ("registry:5000/shop/web:1", ("registry:5000/shop/web", "1", "")),
        ("a/b:1@sha256:ff", ("a/b", "1", "sha256:ff")),
        ("a/b@sha256:ff", ("a/b", "", "sha256:ff")),
        ("", ("", "", "")),
    ],
)
def test_the_parts_of_an_images_name(name: str, parts: tuple[str, str, str]) -> None:
    assert image_parts(name) == parts


def test_what_docker_says_of_a_container(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    answers = {
        f"/containers/{ID}/json": (200, json.dumps(FOUND).encode()),
        "/images/sha256:0123456789abcdef0123/json": (200, json.dumps(IMAGE).encode()),
    }
    with daemon(path, answers):
        found = Docker(path).inspect(ID)
    assert found is not None
    assert (found.name, found.repository, found.tag) == ("web", "registry:5000/shop/web", "1.2")
    assert (found.image, found.image_id) == ("registry:5000/shop/web:1.2", "0123456789ab")
    assert found.digest == "sha256:ffff"
    assert (found.privileged, found.host_pid, found.host_network) == (True, True, False)
    assert found.labels == {"tier": "front"}
    assert found.ip == "172.17.0.2"
    assert found.mounts == (
        Mount("/proc", "/host/proc", "ro", False, ""),
        Mount("/d", "/data", "", True, "rprivate"),
    )


def test_an_image_without_a_name_is_called_by_its_tags() -> None:
    found = info_of({"Config": {"Image": "sha256:01"}}, IMAGE)
    assert (found.repository, found.tag) == ("shop/web", "1.2")


def test_an_empty_document_says_nothing() -> None:
    found = info_of({}, {})
    assert (found.name, found.image, found.repository, found.mounts) == (None, None, None, ())
    assert found.privileged is False


def test_a_container_that_it_does_not_have_is_none(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with daemon(path, {}):
        assert Docker(path).inspect(ID) is None


def test_without_a_socket_there_is_no_container(tmp_path: Path) -> None:
    assert Docker(tmp_path / "none.sock").inspect(ID) is None


@pytest.mark.parametrize("body", [b"no json", b'{"a":'])
def test_a_daemon_that_talks_nonsense_does_not_answer(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "docker.sock"
    with (
        daemon(path, {f"/containers/{ID}/json": (200, body)}),
        pytest.raises(OSError, match=r"docker\.sock"),
    ):
        Docker(path).inspect(ID)


def test_nobody_behind_the_socket_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "docker.sock"
    with daemon(path, {}):
        pass
    with pytest.raises(OSError, match="refused"):
        Docker(path).inspect(ID)
