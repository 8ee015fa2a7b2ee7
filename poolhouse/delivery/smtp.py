"""E-mail by SMTP: connection security, authentication, reuse of connections, and which refusals are final.

The only door to aiosmtplib. Knows nothing of the outbox that calls it.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections import deque
from dataclasses import dataclass, field
from email.headerregistry import Address
from typing import Literal

import aiosmtplib

from poolhouse.delivery.mail import build_mail, parse_mailbox
from poolhouse.delivery.message import StoredMessage
from poolhouse.delivery.sender import MisconfiguredSender, PermanentFailure, TemporaryFailure

Security = Literal["starttls", "tls", "starttls_if_offered", "none"]


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """How to reach the mail server."""

    host: str
    port: int = 587
    security: Security = "starttls"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sender: str | None = None
    """If set, every mail goes out from it, whatever the pool says."""
    verify_certificate: bool = True
    ca_file: str | None = None
    """PEM certificates to trust in place of the system's."""
    helo_name: str | None = None
    timeout: float = 30.0
    """Seconds, for each step of the conversation."""
    idle_seconds: float = 20.0
    """How long a connection is kept for the next mail."""


class SmtpSender:
    """Sends e-mails through one mail server."""

    def __init__(self, settings: SmtpSettings) -> None:
        """Raises MisconfiguredSender."""
        _check(settings)
        self._settings = settings
        self._tls = _make_tls(settings) if settings.security != "none" else None
        self._idle: deque[tuple[aiosmtplib.SMTP, asyncio.TimerHandle]] = deque()
        self._closing: set[asyncio.Task[None]] = set()

    async def send(self, stored: StoredMessage) -> None:
        """Hand one mail over to the server."""
        sender = self._sender_of(stored)
        mail = build_mail(stored, sender)
        recipient = mail["To"].addresses[0].addr_spec
        connection = self._take_idle()
        if connection is not None:
            try:
                await connection.rset()
            except (aiosmtplib.SMTPException, OSError):
                # The server let go of it in the meantime; nothing was sent yet.
                connection.close()
                connection = None
        if connection is None:
            connection = await self._connect()
        try:
            await connection.send_message(mail, sender=sender.addr_spec, recipients=[recipient])
        except BaseException as error:
            connection.close()
            if isinstance(error, aiosmtplib.SMTPException | OSError | ValueError):
                raise _judge_sending(error) from error
            raise
        self._keep(connection)

    async def close(self) -> None:
        """Say goodbye on the connections that are kept."""
        while self._idle:
            connection, timer = self._idle.popleft()
            timer.cancel()
            await _quit(connection)
        await asyncio.gather(*self._closing, return_exceptions=True)

    def _sender_of(self, stored: StoredMessage) -> Address:
        try:
            return parse_mailbox(self._settings.sender or stored.message.sender)
        except ValueError as error:
            raise TemporaryFailure("sender", "the sender is not an e-mail address; set one") from error

    async def _connect(self) -> aiosmtplib.SMTP:
        settings = self._settings
        starttls = {"starttls": True, "starttls_if_offered": None}.get(settings.security, False)
        connection = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.username,
            password=settings.password,
            # Asking the resolver for one's own full name, the library's default, can block the process.
            local_hostname=settings.helo_name or socket.gethostname(),
            timeout=settings.timeout,
            use_tls=settings.security == "tls",
            start_tls=starttls,
            tls_context=self._tls,
        )
        try:
            await connection.connect()
        except BaseException as error:
            connection.close()
            if isinstance(error, aiosmtplib.SMTPException | OSError):
                raise _judge_connecting(error) from error
            raise
        return connection

    def _take_idle(self) -> aiosmtplib.SMTP | None:
        while self._idle:
            connection, timer = self._idle.pop()
            timer.cancel()
            if connection.is_connected:
                return connection
        return None

    def _keep(self, connection: aiosmtplib.SMTP) -> None:
        timer = asyncio.get_running_loop().call_later(self._settings.idle_seconds, self._retire, connection)
        self._idle.append((connection, timer))

    def _retire(self, connection: aiosmtplib.SMTP) -> None:
        self._idle = deque(kept for kept in self._idle if kept[0] is not connection)
        task = asyncio.create_task(_quit(connection))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _quit(connection: aiosmtplib.SMTP) -> None:
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await connection.quit(timeout=2.0)
    connection.close()


def _check(settings: SmtpSettings) -> None:
    if (settings.username is None) != (settings.password is None):
        raise MisconfiguredSender("SMTP authentication needs both a user name and a password")
    encrypted = settings.security in {"starttls", "tls"}
    if settings.username is not None and not encrypted and not _is_loopback(settings.host):
        raise MisconfiguredSender(
            "an SMTP password would cross the network in the clear; use security starttls or tls, or drop the password"
        )
    if settings.sender is not None:
        try:
            parse_mailbox(settings.sender)
        except ValueError as error:
            raise MisconfiguredSender("the SMTP sender is not an e-mail address") from error


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _make_tls(settings: SmtpSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise MisconfiguredSender(f"cannot read the certificates in {settings.ca_file}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not settings.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _judge_connecting(error: Exception) -> TemporaryFailure:
    match error:
        case aiosmtplib.SMTPAuthenticationError():
            return TemporaryFailure("authentication", f"the mail server refused the password ({error.code})")
        case aiosmtplib.SMTPResponseException():
            return TemporaryFailure("refused", f"the mail server refused us ({error.code} {error.message})")
        case aiosmtplib.SMTPTimeoutError() | TimeoutError():
            return TemporaryFailure("timeout", "the mail server did not answer in time")
        # The library's bare base class says that the server lacks STARTTLS or AUTH.
        case aiosmtplib.SMTPException() if type(error) in {aiosmtplib.SMTPException, aiosmtplib.SMTPNotSupported}:
            return TemporaryFailure("not_offered", f"the mail server does not offer what is asked for: {error}")
        case _:
            return TemporaryFailure("unreachable", f"cannot reach the mail server: {error.__cause__ or error}")


def _judge_sending(error: Exception) -> TemporaryFailure | PermanentFailure:
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            return _judge_sending(error.recipients[0])
        case aiosmtplib.SMTPSenderRefused():
            # Whoever runs the service can put this right, and then the mail should still go out.
            return TemporaryFailure("sender_refused", f"sender refused ({error.code} {error.message})")
        case aiosmtplib.SMTPResponseException():
            kind = PermanentFailure if error.code >= 500 else TemporaryFailure
            return kind(f"smtp_{error.code}", f"refused ({error.code} {error.message})")
        case aiosmtplib.SMTPNotSupported() | ValueError():
            return PermanentFailure("address", "the mail server cannot take the recipient's address")
        case _:
            return TemporaryFailure("broken_off", f"the conversation broke off: {type(error).__name__}")
