"""A kubelet that lets in whoever wants to exec or forward: it switches protocols, and ends."""

from __future__ import annotations

import http.server
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.servers.kubernetes import Kubernetes

NODE = "node-1"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        upgraded = "Upgrade" in self.headers
        self.send_response(101 if upgraded else 200)
        if upgraded:
            self.send_header("Connection", "Upgrade")
            self.send_header("Upgrade", self.headers["Upgrade"])
        self.end_headers()
        self.close_connection = True

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def kubelet(server: Kubernetes) -> Iterator[str]:
    """A node of the cluster with that kubelet; gives the node's name."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(server.folder / "server.crt", server.folder / "server.key")
    listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    listener.socket = context.wrap_socket(listener.socket, server_side=True)
    thread = threading.Thread(target=listener.serve_forever, args=(0.01,))
    thread.start()
    try:
        _join(server, listener.server_address[1])
        yield NODE
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def _join(server: Kubernetes, port: int) -> None:
    status = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    server.call("POST", "/api/v1/nodes", {"metadata": {"name": NODE}})
    patch = "application/merge-patch+json"
    path = f"/api/v1/nodes/{NODE}/status"
    assert server.call("PATCH", path, {"status": status}, content_type=patch)[0] == 200
