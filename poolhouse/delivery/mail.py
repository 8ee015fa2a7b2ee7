"""An outgoing message as an Internet e-mail (RFC 5322, MIME). Nothing that comes in can add a header."""

import re
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from poolhouse.delivery.message import StoredMessage
from poolhouse.delivery.plaintext import read_as_text
from poolhouse.delivery.sender import PermanentFailure

_ADDRESS = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]{1,255}")


def parse_mailbox(text: str) -> Address:
    """`local@domain` or `Name <local@domain>`. Raises ValueError for anything else."""
    name, spec = parseaddr(text)
    if not _ADDRESS.fullmatch(spec) or any(char in text for char in "\r\n\0"):
        raise ValueError("not an e-mail address")
    local, _, domain = spec.rpartition("@")
    if not domain.isascii():
        # UnicodeError is a ValueError.
        domain = domain.encode("idna").decode()
    return Address(display_name=name, username=local, domain=domain)


def build_mail(stored: StoredMessage, sender: Address) -> EmailMessage:
    """The mail to send. Raises PermanentFailure when the message cannot be one."""
    message = stored.message
    mail = EmailMessage(policy=policy.SMTP)
    try:
        recipient = parse_mailbox(message.recipient)
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
