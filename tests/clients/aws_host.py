"""A server under the host name that Cognito has at AWS, for clients that cannot be given another one.

Owns its certificate, and the proxy that leads the name to this machine: clients trust the one and use the other by the
settings that every client has for companies with an authority and a proxy of their own. Knows no client.
"""

import contextlib
import http.server
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from poolhouse.http.tls import development_certificate
from tests.server import Certificate

AWS_HOST = "cognito-idp.eu-west-1.amazonaws.com"
_CHUNK = 64 * 1024


def certificate_for_aws_host(folder: Path) -> Certificate:
    """A certificate for that name and for localhost, by an authority that nobody knows."""
    made = development_certificate(folder, time.time, (AWS_HOST,))
    return Certificate(made.authority, made.chain, made.key)


class Detour:
    """A proxy (RFC 9110 §9.3.6, CONNECT) that leads AWS's name to a port of this machine, and nothing elsewhere."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = ""
        self.asked: list[str] = []
        """Every place that a client wanted a tunnel to."""


@contextmanager
def detour(port: int) -> Iterator[Detour]:
    """The proxy on loopback."""
    led = Detour(port)
    server = _Proxy(led)
    led.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield led
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Proxy(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, led: Detour) -> None:
        self.led = led
        super().__init__(("127.0.0.1", 0), _Tunnel)


class _Tunnel(http.server.BaseHTTPRequestHandler):
    server: _Proxy

    def do_CONNECT(self) -> None:
        self.server.led.asked.append(self.path)
        if self.path != f"{AWS_HOST}:443":
            self.send_error(502)
            return
        with socket.create_connection(("127.0.0.1", self.server.led.port)) as upstream:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                _relay(self.connection, upstream)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what failed is told by the test."""


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways until a side ends."""
    with selectors.DefaultSelector() as ready:
        ready.register(one, selectors.EVENT_READ, other)
        ready.register(other, selectors.EVENT_READ, one)
        while True:
            for key, _ in ready.select():
                source: socket.socket = key.fileobj  # type: ignore[assignment]
                data = source.recv(_CHUNK)
                if not data:
                    return
                key.data.sendall(data)
