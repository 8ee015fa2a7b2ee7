"""The texts of messages: the service's defaults (contract/rules.md section 9), a pool's own, and filling them in.

Plain substitution in a single pass: what is filled in is never read as a template again, and in HTML it is escaped.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from poolhouse.delivery.message import Purpose

DEFAULT_SENDER = "no-reply@verificationemail.com"

_PLACEHOLDER = re.compile(r"\{(?:(?P<name>####|[a-z]+(?:-[a-z]+)*)|##(?P<label>[^{}#][^{}]*?)##)\}")
_MARKUP = re.compile(r"<(?:[a-zA-Z][^<>]*|/[a-zA-Z][^<>]*|!--|![a-zA-Z])|&(?:[a-zA-Z]{2,12}|#[0-9]{1,6});")


@dataclass(frozen=True, slots=True)
class EmailTemplate:
    """Subject and body of an e-mail, with placeholders."""

    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class DefaultTexts:
    """What is sent when neither the pool nor a trigger says otherwise."""

    email: EmailTemplate
    sms: str


@dataclass(frozen=True, slots=True)
class Fill:
    """What the placeholders stand for in one message."""

    code: str = field(repr=False)
    """`{####}`: the code, or the temporary password."""
    username: str | None = None
    """`{username}`; left as it is where the message has none."""
    link: str | None = None
    """Where `{##…##}` leads to; such a placeholder without a link is just its label."""
    more: Mapping[str, str] = field(default_factory=dict)
    """Further placeholders by name, as risk notices have them."""


@dataclass(frozen=True, slots=True)
class EmailContent:
    """A filled e-mail."""

    subject: str
    body: str
    html: bool


_CODE_EMAIL = EmailTemplate("Your verification code", "Your confirmation code is {####}")
_CONFIRMATION = DefaultTexts(_CODE_EMAIL, "Your confirmation code is {####}")
_VERIFICATION = DefaultTexts(_CODE_EMAIL, "Your verification code is {####}.")
_AUTHENTICATION = DefaultTexts(
    EmailTemplate("Your verification code", "Your authentication code is {####}."),
    "Your authentication code is {####}.",
)
_INVITATION_TEXT = "Your username is {username} and temporary password is {####}."

DEFAULT_TEXTS: Mapping[Purpose, DefaultTexts] = {
    "sign_up": _CONFIRMATION,
    "resend_code": _CONFIRMATION,
    "forgot_password": _CONFIRMATION,
    "verify_attribute": _VERIFICATION,
    "invitation": DefaultTexts(EmailTemplate("Your temporary password", _INVITATION_TEXT), _INVITATION_TEXT),
    "mfa": _AUTHENTICATION,
    "sign_in_code": _AUTHENTICATION,
    "notice": DefaultTexts(EmailTemplate("Security notice", "A sign-in to your account was noticed."), ""),
}


def choose_email(purpose: Purpose, *, subject: str | None, message: str | None) -> EmailTemplate:
    """The pool's own texts where it has them, the defaults where not."""
    default = DEFAULT_TEXTS[purpose].email
    return EmailTemplate(subject or default.subject, message or default.message)


def choose_sms(purpose: Purpose, message: str | None) -> str:
    """The pool's own text where it has one, else the default."""
    return message or DEFAULT_TEXTS[purpose].sms


def carries_code(template: str) -> bool:
    """Whether a template shows the code or links to it; the service delivers nothing that does not (rules.md 9)."""
    return any(match["name"] == "####" or match["label"] is not None for match in _PLACEHOLDER.finditer(template))


def compose_email(template: EmailTemplate, fill: Fill) -> EmailContent:
    """Fill an e-mail in.

    DEVIATION: a body without any markup is sent as plain text; the service sends every body as HTML, which shows
    the same but for line breaks.
    """
    is_html = _MARKUP.search(template.message) is not None or (fill.link is not None and "{##" in template.message)
    body = _fill_in(template.message, fill, is_html=is_html)
    subject = " ".join(_fill_in(template.subject, fill, is_html=False).split())
    return EmailContent(subject, body, is_html)


def compose_sms(template: str, fill: Fill) -> str:
    """Fill an SMS in."""
    return _fill_in(template, fill, is_html=False)


def _fill_in(template: str, fill: Fill, *, is_html: bool) -> str:
    values = {**fill.more, "####": fill.code}
    if fill.username is not None:
        values["username"] = fill.username

    def replace(match: re.Match[str]) -> str:
        label: str | None = match["label"]
        if label is not None:
            return _link(label, fill.link, is_html=is_html)
        value = values.get(match["name"])
        if value is None:
            return match[0]
        return html.escape(value) if is_html else value

    return _PLACEHOLDER.sub(replace, template)


def _link(label: str, link: str | None, *, is_html: bool) -> str:
    if link is None:
        return label
    # The label is the template author's own markup, the address is not.
    return f'<a href="{html.escape(link)}">{label}</a>' if is_html else f"{label}: {link}"
