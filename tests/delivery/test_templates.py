"""The texts of messages, word by word, and how they are filled in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolhouse.delivery.message import Purpose
from poolhouse.delivery.templates import (
    DEFAULT_TEXTS,
    EmailTemplate,
    Fill,
    carries_code,
    choose_email,
    choose_sms,
    compose_email,
    compose_sms,
)

FILL = Fill(code="123456", username="ann")


@pytest.mark.parametrize(
    ("purpose", "subject", "body", "sms"),
    [
        ("sign_up", "Your verification code", "Your confirmation code is 123456", "Your confirmation code is 123456"),
        ("resend_code", "Your verification code", "Your confirmation code is 123456", None),
        ("forgot_password", "Your verification code", "Your confirmation code is 123456", None),
        (
            "verify_attribute",
            "Your verification code",
            "Your confirmation code is 123456",
            "Your verification code is 123456.",
        ),
        (
            "invitation",
            "Your temporary password",
            "Your username is ann and temporary password is 123456.",
            "Your username is ann and temporary password is 123456.",
        ),
        ("mfa", "Your verification code", "Your authentication code is 123456.", "Your authentication code is 123456."),
        ("sign_in_code", "Your verification code", None, "Your authentication code is 123456."),
    ],
)
def test_the_default_texts_are_the_services(purpose: Purpose, subject: str, body: str | None, sms: str | None) -> None:
    content = compose_email(choose_email(purpose, subject=None, message=None), FILL)
    assert content.subject == subject
    assert body is None or content.body == body
    assert not content.html
    assert sms is None or compose_sms(choose_sms(purpose, None), FILL) == sms


def test_a_pools_own_texts_go_before_the_defaults() -> None:
    template = choose_email("sign_up", subject="Hello {username}", message="Use {####}")
    content = compose_email(template, FILL)
    assert (content.subject, content.body) == ("Hello ann", "Use 123456")
    assert compose_sms(choose_sms("mfa", "{####} it is"), FILL) == "123456 it is"
    assert choose_email("sign_up", subject="", message="").subject == "Your verification code"


@pytest.mark.parametrize(
    ("message", "html"),
    [
        ("Code {####}", False),
        ("a < b and c > d, 3<4 {####}", False),
        ("Tom & Jerry {####}", False),
        ("<p>Code {####}</p>", True),
        ("Line<br/>{####}", True),
        ("<!doctype html>{####}", True),
        ("It&#39;s {####}", True),
        ("{####}&nbsp;", True),
    ],
)
def test_a_body_with_markup_is_html(message: str, html: bool) -> None:
    assert compose_email(EmailTemplate("s", message), FILL).html is html


def test_what_is_filled_into_html_is_escaped_and_into_text_is_not() -> None:
    fill = Fill(code="a<b&\"c'", username="<i>ann</i>")
    markup = compose_email(EmailTemplate("{username}", "<p>{username} {####}</p>"), fill)
    assert markup.body == "<p>&lt;i&gt;ann&lt;/i&gt; a&lt;b&amp;&quot;c&#x27;</p>"
    assert markup.subject == "<i>ann</i>"
    assert compose_email(EmailTemplate("s", "{####}"), fill).body == "a<b&\"c'"
    assert compose_sms("{####}", fill) == "a<b&\"c'"


def test_what_is_filled_in_is_not_read_as_a_template_again() -> None:
    fill = Fill(code="{username}", username="{####}{##Click##}", link="https://x/")
    assert compose_sms("{####} {username}", fill) == "{username} {####}{##Click##}"


def test_unknown_placeholders_and_braces_stay() -> None:
    text = "{city} {USERNAME} {user name} {} { {####} } {{####}} {#####}"
    assert compose_sms(text, Fill(code="1")) == "{city} {USERNAME} {user name} {} { 1 } {1} {#####}"


def test_notices_fill_their_own_placeholders() -> None:
    fill = Fill(code="", username="ann", more={"ip-address": "192.0.2.1", "login-time": "now"})
    assert compose_sms("{username} {ip-address} {login-time} {city}", fill) == "ann 192.0.2.1 now {city}"


def test_a_link_placeholder_becomes_a_link() -> None:
    link = "https://auth.example.com/confirmUser?a=1&b=2"
    content = compose_email(EmailTemplate("s", "Please {##Verify Email##}."), Fill(code="1", link=link))
    assert content.html
    assert content.body == ('Please <a href="https://auth.example.com/confirmUser?a=1&amp;b=2">Verify Email</a>.')
    assert compose_email(EmailTemplate("s", "Please {##Verify Email##}."), FILL).body == "Please Verify Email."


def test_a_subject_is_one_line() -> None:
    fill = Fill(code="1\r\nBcc: all@example.com", username="a\n\tb")
    assert compose_email(EmailTemplate("{####} {username}", "x"), fill).subject == "1 Bcc: all@example.com a b"


@pytest.mark.parametrize(
    ("template", "carries"),
    [("{####}", True), ("{##Verify##}", True), ("Hello {username}", False), ("####", False), ("", False)],
)
def test_a_template_without_the_code_is_recognised(template: str, carries: bool) -> None:
    assert carries_code(template) is carries


def test_every_default_carries_its_code_but_for_notices() -> None:
    for purpose, texts in DEFAULT_TEXTS.items():
        assert carries_code(texts.email.message) is (purpose != "notice")


@given(template=st.text("{}#abu&<>-e srn", max_size=200), code=st.text(max_size=20), name=st.text(max_size=20))
def test_no_template_breaks_the_rendering(template: str, code: str, name: str) -> None:
    fill = Fill(code=code, username=name, link="https://x/")
    compose_email(EmailTemplate(template, template), fill)
    compose_sms(template, fill)
