"""Messages posted to a receiver of the operator's: signed, whole, and tried again when that may help."""

import asyncio
import hashlib
import hmac
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from poolhouse.delivery.message import StoredMessage
from poolhouse.delivery.sender import MisconfiguredSender, PermanentFailure, TemporaryFailure
from poolhouse.delivery.webhook import WebhookSender, WebhookSettings
from poolhouse.http.message import Request, Response
from poolhouse.http.server import Limits, Server
from tests.delivery.certificates import make_certificate
from tests.delivery.conftest import Clock, make_message

SECRET = "a secret of the receiver's"
STORED = StoredMessage(
    "0a" * 16, 1_700_000_000.5, make_message(channel="SMS", recipient="+15550100", subject=None, body="Code 123456 ü")
)


class Receiver:
    """A receiver that remembers what it got."""

    def __init__(self, status: int = 204, tls: ssl.SSLContext | None = None) -> None:
        self.status = status
        self.requests: list[tuple[Request, bytes]] = []
        self.server = Server(self._answer, Limits(), tls=tls)

    async def __aenter__(self) -> "Receiver":
        await self.server.listen("127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop(0)

    async def _answer(self, request: Request) -> Response:
        self.requests.append((request, await request.read()))
        return Response(self.status)


def sender_to(port: int, clock: Clock, *, scheme: str = "http", **more: Any) -> WebhookSender:
    url = f"{scheme}://127.0.0.1:{port}/hook?kind=sms"
    return WebhookSender(WebhookSettings(url=url, secret=SECRET, **more), clock=clock)


async def test_a_message_is_posted_whole_and_signed(clock: Clock) -> None:
    async with Receiver() as receiver:
        await sender_to(receiver.server.port, clock).send(STORED)
    ((request, body),) = receiver.requests
    assert (request.method, request.target) == ("POST", b"/hook?kind=sms")
    assert request.header(b"content-type") == "application/json"
    assert request.header(b"idempotency-key") == "0a" * 16
    seconds = str(int(clock.now))
    expected = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert request.header(b"poolhouse-signature") == f"t={seconds},v1={expected}"
    assert json.loads(body) == {
        "id": "0a" * 16,
        "pool_id": "eu-west-1_abcdefghi",
        "channel": "SMS",
        "to": "+15550100",
        "from": "no-reply@verificationemail.com",
        "subject": None,
        "body": "Code 123456 ü",
        "html": False,
        "purpose": "invitation",
        "created_at": 1_700_000_000.5,
    }


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (202, None),
        (302, TemporaryFailure),
        (400, PermanentFailure),
        (401, TemporaryFailure),
        (404, TemporaryFailure),
        (410, PermanentFailure),
        (422, PermanentFailure),
        (429, TemporaryFailure),
        (500, TemporaryFailure),
        (503, TemporaryFailure),
    ],
)
async def test_the_receivers_status_decides(clock: Clock, status: int, error: type[Exception] | None) -> None:
    async with Receiver(status) as receiver:
        sender = sender_to(receiver.server.port, clock)
        if error is None:
            await sender.send(STORED)
            return
        with pytest.raises(error) as failure:
            await sender.send(STORED)
    assert getattr(failure.value, "kind", None) == f"http_{status}"


async def test_a_receiver_behind_tls_must_prove_who_it_is(clock: Clock, tmp_path: Path) -> None:
    tls, ca_file = make_certificate(tmp_path)
    async with Receiver(tls=tls) as receiver:
        await sender_to(receiver.server.port, clock, scheme="https", ca_file=ca_file).send(STORED)
        with pytest.raises(TemporaryFailure) as failure:
            await sender_to(receiver.server.port, clock, scheme="https").send(STORED)
    assert failure.value.kind == "unreachable"
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 999 x\r\n\r\n", b"x" * 5000, b"HTTP/2 200\r\n\r\n"]
)
async def test_what_is_not_an_answer_is_tried_again(clock: Clock, answer: bytes) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    with pytest.raises(TemporaryFailure):
        await sender_to(server.sockets[0].getsockname()[1], clock).send(STORED)
    server.close()


async def test_interim_answers_are_passed_over(clock: Clock) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    await sender_to(server.sockets[0].getsockname()[1], clock).send(STORED)
    server.close()


async def test_a_receiver_that_never_answers_is_given_up(clock: Clock) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    with pytest.raises(TemporaryFailure) as failure:
        await sender_to(server.sockets[0].getsockname()[1], clock, timeout=0.05).send(STORED)
    server.close()
    assert failure.value.kind == "timeout"


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://x.example/", "short"),
        ("ftp://x.example/", SECRET),
        ("https:///path", SECRET),
        ("https://user:pw@x.example/", SECRET),
        ("https://x.example/\r\nHost: y", SECRET),
        ("https://x.example/ü", SECRET),
        ("https://x.example:port/", SECRET),
    ],
)
def test_settings_that_cannot_work_are_refused(url: str, secret: str) -> None:
    with pytest.raises(MisconfiguredSender):
        WebhookSender(WebhookSettings(url=url, secret=secret), clock=Clock())
