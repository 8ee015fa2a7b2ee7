"""E-mail or SMS handed to a service of the operator's by HTTP: a JSON POST that carries a signature.

The receiver checks `Poolhouse-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA-256 under the shared secret over
`SECONDS.BODY`, and drops repeats by `Idempotency-Key`. One short exchange per message, so no connection is kept.
"""

import asyncio
import contextlib
import hmac
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

import msgspec

from poolhouse.delivery.message import Channel, Purpose, StoredMessage
from poolhouse.delivery.sender import MisconfiguredSender, PermanentFailure, TemporaryFailure

MIN_SECRET = 16
MAX_STATUS_LINE = 1024
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: [^\r\n]*)?\r?\n")
_TRY_AGAIN = frozenset({401, 403, 404, 407, 408, 421, 425, 429})
"""Refusals that the operator or time can put right."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """Where messages are posted to."""

    url: str
    secret: str = field(repr=False)
    """Shared with the receiver; at least 16 characters."""
    timeout: float = 15.0
    ca_file: str | None = None


class _Body(msgspec.Struct, frozen=True, rename={"sender": "from"}):
    id: str
    pool_id: str
    channel: Channel
    to: str
    sender: str
    subject: str | None
    body: str
    html: bool
    purpose: Purpose
    created_at: float


class WebhookSender:
    """Posts messages to one URL."""

    def __init__(self, settings: WebhookSettings, *, clock: Callable[[], float]) -> None:
        """Raises MisconfiguredSender."""
        self._settings = settings
        self._clock = clock
        self._parts, self._port = _check(settings)
        self._tls = ssl.create_default_context(cafile=settings.ca_file) if self._parts.scheme == "https" else None

    async def send(self, stored: StoredMessage) -> None:
        """Post one message; any 2xx is success."""
        head, body = self._compose(stored)
        try:
            async with asyncio.timeout(self._settings.timeout):
                status = await self._exchange(head + body)
        except TimeoutError as error:
            raise TemporaryFailure("timeout", "the receiver did not answer in time") from error
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            raise TemporaryFailure("unreachable", f"cannot reach the receiver: {error}") from error
        if status // 100 == 2:
            return
        kind = PermanentFailure if status // 100 == 4 and status not in _TRY_AGAIN else TemporaryFailure
        raise kind(f"http_{status}", f"the receiver answered {status}")

    async def close(self) -> None:
        """Nothing is kept open."""

    def _compose(self, stored: StoredMessage) -> tuple[bytes, bytes]:
        message = stored.message
        body = msgspec.json.encode(
            _Body(
                id=stored.message_id,
                pool_id=message.pool_id,
                channel=message.channel,
                to=message.recipient,
                sender=message.sender,
                subject=message.subject,
                body=message.body,
                html=message.html,
                purpose=message.purpose,
                created_at=stored.created_at,
            )
        )
        seconds = str(int(self._clock()))
        signature = hmac.digest(self._settings.secret.encode(), seconds.encode() + b"." + body, "sha256").hex()
        target = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        head = (
            f"POST {target} HTTP/1.1\r\n"
            f"Host: {self._parts.netloc}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"Idempotency-Key: {stored.message_id}\r\n"
            f"Poolhouse-Signature: t={seconds},v1={signature}\r\n"
            "Connection: close\r\n\r\n"
        )
        return head.encode("ascii"), body

    async def _exchange(self, request: bytes) -> int:
        """The status of the answer; its body interests nobody."""
        host = self._parts.hostname or ""
        reader, writer = await asyncio.open_connection(host, self._port, ssl=self._tls, limit=MAX_STATUS_LINE)
        try:
            writer.write(request)
            await writer.drain()
            status = 100
            while status // 100 == 1:
                line = await reader.readuntil(b"\n")
                match = _STATUS_LINE.fullmatch(line)
                if match is None:
                    raise ValueError("the answer is not HTTP/1.1")
                status = int(match[1])
                if status // 100 == 1:
                    # Interim answers carry headers of their own, up to an empty line.
                    while (await reader.readuntil(b"\n")).strip():
                        pass
            return status
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def _check(settings: WebhookSettings) -> tuple[SplitResult, int]:
    if len(settings.secret) < MIN_SECRET:
        raise MisconfiguredSender(f"the webhook's secret must have {MIN_SECRET} characters or more")
    try:
        parts = urlsplit(settings.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise MisconfiguredSender(f"the webhook's URL is not one: {error}") from error
    plain = settings.url.isascii() and not any(char.isspace() or ord(char) < 0x20 for char in settings.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not plain or "@" in parts.netloc:
        raise MisconfiguredSender("the webhook's URL must be http:// or https://, percent-encoded, without a password")
    return parts, port
