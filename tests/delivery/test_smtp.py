"""E-mail by a real SMTP server: encryption, authentication, refusals that are final and those that are not."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from poolhouse.crypto.keyring import KeyRing
from poolhouse.delivery.message import StoredMessage
from poolhouse.delivery.outbox import Outbox
from poolhouse.delivery.sender import MisconfiguredSender, PermanentFailure, TemporaryFailure
from poolhouse.delivery.smtp import SmtpSender, SmtpSettings
from poolhouse.delivery.worker import OutboxWorker
from poolhouse.storage import Database
from tests.delivery.certificates import make_certificate
from tests.delivery.conftest import Clock, add, columns, make_message


class Mailbox:
    """What the server received, and what it answers."""

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.encrypted: list[bool] = []
        self.login: list[tuple[bytes, bytes]] = []
        self.connections = 0
        self.rcpt_answers: list[str] = []
        self.data_answers: list[str] = []
        self.mail_answers: list[str] = []

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.mail_answers:
            return self.mail_answers.pop(0)
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.rcpt_answers:
            return self.rcpt_answers.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if self.data_answers:
            return self.data_answers.pop(0)
        self.envelopes.append(envelope)
        assert server.transport is not None
        self.encrypted.append(server.transport.get_extra_info("sslcontext") is not None)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.login.append((data.login, data.password))
        # Not handled: the server itself answers 535.
        return AuthResult(success=data.password == b"right", handled=False)


@asynccontextmanager
async def serve(
    mailbox: Mailbox, *, tls: ssl.SSLContext | None = None, implicit: bool = False, auth: bool = False
) -> AsyncIterator[int]:
    protocols: list[SMTP] = []

    def connect() -> SMTP:
        mailbox.connections += 1
        protocol = SMTP(
            mailbox,
            hostname="mail.example",
            enable_SMTPUTF8=False,
            tls_context=None if implicit else tls,
            authenticator=mailbox.authenticate if auth else None,
            auth_required=auth,
            auth_require_tls=auth and not implicit and tls is not None,
            loop=asyncio.get_running_loop(),
        )
        protocols.append(protocol)
        return protocol

    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0, ssl=tls if implicit else None)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, str]:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


def stored(**changes: Any) -> StoredMessage:
    return StoredMessage("00" * 16, 1_700_000_000.0, make_message(**changes))


async def deliver(settings: SmtpSettings, *messages: StoredMessage) -> None:
    sender = SmtpSender(settings)
    try:
        for message in messages or (stored(),):
            await sender.send(message)
    finally:
        await sender.close()


@pytest.mark.parametrize("implicit", [True, False])
async def test_a_mail_arrives_over_an_encrypted_and_authenticated_connection(
    certificate: tuple[ssl.SSLContext, str], implicit: bool
) -> None:
    mailbox = Mailbox()
    async with serve(mailbox, tls=certificate[0], implicit=implicit, auth=True) as port:
        security = "tls" if implicit else "starttls"
        await deliver(
            SmtpSettings(
                host="127.0.0.1",
                port=port,
                security=security,  # type: ignore[arg-type]  # one of the two literals above
                username="mailer",
                password="right",
                ca_file=certificate[1],
            )
        )
    (envelope,) = mailbox.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("no-reply@verificationemail.com", ["ann@example.com"])
    mail = message_from_bytes(envelope.original_content or b"", policy=policy.SMTP)
    assert mail["Subject"] == "Your temporary password"
    assert "temporary password is Xk7$wq2Lp!." in mail.get_content()
    assert mailbox.encrypted == [True]
    assert mailbox.login == [(b"mailer", b"right")]


async def test_a_certificate_that_nobody_vouches_for_ends_the_conversation(
    certificate: tuple[ssl.SSLContext, str],
) -> None:
    mailbox = Mailbox()
    async with serve(mailbox, tls=certificate[0]) as port:
        with pytest.raises(TemporaryFailure) as failure:
            await deliver(SmtpSettings(host="127.0.0.1", port=port))
        assert failure.value.kind == "unreachable"
        assert "certificate" in failure.value.reason.lower()
        await deliver(SmtpSettings(host="127.0.0.1", port=port, verify_certificate=False))
    assert mailbox.encrypted == [True]


async def test_a_server_without_starttls_gets_nothing_where_it_is_required() -> None:
    mailbox = Mailbox()
    async with serve(mailbox) as port:
        with pytest.raises(TemporaryFailure) as failure:
            await deliver(SmtpSettings(host="127.0.0.1", port=port))
    assert failure.value.kind == "not_offered"
    assert mailbox.envelopes == []


@pytest.mark.parametrize(
    ("security", "offered", "encrypted"),
    [
        ("starttls_if_offered", True, True),
        ("starttls_if_offered", False, False),
        ("none", True, False),
    ],
)
async def test_opportunistic_encryption_takes_what_is_offered(
    certificate: tuple[ssl.SSLContext, str], security: Any, offered: bool, encrypted: bool
) -> None:
    mailbox = Mailbox()
    async with serve(mailbox, tls=certificate[0] if offered else None) as port:
        await deliver(SmtpSettings(host="127.0.0.1", port=port, security=security, ca_file=certificate[1]))
    assert mailbox.encrypted == [encrypted]


async def test_a_wrong_password_is_for_the_operator_to_put_right(certificate: tuple[ssl.SSLContext, str]) -> None:
    mailbox = Mailbox()
    async with serve(mailbox, tls=certificate[0], auth=True) as port:
        with pytest.raises(TemporaryFailure) as failure:
            await deliver(
                SmtpSettings(
                    host="127.0.0.1", port=port, username="mailer", password="wrong-one", ca_file=certificate[1]
                )
            )
    assert failure.value.kind == "authentication"
    assert "wrong-one" not in failure.value.reason


@pytest.mark.parametrize(
    ("stage", "answer", "error", "kind"),
    [
        ("rcpt", "550 no such user", PermanentFailure, "smtp_550"),
        ("rcpt", "450 greylisted", TemporaryFailure, "smtp_450"),
        ("data", "554 spam", PermanentFailure, "smtp_554"),
        ("data", "451 try later", TemporaryFailure, "smtp_451"),
        ("mail", "550 not a sender here", TemporaryFailure, "sender_refused"),
    ],
)
async def test_a_refusal_is_final_where_the_server_says_so(
    stage: str, answer: str, error: type[Exception], kind: str
) -> None:
    mailbox = Mailbox()
    getattr(mailbox, f"{stage}_answers").append(answer)
    async with serve(mailbox) as port:
        with pytest.raises(error) as failure:
            await deliver(SmtpSettings(host="127.0.0.1", port=port, security="none"))
    assert getattr(failure.value, "kind", None) == kind


async def test_an_address_that_the_server_cannot_take_is_final() -> None:
    mailbox = Mailbox()
    async with serve(mailbox) as port:
        settings = SmtpSettings(host="127.0.0.1", port=port, security="none")
        with pytest.raises(PermanentFailure):
            await deliver(settings, stored(recipient="änne@example.com"))
        with pytest.raises(PermanentFailure):
            await deliver(settings, stored(recipient="ann@example.com\r\nRCPT TO:<all@example.com>"))
    assert mailbox.envelopes == []


async def test_a_server_that_is_away_is_tried_again() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(TemporaryFailure) as failure:
        await deliver(SmtpSettings(host="127.0.0.1", port=port, security="none"))
    assert failure.value.kind == "unreachable"


async def test_a_server_that_never_speaks_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(TemporaryFailure) as failure:
        await deliver(SmtpSettings(host="127.0.0.1", port=port, security="none", timeout=0.05))
    server.close()
    assert failure.value.kind == "timeout"


async def test_one_connection_carries_one_mail_after_the_other() -> None:
    mailbox = Mailbox()
    async with serve(mailbox) as port:
        await deliver(SmtpSettings(host="127.0.0.1", port=port, security="none"), *[stored()] * 5)
    assert (len(mailbox.envelopes), mailbox.connections) == (5, 1)


async def test_a_connection_that_the_server_closed_is_replaced() -> None:
    mailbox = Mailbox()
    async with serve(mailbox) as port:
        sender = SmtpSender(SmtpSettings(host="127.0.0.1", port=port, security="none"))
        await sender.send(stored())
        for connection, _ in sender._idle:
            assert connection.transport is not None
            connection.transport.close()
        await sender.send(stored())
        await sender.close()
    assert (len(mailbox.envelopes), mailbox.connections) == (2, 2)


async def test_an_idle_connection_is_let_go() -> None:
    mailbox = Mailbox()
    async with serve(mailbox) as port:
        sender = SmtpSender(SmtpSettings(host="127.0.0.1", port=port, security="none", idle_seconds=0.0))
        await sender.send(stored())
        async with asyncio.timeout(5):
            while sender._idle:
                await asyncio.sleep(0)
        await sender.close()
    assert len(mailbox.envelopes) == 1


async def test_the_configured_sender_goes_before_the_messages_own() -> None:
    mailbox = Mailbox()
    async with serve(mailbox) as port:
        settings = SmtpSettings(host="127.0.0.1", port=port, security="none", sender='"Acme, Ltd" <id@acme.example>')
        await deliver(settings)
    (envelope,) = mailbox.envelopes
    assert envelope.mail_from == "id@acme.example"
    mail = message_from_bytes(envelope.original_content or b"", policy=policy.SMTP)
    assert mail["From"] == '"Acme, Ltd" <id@acme.example>'


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"username": "a"}, "both"),
        ({"password": "b"}, "both"),
        ({"username": "a", "password": "b", "security": "none"}, "in the clear"),
        ({"username": "a", "password": "b", "security": "starttls_if_offered"}, "in the clear"),
        ({"sender": "nobody"}, "sender"),
        ({"ca_file": "/nowhere/ca.pem"}, "certificates"),
    ],
)
def test_settings_that_contradict_themselves_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(MisconfiguredSender, match=words):
        SmtpSender(SmtpSettings(host="mail.example", **settings))


def test_settings_never_show_their_password() -> None:
    assert "hunter2" not in repr(SmtpSettings(host="mail.example", username="a", password="hunter2"))


async def test_the_outbox_tries_a_busy_server_again_until_the_mail_arrives(
    database: Database, keyring: KeyRing, outbox: Outbox, clock: Clock
) -> None:
    mailbox = Mailbox()
    mailbox.rcpt_answers.append("451 try later")
    async with serve(mailbox) as port:
        sender = SmtpSender(SmtpSettings(host="127.0.0.1", port=port, security="none"))
        worker = OutboxWorker(database, keyring, outbox, {"EMAIL": sender}, clock=clock, chance=lambda: 0.5)
        message_id = await add(database, outbox)
        await worker.deliver_due()
        assert await columns(database, message_id, "state, failure") == ("pending", "refused (451 try later)")
        clock.forward(5)
        await worker.deliver_due()
        await worker.stop(grace=1)
    assert await columns(database, message_id, "state, tries") == ("sent", 2)
    mail = message_from_bytes(mailbox.envelopes[0].original_content or b"", policy=policy.SMTP)
    assert mail["Message-ID"] == f"<{message_id}@verificationemail.com>"
