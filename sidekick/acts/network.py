"""Acts over the network: one of the act's own, in which all addresses are its own."""

from __future__ import annotations

import os
import socket

from sidekick.acts.act import Act, Perform
from sidekick.acts.scene import ELSEWHERE, Scene


def connected(address: str, port: int, *, by: str) -> Perform:
    """An act that opens a connection."""
    return lambda scene: scene.connect(address, port, by=by).close()


def _input_from(by: str) -> Perform:
    def perform(scene: Scene) -> None:
        connection = scene.connect(ELSEWHERE, 443, by="implant")
        scene.call_myself(by)
        os.dup2(connection.fileno(), 0)

    return perform


def _runtime_socket(scene: Scene) -> None:
    path = str(scene.folder / "docker.sock")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(path)
        server.listen()
        scene.call_myself("implant")
        client.connect(path)


def _packets(scene: Scene) -> None:
    scene.call_myself("implant")
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()


ACTS = (
    Act("reverse-shell", _input_from("bash"), ("Reverse shell",), network=True),
    Act("input-from-connection", _input_from("implant"),
        ("Input taken from a connection in a container",),
        ("Redirect STDOUT/STDIN to Network Connection in Container",), container=True,
        network=True),
    Act("runtime-socket", _runtime_socket, ("Container runtime socket used from a container",),
        container=True),
    Act("metadata-service", connected("169.254.169.254", 80, by="curl"),
        ("Cloud metadata service contacted from a container",),
        ("Contact cloud metadata service from container",
         "Contact EC2 Instance Metadata Service From Container"), container=True, network=True),
    Act("kubernetes-api", connected("10.96.0.1", 443, by="curl"),
        ("Kubernetes API contacted by a tool in a container",), container=True, network=True),
    Act("shell-connects", connected(ELSEWHERE, 443, by="bash"), ("Shell connects to the internet",),
        ("System procs network activity",), network=True),
    Act("unexpected-destination", connected(ELSEWHERE, 9001, by="implant"),
        ("Unexpected outbound connection",), container=True, network=True),
    Act("packet-socket", _packets, falco=("Packet socket created in container",), container=True),
)  # fmt: skip
