"""Requests as clients put them on the wire, and answers read off it: HTTP/1.1 in bytes, AWS signatures included.

Owns bytes only. Much cheaper than an SDK, so that the generator does not starve the server that it measures.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from benchmarks.scene import Scene
from poolhouse.access.sigv4 import derive_key

_JSON = "application/x-amz-json-1.1"
_TARGET = "AWSCognitoIdentityProviderService."
_SIGNED = "content-type;host;x-amz-date;x-amz-target"
_REGION, _SERVICE = "eu-west-1", "cognito-idp"
_AGENT = "aws-sdk-js/3.0 benchmark"

_encode = msgspec.json.Encoder().encode


class Answer(Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes


class Writer:
    """Writes requests to one server."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._host = f"localhost:{scene.port}"
        self._gateway_host = f"localhost:{scene.gateway_port}"
        self._day = ""
        self._key = b""

    def call(self, operation: str, members: Mapping[str, object]) -> bytes:
        """An unsigned call."""
        return self._post(operation, _encode(members), "")

    def signed(self, operation: str, members: Mapping[str, object]) -> bytes:
        """A call signed with the scene's access key."""
        body = _encode(members)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        canonical = (
            f"POST\n/\n\ncontent-type:{_JSON}\nhost:{self._host}\nx-amz-date:{stamp}\n"
            f"x-amz-target:{_TARGET}{operation}\n\n{_SIGNED}\n{hashlib.sha256(body).hexdigest()}"
        )
        scope = f"{stamp[:8]}/{_REGION}/{_SERVICE}/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = hmac.digest(self._signing_key(stamp[:8]), text.encode(), "sha256").hex()
        authorization = (
            f"AWS4-HMAC-SHA256 Credential={self._scene.key_id}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
        )
        return self._post(operation, body, f"X-Amz-Date: {stamp}\r\nAuthorization: {authorization}\r\n")

    def get(self, path: str, token: str | None = None) -> bytes:
        """A request to the gateway."""
        authorization = "" if token is None else f"Authorization: Bearer {token}\r\n"
        return (
            f"GET {path} HTTP/1.1\r\nHost: {self._gateway_host}\r\nUser-Agent: {_AGENT}\r\nAccept: */*\r\n"
            f"{authorization}\r\n"
        ).encode()

    def _post(self, operation: str, body: bytes, more: str) -> bytes:
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\nUser-Agent: {_AGENT}\r\nAccept: */*\r\nContent-Type: {_JSON}\r\n"
            f"X-Amz-Target: {_TARGET}{operation}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def _signing_key(self, day: str) -> bytes:
        if day != self._day:
            self._day, self._key = day, derive_key(self._scene.secret, day, _REGION, _SERVICE)
        return self._key


class BadAnswer(Exception):
    """What came back is not an answer that this reader knows."""


class Reader:
    """Puts one connection's bytes together into answers; one request at a time."""

    __slots__ = ("_end", "_received", "_start", "_status")

    def __init__(self) -> None:
        self._received = bytearray()
        self._start = 0
        self._end = 0
        self._status = 0

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes; the answer as soon as it is whole. Raises BadAnswer."""
        received = self._received
        received += data
        if not self._start and not self._read_head(received):
            return None
        if len(received) < self._end:
            return None
        answer = Answer(self._status, bytes(received[self._start : self._end]))
        del received[: self._end]
        self._start = 0
        return answer

    def _read_head(self, received: bytearray) -> bool:
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(received[:end]).lower()
        place = head.find(b"\r\ncontent-length:")
        if not head.startswith(b"http/1.1 ") or place < 0:
            raise BadAnswer(head.decode("latin-1"))
        self._status = int(head[9:12])
        self._start = end + 4
        self._end = self._start + int(head[place + 17 :].split(b"\r\n", 1)[0])
        return True
