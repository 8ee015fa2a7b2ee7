"""Mails as they go out: the parts they have, and the headers that nothing can add."""

from email import message_from_bytes, policy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolhouse.delivery.mail import build_mail, parse_mailbox
from poolhouse.delivery.message import StoredMessage
from poolhouse.delivery.plaintext import read_as_text
from poolhouse.delivery.sender import PermanentFailure
from tests.delivery.conftest import make_message

FROM = parse_mailbox("Acme Ltd <no-reply@acme.example>")


def stored(**changes: object) -> StoredMessage:
    return StoredMessage("00" * 16, 1_700_000_000.0, make_message(**changes))


def test_a_text_mail_has_the_headers_of_an_automatic_message() -> None:
    mail = message_from_bytes(build_mail(stored(body="Grüße, 123456"), FROM).as_bytes(), policy=policy.SMTP)
    assert mail["From"] == "Acme Ltd <no-reply@acme.example>"
    assert mail["To"] == "ann@example.com"
    assert mail["Subject"] == "Your temporary password"
    assert mail["Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"
    assert mail["Message-ID"] == f"<{'00' * 16}@acme.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content().strip() == "Grüße, 123456"


def test_an_html_mail_carries_its_text_too() -> None:
    mail = message_from_bytes(
        build_mail(stored(html=True, body="<p>Code <b>12</b></p>"), FROM).as_bytes(), policy=policy.SMTP
    )
    assert mail.get_content_type() == "multipart/alternative"
    text, html = mail.iter_parts()
    assert text.get_content().strip() == "Code 12"
    assert html.get_content_type() == "text/html"
    assert html.get_content().strip() == "<p>Code <b>12</b></p>"


@pytest.mark.parametrize(
    "recipient",
    [
        "ann@example.com\r\nBcc: all@example.com",
        "ann@example.com\nX: y",
        "ann@example.com,bob@example.com",
        "<ann@example.com> bob@example.com",
        "ann",
        "",
        "@example.com",
        "ann@",
        "a\0nn@example.com",
        "ann smith@example.com",
    ],
)
def test_a_recipient_that_is_not_one_address_gets_nothing(recipient: str) -> None:
    with pytest.raises(PermanentFailure):
        build_mail(stored(recipient=recipient), FROM)


@given(subject=st.text(max_size=60))
def test_a_subject_cannot_add_a_header(subject: str) -> None:
    try:
        raw = build_mail(stored(subject=subject + "\r\nBcc: all@example.com\r\n\r\nbody"), FROM).as_bytes()
    except PermanentFailure:
        return
    mail = message_from_bytes(raw, policy=policy.SMTP)
    assert mail["Bcc"] is None
    assert mail["To"] == "ann@example.com"


def test_a_domain_outside_ascii_is_written_in_its_ascii_form() -> None:
    assert parse_mailbox("ann@bücher.example").addr_spec == "ann@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Hello", "Hello"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("a<br>b<br/>c", "a\nb\nc"),
        ("<b>a</b> <i>b</i>&amp;c", "a b&c"),
        ('<a href="https://x.example/?a=1&amp;b=2">Verify</a>!', "Verify (https://x.example/?a=1&b=2)!"),
        ("<head><title>t</title><style>p{}</style></head><p>x<script>y</script></p>", "x"),
        ("<ul><li>one</li><li>two</li></ul>", "one\n\ntwo"),
        ("  spread \n out  ", "spread out"),
        ("<p>unclosed <b>tags", "unclosed tags"),
        ("", ""),
    ],
)
def test_the_text_of_html_is_what_a_person_reads(html: str, text: str) -> None:
    assert read_as_text(html) == text
