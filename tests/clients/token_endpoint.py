"""A token endpoint for OpenID Connect clients: it hands over genuine tokens of a sign-in, by a code or a refresh token.

Stands where Poolhouse has no /oauth2/token yet; what the clients check, they check against Poolhouse's own documents.
"""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

from tests.clients.tokens import Issued


class TokenEndpoint:
    """Its URL, and what it hands over for which code or refresh token."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.tokens: dict[str, Issued] = {}

    def answer(self, form: str) -> dict[str, Any] | None:
        """The answer to a grant."""
        fields = parse_qs(form)
        proof = fields.get("code") or fields.get("refresh_token") or [""]
        issued = self.tokens.get(proof[0])
        if issued is None:
            return None
        return {"access_token": issued.access, "id_token": issued.id, "token_type": "Bearer", "expires_in": 3600}


@contextmanager
def token_endpoint() -> Iterator[TokenEndpoint]:
    """One on loopback, open to every origin."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    endpoint = TokenEndpoint(f"http://localhost:{server.server_port}/token")
    _Handler.endpoints[server.server_port] = endpoint
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(http.server.BaseHTTPRequestHandler):
    endpoints: dict[int, TokenEndpoint] = {}  # noqa: RUF012  # by port: the server makes its handlers itself

    def do_OPTIONS(self) -> None:
        self._send(204, b"")

    def do_POST(self) -> None:
        endpoint = self.endpoints[self.server.server_address[1]]  # type: ignore[index]
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        answer = endpoint.answer(form)
        self._send(200 if answer else 400, json.dumps(answer or {"error": "invalid_grant"}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Headers", "*")
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what failed is told by the test."""
