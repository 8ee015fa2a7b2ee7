"""Mail really leaves a configured server: from the administrator's call to a real SMTP server, and nothing is lost."""

import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.cli.program import wait_until
from tests.clients.people import administrator
from tests.delivery.certificates import make_certificate
from tests.server import RunningServer, running_server


class Post:
    """What arrived, and who sent it."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert session.ssl is not None
        content = envelope.original_content or b""
        self.mails.append(message_from_bytes(content, policy=policy.SMTP))
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, str]:
    return make_certificate(tmp_path)


@pytest.fixture
def server(tmp_path: Path, port: int, certificate: tuple[ssl.SSLContext, str]) -> Iterator[RunningServer]:
    """The example stack, told where its mail goes."""
    settings = {
        "POOLHOUSE_SMTP_HOST": "127.0.0.1",
        "POOLHOUSE_SMTP_PORT": str(port),
        "POOLHOUSE_SMTP_SECURITY": "starttls",
        "POOLHOUSE_SMTP_USERNAME": "mailer",
        "POOLHOUSE_SMTP_PASSWORD": "right",
        "POOLHOUSE_SMTP_SENDER": "Pool <pool@example.com>",
        "SSL_CERT_FILE": certificate[1],
    }
    with running_server(tmp_path / "state", environment=settings) as running:
        yield running


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def office(post: Post, port: int, certificate: tuple[ssl.SSLContext, str]) -> Iterator[Controller]:
    """A mail server that can be opened: STARTTLS and a password, or nothing."""
    controller = Controller(
        post,
        hostname="127.0.0.1",
        port=port,
        tls_context=certificate[0],
        require_starttls=True,
        authenticator=post.authenticate,
        auth_required=True,
    )
    yield controller
    controller.stop(no_assert=True)


def invite(server: RunningServer, address: str) -> None:
    administrator(server).admin_create_user(
        UserPoolId=server.pool_id,
        Username=address,
        UserAttributes=[{"Name": "email", "Value": address}],
        DesiredDeliveryMediums=["EMAIL"],
    )


def entry(server: RunningServer, address: str) -> dict[str, Any]:
    """The newest message to an address, as the inbox tells it."""
    with urllib.request.urlopen(f"{server.endpoint}/_poolhouse/inbox.json?to={quote(address)}", timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)[0]
        return found


def test_an_invitation_arrives_encrypted_and_authenticated(
    server: RunningServer, office: Controller, post: Post
) -> None:
    office.start()
    invite(server, "ann@example.com")
    wait_until(lambda: post.mails, "the mail")
    (mail,) = post.mails
    assert (mail["To"], mail["From"]) == ("ann@example.com", "Pool <pool@example.com>")
    assert post.logins[0] == (b"mailer", b"right")
    shown = entry(server, "ann@example.com")
    assert shown["code"] in mail.get_content()
    wait_until(lambda: entry(server, "ann@example.com")["state"] == "sent", "the inbox saying that it left")


def test_what_a_mail_server_that_is_away_missed_arrives_later_also_after_a_restart(
    server: RunningServer, office: Controller, post: Post
) -> None:
    invite(server, "bob@example.com")
    wait_until(lambda: entry(server, "bob@example.com")["tries"], "a try")
    waiting = entry(server, "bob@example.com")
    assert waiting["state"] == "pending"
    assert "cannot reach the mail server" in waiting["failure"]
    server.restart()
    office.start()
    wait_until(lambda: post.mails, "the mail")
    assert [mail["To"] for mail in post.mails] == ["bob@example.com"]
    wait_until(lambda: entry(server, "bob@example.com")["state"] == "sent", "the inbox saying that it left")
    assert len(post.mails) == 1


@pytest.mark.parametrize(
    "address", ["ann@example.com\r\nBcc: all@example.com", "ann@example.com\nSubject: taken", "ann@example.com,b@x.org"]
)
def test_an_address_cannot_add_a_header_or_a_recipient(
    server: RunningServer, office: Controller, post: Post, address: str
) -> None:
    office.start()
    client = administrator(server)
    with pytest.raises(client.exceptions.InvalidParameterException):
        invite(server, address)
    invite(server, "ann@example.com")
    wait_until(lambda: post.mails, "the mail")
    (mail,) = post.mails
    assert (mail["To"], mail["Bcc"], mail["Subject"]) == ("ann@example.com", None, "Your temporary password")


def test_a_subject_in_any_script_arrives_as_it_was_written(
    server: RunningServer, office: Controller, post: Post
) -> None:
    office.start()
    subject = "Übung für Zoë — 確認"
    administrator(server).update_user_pool(
        UserPoolId=server.pool_id,
        AdminCreateUserConfig={
            "AllowAdminCreateUserOnly": True,
            "InviteMessageTemplate": {"EmailMessage": "Grüße {username}: {####}", "EmailSubject": subject},
        },
    )
    invite(server, "zoe@bücher.example")
    wait_until(lambda: post.mails, "the mail")
    (mail,) = post.mails
    assert mail["Subject"] == subject
    assert mail["To"] == "zoe@xn--bcher-kva.example"
    assert mail.get_content().startswith("Grüße zoe@bücher.example: ")
