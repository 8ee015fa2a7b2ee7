"""The message that brings a new user their temporary password (contract/rules.md §9)."""

from poolhouse.call import Call
from poolhouse.delivery.message import OutgoingMessage
from poolhouse.delivery.templates import (
    DEFAULT_SENDER,
    Fill,
    carries_code,
    choose_email,
    choose_sms,
    compose_email,
    compose_sms,
)
from poolhouse.model.cognito_idp_model import MessageTemplateType
from poolhouse.storage.database import Batch
from poolhouse.telemetry.log import get_logger
from poolhouse.userpools.directory import Pool

log = get_logger(__name__)


def invite(
    call: Call,
    pool: Pool,
    batch: Batch,
    *,
    username: str,
    attributes: dict[str, str],
    password: str,
    expires_at: int,
    mediums: list[str],
) -> None:
    """Send the temporary password over each wanted medium for which the user has an address.

    `username` is what the user signs in with; `expires_at` is epoch milliseconds.
    """
    administration = pool.settings.admin_create_user_config
    template = administration.invite_message_template if administration else None
    fill = Fill(code=password, username=username)
    email, phone = attributes.get("email"), attributes.get("phone_number")
    messages: list[OutgoingMessage] = []
    if "EMAIL" in mediums and email:
        messages.extend(_email(pool, template, fill, email, expires_at))
    if "SMS" in mediums and phone:
        messages.extend(_sms(pool, template, fill, phone, expires_at))
    for message in messages:
        call.services.outbox.add(batch, message)
    if not messages:
        log.warning("invitation_not_deliverable", pool_id=pool.pool_id, mediums=mediums, request_id=call.request_id)


def _email(
    pool: Pool, template: MessageTemplateType | None, fill: Fill, recipient: str, expires_at: int
) -> list[OutgoingMessage]:
    chosen = choose_email(
        "invitation",
        subject=template.email_subject if template else None,
        message=template.email_message if template else None,
    )
    if not carries_code(chosen.message):
        return []  # the service delivers no invitation that does not say the password
    content = compose_email(chosen, fill)
    configuration = pool.settings.email_configuration
    return [
        OutgoingMessage(
            pool_id=pool.pool_id,
            channel="EMAIL",
            recipient=recipient,
            sender=(configuration.from_ if configuration else None) or DEFAULT_SENDER,
            subject=content.subject,
            body=content.body,
            html=content.html,
            purpose="invitation",
            code=fill.code,
            useful_until=expires_at / 1000,
        )
    ]


def _sms(
    pool: Pool, template: MessageTemplateType | None, fill: Fill, recipient: str, expires_at: int
) -> list[OutgoingMessage]:
    chosen = choose_sms("invitation", template.sms_message if template else None)
    if not carries_code(chosen):
        return []
    return [
        OutgoingMessage(
            pool_id=pool.pool_id,
            channel="SMS",
            recipient=recipient,
            sender="",
            subject=None,
            body=compose_sms(chosen, fill),
            html=False,
            purpose="invitation",
            code=fill.code,
            useful_until=expires_at / 1000,
        )
    ]
