"""The message that brings a code, and what its asker is told of where it went (contract/rules.md §9).

Owns the choice of texts and the masking of addresses (contract/auth-flows.md §5). Knows no rule of who gets a code.
"""

from poolhouse.delivery.message import OutgoingMessage, Purpose
from poolhouse.delivery.templates import (
    DEFAULT_SENDER,
    Fill,
    carries_code,
    choose_email,
    choose_sms,
    compose_email,
    compose_sms,
)
from poolhouse.model.cognito_idp_model import CodeDeliveryDetailsType, VerificationMessageTemplateType
from poolhouse.userpools.codes import Destination
from poolhouse.userpools.directory import Pool


def code_message(pool: Pool, destination: Destination, purpose: Purpose, code: str, expires_at: int) -> OutgoingMessage:
    """The code on its way to `destination`, useful until `expires_at` (epoch milliseconds)."""
    template = pool.settings.verification_message_template or VerificationMessageTemplateType()
    fill = Fill(code=code)
    if destination.attribute == "email":
        return _email(pool, template, destination.address, purpose, fill, expires_at)
    return OutgoingMessage(
        pool_id=pool.pool_id,
        channel="SMS",
        recipient=destination.address,
        sender="",
        subject=None,
        body=compose_sms(choose_sms(purpose, _with_code(template.sms_message)), fill),
        html=False,
        purpose=purpose,
        code=code,
        useful_until=expires_at / 1000,
    )


def _email(
    pool: Pool,
    template: VerificationMessageTemplateType,
    recipient: str,
    purpose: Purpose,
    fill: Fill,
    expires_at: int,
) -> OutgoingMessage:
    chosen = choose_email(purpose, subject=template.email_subject, message=_with_code(template.email_message))
    content = compose_email(chosen, fill)
    configuration = pool.settings.email_configuration
    return OutgoingMessage(
        pool_id=pool.pool_id,
        channel="EMAIL",
        recipient=recipient,
        sender=(configuration.from_ if configuration else None) or DEFAULT_SENDER,
        subject=content.subject,
        body=content.body,
        html=content.html,
        purpose=purpose,
        code=fill.code,
        useful_until=expires_at / 1000,
    )


def _with_code(template: str | None) -> str | None:
    """A pool's own text, unless it would not say the code: then the default serves its reader better."""
    return template if template is not None and carries_code(template) else None


def delivery_details(destination: Destination) -> CodeDeliveryDetailsType:
    """What is told of where a code went."""
    if destination.attribute == "email":
        return CodeDeliveryDetailsType(
            destination=mask_email(destination.address), delivery_medium="EMAIL", attribute_name="email"
        )
    return CodeDeliveryDetailsType(
        destination=mask_phone_number(destination.address), delivery_medium="SMS", attribute_name="phone_number"
    )


def mask_email(address: str) -> str:
    """`t***@e***`: the first letters of name and domain.

    In small letters: an address that was typed in capitals must look the same whether it is stored or simulated.
    """
    name, _, domain = address.lower().partition("@")
    return f"{name[:1]}***@{domain[:1]}***"


def mask_phone_number(number: str) -> str:
    """`+*******1234`: always seven stars, and the last four digits."""
    return f"+*******{number[-4:]}" if len(number) > 4 else "+*******"
