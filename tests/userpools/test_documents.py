"""Stored settings stay readable whatever the model's constraints say."""

from poolhouse.model.cognito_idp_model import (
    AccountRecoverySettingType,
    EmailConfigurationType,
    RecoveryOptionType,
    SchemaAttributeType,
    UserPoolClientType,
    UserPoolType,
    VerificationMessageTemplateType,
)
from poolhouse.userpools.documents import read_document, write_document


def test_what_is_longer_than_the_door_allows_comes_back() -> None:
    pool = UserPoolType(
        id="eu-west-1_abcdefghi",
        schema_attributes=[SchemaAttributeType(name="dev:custom:" + "x" * 20, mutable=False)] * 70,
        email_verification_message="Ваш код {####} 🐟",
        verification_message_template=VerificationMessageTemplateType(sms_message="код {####}"),
        email_configuration=EmailConfigurationType(from_="Ann <ann@example.com>"),
        account_recovery_setting=AccountRecoverySettingType(
            recovery_mechanisms=[RecoveryOptionType(priority=1, name="verified_email")]
        ),
        user_pool_tags={"a": ""},
        creation_date=1_700_000_000.5,
        auto_verified_attributes=[],
    )
    assert read_document(UserPoolType, write_document(pool)) == pool


def test_absent_members_stay_absent_and_unknown_ones_are_ignored() -> None:
    assert write_document(UserPoolClientType(client_id="x")) == '{"ClientId":"x"}'
    assert read_document(UserPoolClientType, '{"ClientId":"x","FromTheFuture":[1]}') == UserPoolClientType(
        client_id="x"
    )
