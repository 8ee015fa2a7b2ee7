"""A client of the real wire that is not ours: raw HTTP/1.1 over sockets, and the AWS JSON protocol on top of it.

Sends what it is told, however wrong. Knows no operation.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

TARGET = "AWSCognitoIdentityProviderService"
JSON = "application/x-amz-json-1.1"
SIGNED = {
    "Authorization": (
        "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20250101/eu-west-1/cognito-idp/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature=" + "0" * 64
    ),
    "X-Amz-Date": "20250101T000000Z",
}
"""What a development server takes for a signature."""
NO_HEADERS: Mapping[str, str] = {}
_PATIENCE = 30.0


class Reply:
    """One answer."""

    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str | None:
        """The error's code; None for a success."""
        return None if self.status < 400 else str(self.json()["__type"])

    @property
    def message(self) -> str:
        return str(self.json().get("message", ""))

    def __repr__(self) -> str:
        return f"Reply({self.status}, {self.body[:300]!r})"


_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Door:
    """One listener of a server, over kept connections."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[_Pair] = []

    async def send(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | list[tuple[str, str]] = NO_HEADERS,
        body: bytes = b"",
    ) -> Reply:
        """One request. Raises OSError and EOFError when the connection ends before its answer does."""
        lines = list(headers.items()) if isinstance(headers, Mapping) else list(headers)
        if not any(name.lower() == "host" for name, _ in lines):
            lines.insert(0, ("Host", f"localhost:{self.port}"))
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        text = f"{method} {target} HTTP/1.1\r\n{head}Content-Length: {len(body)}\r\n\r\n"
        return await self.raw(text.encode("latin-1") + body)

    async def raw(self, request: bytes) -> Reply:
        """Bytes as they are, and the answer to them."""
        pair = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = pair
        try:
            async with asyncio.timeout(_PATIENCE):
                writer.write(request)
                await writer.drain()
                reply = await _read(reader, bodiless=request.startswith(b"HEAD "))
        except BaseException:
            writer.close()
            raise
        if reply.headers.get("connection") == "close":
            writer.close()
        else:
            self._idle.append(pair)
        return reply

    async def call(
        self, operation: str, body: object, headers: Mapping[str, str] = NO_HEADERS, *, signed: bool = False
    ) -> Reply:
        """An operation of cognito-idp; `body` is sent as it is when it is bytes."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = {"Content-Type": JSON, "X-Amz-Target": f"{TARGET}.{operation}"} | (SIGNED if signed else {})
        return await self.send("POST", "/", lines | dict(headers), content)

    async def admin(self, operation: str, **members: Any) -> Any:
        """An administrator's operation that must succeed; its answer."""
        reply = await self.call(operation, members, signed=True)
        assert reply.status == 200, reply
        return reply.json()

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def _read(reader: asyncio.StreamReader, *, bodiless: bool) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    length = headers.get("content-length")
    if bodiless:
        body = b""
    elif length is not None:
        body = await reader.readexactly(int(length))
    else:
        assert headers.get("transfer-encoding") == "chunked", head
        body = await _chunks(reader)
    return Reply(int(first.split(" ")[1]), headers, body)


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    found = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        found += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return found
