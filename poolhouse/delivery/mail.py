"""An outgoing message as an Internet e-mail (RFC 5322, MIME). Nothing that comes in can add a header."""

import re
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from poolhouse.delivery.message import StoredMessage
from poolhouse.delivery.plaintext import read_as_text
from poolhouse.delivery.sender import PermanentFailure

_ATOM = r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]"
_ADDRESS = re.compile(rf"(?P<local>{_ATOM}{{1,64}})@(?P<domain>{_ATOM}{{1,255}})")
_NAMED = re.compile(r"(?P<name>[^<>\x00-\x1f\x7f]*?)\s*<(?P<address>[^<>]*)>")


def parse_address(text: str) -> Address:
    """One bare `local@domain`. Raises ValueError for anything else."""
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise ValueError("not an e-mail address")
    domain = match["domain"]
    # A failing IDNA encoding is a UnicodeError, which is a ValueError.
    return Address(username=match["local"], domain=domain if domain.isascii() else domain.encode("idna").decode())


def parse_mailbox(text: str) -> Address:
    """`local@domain` or `Name <local@domain>`. Raises ValueError for anything else."""
    match = _NAMED.fullmatch(text.strip())
    if match is None:
        return parse_address(text.strip())
    bare = parse_address(match["address"])
    name = match["name"].strip()
    if len(name) > 1 and name[0] == name[-1] == '"':
        name = name[1:-1].replace('\\"', '"')
    return Address(display_name=name, username=bare.username, domain=bare.domain)


def build_mail(stored: StoredMessage, sender: Address) -> EmailMessage:
    """The mail to send. Raises PermanentFailure when the message cannot be one."""
    message = stored.message
    mail = EmailMessage(policy=policy.SMTP)
    try:
        recipient = parse_address(message.recipient)
        mail["From"] = sender
        mail["To"] = recipient
        mail["Subject"] = " ".join((message.subject or "").split())
        mail["Date"] = format_datetime(datetime.fromtimestamp(stored.created_at, UTC))
        # The same for every try, so that a mail which a crash sent twice shows once.
        mail["Message-ID"] = f"<{stored.message_id}@{sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        if message.html:
            mail.set_content(read_as_text(message.body))
            mail.add_alternative(message.body, subtype="html")
        else:
            mail.set_content(message.body)
    except (ValueError, MessageError) as error:
        raise PermanentFailure("not_a_mail", f"the message is not a valid e-mail: {type(error).__name__}") from error
    return mail
