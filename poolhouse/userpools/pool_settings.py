"""A pool's settings: the defaults of what is not said, and which settings go together.

Pure: requests in, the pool as DescribeUserPool shows it out (contract/operations.md "Pools", rules.md sections 1, 4).
Knows no storage; the schema's own rules are in attribute_definitions.
"""

from collections.abc import Sequence

from msgspec import structs

from poolhouse.model.cognito_idp_model import (
    AccountRecoverySettingType,
    AdminCreateUserConfigType,
    CreateUserPoolRequest,
    EmailConfigurationType,
    InvalidParameterException,
    LambdaConfigType,
    PasswordPolicyType,
    SchemaAttributeType,
    SignInPolicyType,
    UpdateUserPoolRequest,
    UserPoolPolicyType,
    UserPoolType,
    VerificationMessageTemplateType,
)
from poolhouse.userpools.attribute_definitions import define_schema
from poolhouse.userpools.pool_tags import check_tags
from poolhouse.userpools.unprovided import refuse_unprovided

TEMPORARY_PASSWORD_DAYS = 7
MINIMUM_LENGTH = 8

_Request = CreateUserPoolRequest | UpdateUserPoolRequest


def new_pool(request: CreateUserPoolRequest, *, pool_id: str, arn: str, now: float) -> UserPoolType:
    """The settings of a pool that is created now (epoch seconds). Raises InvalidParameterException."""
    _check_names(request)
    schema = define_schema(request.schema or ())
    _check_preferred_username(request, schema)
    return structs.replace(
        _configured(request),
        id=pool_id,
        arn=arn,
        name=request.pool_name,
        creation_date=now,
        last_modified_date=now,
        schema_attributes=schema,
        alias_attributes=request.alias_attributes,
        username_attributes=request.username_attributes,
        username_configuration=request.username_configuration,
        user_pool_tags=check_tags(request.user_pool_tags or {}),
    )


def changed_pool(current: UserPoolType, request: UpdateUserPoolRequest) -> UserPoolType:
    """The settings after an update: what it does not say goes back to its default (operations.md, UpdateUserPool).

    Name and tags stay when they are not said: they have no default, and tags have operations of their own.
    Raises InvalidParameterException.
    """
    tags = current.user_pool_tags if request.user_pool_tags is None else check_tags(request.user_pool_tags)
    return structs.replace(
        _configured(request),
        id=current.id,
        arn=current.arn,
        name=request.pool_name or current.name,
        creation_date=current.creation_date,
        last_modified_date=current.last_modified_date,
        schema_attributes=current.schema_attributes,
        alias_attributes=current.alias_attributes,
        username_attributes=current.username_attributes,
        username_configuration=current.username_configuration,
        user_pool_tags=tags,
    )


def _configured(request: _Request) -> UserPoolType:
    """What CreateUserPool and UpdateUserPool say in the same words."""
    _check_verification(request)
    _check_recovery(request.account_recovery_setting)
    refuse_unprovided(request)
    days = _temporary_days(request)
    template = _verification_template(request)
    return UserPoolType(
        policies=_policies(request.policies, days),
        deletion_protection=request.deletion_protection or "INACTIVE",
        lambda_config=LambdaConfigType(),
        auto_verified_attributes=request.auto_verified_attributes,
        sms_verification_message=template.sms_message,
        email_verification_message=template.email_message,
        email_verification_subject=template.email_subject,
        verification_message_template=template,
        sms_authentication_message=request.sms_authentication_message,
        user_attribute_update_settings=request.user_attribute_update_settings,
        mfa_configuration="OFF",
        device_configuration=request.device_configuration,
        email_configuration=_email_configuration(request.email_configuration),
        sms_configuration=request.sms_configuration,
        admin_create_user_config=_administration(request.admin_create_user_config, days),
        user_pool_add_ons=request.user_pool_add_ons,
        account_recovery_setting=request.account_recovery_setting,
        user_pool_tier=request.user_pool_tier or "ESSENTIALS",
        key_configuration=request.key_configuration,
        issuer_configuration=request.issuer_configuration,
    )


def _temporary_days(request: _Request) -> int:
    """0 means the default (rules.md section 3). UnusedAccountValidityDays is the setting's older name."""
    policy = request.policies.password_policy if request.policies is not None else None
    config = request.admin_create_user_config
    said = (policy.temporary_password_validity_days if policy is not None else None) or None
    older = (config.unused_account_validity_days if config is not None else None) or None
    if said is not None and older is not None and said != older:
        raise InvalidParameterException(
            "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays"
        )
    return said or older or TEMPORARY_PASSWORD_DAYS


def _policies(given: UserPoolPolicyType | None, days: int) -> UserPoolPolicyType:
    policy = given.password_policy if given is not None else None
    # Without a policy everything is required; in a policy that is given, an absent requirement is a false one.
    demanding = policy is None
    policy = policy or PasswordPolicyType()
    return UserPoolPolicyType(
        password_policy=PasswordPolicyType(
            minimum_length=policy.minimum_length or MINIMUM_LENGTH,
            require_uppercase=demanding or policy.require_uppercase is True,
            require_lowercase=demanding or policy.require_lowercase is True,
            require_numbers=demanding or policy.require_numbers is True,
            require_symbols=demanding or policy.require_symbols is True,
            temporary_password_validity_days=days,
        ),
        sign_in_policy=SignInPolicyType(allowed_first_auth_factors=["PASSWORD"]),
    )


def _administration(given: AdminCreateUserConfigType | None, days: int) -> AdminCreateUserConfigType:
    return AdminCreateUserConfigType(
        allow_admin_create_user_only=given is not None and given.allow_admin_create_user_only is True,
        unused_account_validity_days=days,
        invite_message_template=given.invite_message_template if given is not None else None,
    )


def _email_configuration(given: EmailConfigurationType | None) -> EmailConfigurationType:
    given = given or EmailConfigurationType()
    return structs.replace(given, email_sending_account=given.email_sending_account or "COGNITO_DEFAULT")


def _verification_template(request: _Request) -> VerificationMessageTemplateType:
    """The verification messages under their new and their old names, which must not contradict each other."""
    given = request.verification_message_template or VerificationMessageTemplateType()
    if given.email_message is not None and given.email_message_by_link is not None:
        raise InvalidParameterException("Only one of EmailMessage or EmailMessageByLink can be set.")
    return structs.replace(
        given,
        default_email_option=given.default_email_option or "CONFIRM_WITH_CODE",
        sms_message=_same("SmsVerificationMessage", request.sms_verification_message, given.sms_message),
        email_message=_same("EmailVerificationMessage", request.email_verification_message, given.email_message),
        email_subject=_same("EmailVerificationSubject", request.email_verification_subject, given.email_subject),
    )


def _same(name: str, old: str | None, new: str | None) -> str | None:
    if old is not None and new is not None and old != new:
        raise InvalidParameterException(f"{name} and VerificationMessageTemplate must not differ.")
    return old if new is None else new


def _check_names(request: CreateUserPoolRequest) -> None:
    if request.alias_attributes and request.username_attributes:
        raise InvalidParameterException(
            "Only one of the aliasAttributes or usernameAttributes can be set in a user pool."
        )


def _check_preferred_username(request: CreateUserPoolRequest, schema: Sequence[SchemaAttributeType]) -> None:
    required = any(attribute.name == "preferred_username" and attribute.required for attribute in schema)
    # An alias is given after confirmation, a required attribute before (rules.md section 1).
    if required and "preferred_username" in (request.alias_attributes or ()):
        raise InvalidParameterException("The preferred_username attribute cannot be both an alias and required.")


def _check_verification(request: _Request) -> None:
    update = request.user_attribute_update_settings
    before = (update.attributes_require_verification_before_update if update is not None else None) or ()
    if not set(before) <= set(request.auto_verified_attributes or ()):
        raise InvalidParameterException(
            "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes"
        )


def _check_recovery(setting: AccountRecoverySettingType | None) -> None:
    mechanisms = (setting.recovery_mechanisms if setting is not None else None) or []
    names = [mechanism.name for mechanism in mechanisms]
    if "admin_only" in names and len(names) > 1:
        raise InvalidParameterException("The recovery mechanism admin_only cannot be combined with others.")
    if len(set(names)) < len(names) or len({mechanism.priority for mechanism in mechanisms}) < len(mechanisms):
        raise InvalidParameterException("Recovery mechanisms must have different names and priorities.")
