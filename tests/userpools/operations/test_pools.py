"""User pools by their operations, on every database (contract/operations.md "Pools", "MFA")."""

import asyncio
import re
from typing import Any

import msgspec
import pytest

from poolhouse.janitor import clear_leftovers
from poolhouse.model.cognito_idp_model import (
    AccountRecoverySettingType,
    AcrLevelConfigType,
    AddCustomAttributesRequest,
    AdminCreateUserConfigType,
    AdvancedSecurityAdditionalFlowsType,
    CreateGroupRequest,
    CreateUserPoolClientRequest,
    CreateUserPoolRequest,
    DcrConfigurationType,
    DeleteUserPoolRequest,
    DescribeUserPoolRequest,
    DeviceConfigurationType,
    EmailMfaConfigType,
    GetUserPoolMfaConfigRequest,
    InvalidParameterException,
    IssuerConfigurationType,
    KeyConfigurationType,
    LambdaConfigType,
    ListUserPoolsRequest,
    MessageTemplateType,
    PasswordPolicyType,
    RecoveryOptionType,
    ResourceNotFoundException,
    SchemaAttributeType,
    SetUserPoolMfaConfigRequest,
    SignInPolicyType,
    SmsMfaConfigType,
    SoftwareTokenMfaConfigType,
    UpdateUserPoolRequest,
    UserAttributeUpdateSettingsType,
    UsernameConfigurationType,
    UserPoolAddOnsType,
    UserPoolPolicyType,
    UserPoolType,
    VerificationMessageTemplateType,
    WebAuthnConfigurationType,
)
from poolhouse.storage.database import Batch
from poolhouse.storage.users import UserRow
from poolhouse.userpools.operations.clients import create_user_pool_client
from poolhouse.userpools.operations.groups import create_group
from poolhouse.userpools.operations.mfa_config import get_user_pool_mfa_config, set_user_pool_mfa_config
from poolhouse.userpools.operations.pools import (
    add_custom_attributes,
    create_user_pool,
    delete_user_pool,
    describe_user_pool,
    list_user_pools,
    update_user_pool,
)
from tests.house import House

GONE = "eu-west-1_gonegone1"


async def create(house: House, **members: Any) -> UserPoolType:
    answer = await create_user_pool(house.call(), CreateUserPoolRequest(pool_name="staff", **members))
    assert answer.user_pool is not None
    return answer.user_pool


async def describe(house: House, pool_id: str | None) -> UserPoolType:
    answer = await describe_user_pool(house.call(), DescribeUserPoolRequest(user_pool_id=pool_id or ""))
    assert answer.user_pool is not None
    return answer.user_pool


async def test_a_pool_that_says_nothing_has_the_defaults(house: House) -> None:
    pool = await create(house)
    shown = msgspec.to_builtins(await describe(house, pool.id))
    schema = shown.pop("SchemaAttributes")
    assert len(schema) == 20
    assert re.fullmatch(r"eu-west-1_[0-9A-Za-z]{9}", shown["Id"])
    assert shown == {
        "Id": pool.id,
        "Name": "staff",
        "Policies": {
            "PasswordPolicy": {
                "MinimumLength": 8,
                "RequireUppercase": True,
                "RequireLowercase": True,
                "RequireNumbers": True,
                "RequireSymbols": True,
                "TemporaryPasswordValidityDays": 7,
            },
            "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]},
        },
        "DeletionProtection": "INACTIVE",
        "LambdaConfig": {},
        "LastModifiedDate": house.clock.now,
        "CreationDate": house.clock.now,
        "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
        "MfaConfiguration": "OFF",
        "EstimatedNumberOfUsers": 0,
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "UserPoolTags": {},
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
        "Arn": f"arn:aws:cognito-idp:eu-west-1:000000000000:userpool/{pool.id}",
        "UserPoolTier": "ESSENTIALS",
    }


async def test_create_answers_what_describe_shows(house: House) -> None:
    pool = await create(house, user_pool_tags={"team": "a"}, deletion_protection="ACTIVE")
    assert pool == await describe(house, pool.id)


async def test_the_pool_of_the_seed_has_what_its_template_says(house: House) -> None:
    pool = await create(
        house,
        schema=[SchemaAttributeType(name="email", required=True, mutable=True)],
        auto_verified_attributes=["email"],
        admin_create_user_config=AdminCreateUserConfigType(allow_admin_create_user_only=True),
        policies=UserPoolPolicyType(
            password_policy=PasswordPolicyType(
                minimum_length=6,
                require_lowercase=True,
                require_uppercase=True,
                require_numbers=True,
                require_symbols=True,
                temporary_password_validity_days=15,
            )
        ),
        username_attributes=["email"],
        username_configuration=UsernameConfigurationType(case_sensitive=False),
        user_pool_tags={"Key": "App", "Value": "cognito-example"},
    )
    cached = await house.services.directory.pool(pool.id or "")
    assert cached.schema.required == ("email",)
    assert cached.case_sensitive is False
    assert cached.username_attributes == {"email"}
    assert cached.temporary_password_days == 15
    assert pool.admin_create_user_config == AdminCreateUserConfigType(
        allow_admin_create_user_only=True, unused_account_validity_days=15
    )
    assert pool.user_pool_tags == {"Key": "App", "Value": "cognito-example"}


async def test_a_new_pool_has_two_signing_keys(house: House) -> None:
    pool = await create(house)
    rows = await house.services.store.signing_keys.of_pool(pool.id or "")
    assert sorted(row.token_use for row in rows) == ["access", "id"]
    assert await house.services.signing.keys(pool.id or "") is not None


async def test_creating_and_changing_is_audited(house: House) -> None:
    pool = await create(house)
    house.clock.forward(1)
    await update_user_pool(house.call(), UpdateUserPoolRequest(user_pool_id=pool.id or ""))
    house.clock.forward(1)
    await delete_user_pool(house.call(), DeleteUserPoolRequest(user_pool_id=pool.id or ""))
    events = await house.services.store.audit.newest(pool.id or "", 10)
    assert [event.event for event in events] == ["DeleteUserPool", "UpdateUserPool", "CreateUserPool"]
    assert {event.actor for event in events} == {"arn:aws:iam::000000000000:root"}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (PasswordPolicyType(minimum_length=12), (12, False, False, False, False, 7)),
        (
            PasswordPolicyType(require_numbers=True, temporary_password_validity_days=0),
            (8, False, False, True, False, 7),
        ),
        (PasswordPolicyType(temporary_password_validity_days=365), (8, False, False, False, False, 365)),
    ],
)
async def test_a_given_password_policy_requires_what_it_says(
    house: House, given: PasswordPolicyType, shown: tuple[int, bool, bool, bool, bool, int]
) -> None:
    pool = await create(house, policies=UserPoolPolicyType(password_policy=given))
    assert pool.policies is not None
    policy = pool.policies.password_policy
    assert policy is not None
    assert shown == (
        policy.minimum_length,
        policy.require_uppercase,
        policy.require_lowercase,
        policy.require_numbers,
        policy.require_symbols,
        policy.temporary_password_validity_days,
    )


async def test_the_older_name_of_the_temporary_passwords_life_counts(house: House) -> None:
    config = AdminCreateUserConfigType(
        unused_account_validity_days=30,
        invite_message_template=MessageTemplateType(email_subject="Hello", email_message="{username} {####}"),
    )
    pool = await create(house, admin_create_user_config=config)
    assert (await house.services.directory.pool(pool.id or "")).temporary_password_days == 30
    assert pool.admin_create_user_config is not None
    assert pool.admin_create_user_config.invite_message_template == config.invite_message_template


async def test_verification_messages_have_an_old_and_a_new_name(house: House) -> None:
    pool = await create(
        house,
        email_verification_message="Code {####}",
        verification_message_template=VerificationMessageTemplateType(email_subject="Your code"),
    )
    assert pool.verification_message_template == VerificationMessageTemplateType(
        email_message="Code {####}", email_subject="Your code", default_email_option="CONFIRM_WITH_CODE"
    )
    assert (pool.email_verification_message, pool.email_verification_subject) == ("Code {####}", "Your code")


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"alias_attributes": ["email"], "username_attributes": ["email"]},
        "Only one of the aliasAttributes or usernameAttributes can be set in a user pool.",
    ),
    (
        {
            "auto_verified_attributes": ["phone_number"],
            "user_attribute_update_settings": UserAttributeUpdateSettingsType(
                attributes_require_verification_before_update=["email"]
            ),
        },
        "All attributes in AttributesRequireVerificationBeforeUpdate must exist in AutoVerifiedAttributes",
    ),
    (
        {
            "alias_attributes": ["preferred_username"],
            "schema": [SchemaAttributeType(name="preferred_username", required=True)],
        },
        "The preferred_username attribute cannot be both an alias and required.",
    ),
    (
        {
            "account_recovery_setting": AccountRecoverySettingType(
                recovery_mechanisms=[
                    RecoveryOptionType(priority=1, name="admin_only"),
                    RecoveryOptionType(priority=2, name="verified_email"),
                ]
            )
        },
        "The recovery mechanism admin_only cannot be combined with others.",
    ),
    (
        {
            "account_recovery_setting": AccountRecoverySettingType(
                recovery_mechanisms=[
                    RecoveryOptionType(priority=1, name="verified_phone_number"),
                    RecoveryOptionType(priority=1, name="verified_email"),
                ]
            )
        },
        "Recovery mechanisms must have different names and priorities.",
    ),
    (
        {
            "policies": UserPoolPolicyType(password_policy=PasswordPolicyType(temporary_password_validity_days=3)),
            "admin_create_user_config": AdminCreateUserConfigType(unused_account_validity_days=4),
        },
        "Please use TemporaryPasswordValidityDays in PasswordPolicy instead of UnusedAccountValidityDays",
    ),
    (
        {
            "email_verification_message": "a {####}",
            "verification_message_template": VerificationMessageTemplateType(email_message="b {####}"),
        },
        "EmailVerificationMessage and VerificationMessageTemplate must not differ.",
    ),
    (
        {
            "verification_message_template": VerificationMessageTemplateType(
                email_message="b {####}", email_message_by_link="c {##d##}"
            )
        },
        "Only one of EmailMessage or EmailMessageByLink can be set.",
    ),
    ({"user_pool_tags": {f"k{index}": "" for index in range(51)}}, "A resource cannot have more than 50 tags."),
    ({"user_pool_tags": {"AWS:x": ""}}, "Tag keys cannot start with aws:."),
    (
        {"user_pool_tags": {"poolhouse:issuer": "mine"}},
        "The tag poolhouse:issuer must be one of public, host, aws.",
    ),
    (
        {"schema": [SchemaAttributeType(name="x", attribute_data_type="String", required=True)]},
        "Required custom attributes are not supported currently.",
    ),
]


@pytest.mark.parametrize(("members", "message"), REFUSED)
async def test_settings_that_contradict_are_refused(house: House, members: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidParameterException) as refused:
        await create(house, **members)
    assert refused.value.message == message
    assert (await list_user_pools(house.call(), ListUserPoolsRequest(max_results=60))).user_pools == []


UNPROVIDED: list[dict[str, Any]] = [
    {"mfa_configuration": "ON"},
    {"mfa_configuration": "OPTIONAL"},
    {"lambda_config": LambdaConfigType(pre_sign_up="arn:aws:lambda:eu-west-1:000000000000:function:f")},
    {"lambda_config": LambdaConfigType(kms_key_id="arn:aws:kms:eu-west-1:000000000000:key/k")},
    {"user_pool_add_ons": UserPoolAddOnsType(advanced_security_mode="ENFORCED")},
    {"user_pool_add_ons": UserPoolAddOnsType(advanced_security_mode="AUDIT")},
    {
        "user_pool_add_ons": UserPoolAddOnsType(
            advanced_security_mode="OFF",
            advanced_security_additional_flows=AdvancedSecurityAdditionalFlowsType(custom_auth_mode="ENFORCED"),
        )
    },
    {"device_configuration": DeviceConfigurationType(challenge_required_on_new_device=True)},
    {"policies": UserPoolPolicyType(password_policy=PasswordPolicyType(password_history_size=3))},
    {
        "policies": UserPoolPolicyType(
            sign_in_policy=SignInPolicyType(allowed_first_auth_factors=["PASSWORD", "EMAIL_OTP"])
        )
    },
    {
        "key_configuration": KeyConfigurationType(
            key_type="CUSTOMER_MANAGED_KEY", kms_key_arn="arn:aws:kms:eu-west-1:000000000000:key/k"
        )
    },
    {"issuer_configuration": IssuerConfigurationType(type="UPDATED")},
    {"dcr_configuration": DcrConfigurationType()},
    {"dcr_configuration": DcrConfigurationType(enable_status="Disabled", open_dcr_enabled=True)},
    {"acr_configuration": {"Level1": AcrLevelConfigType(acr_value="urn:x")}},
    {"verification_message_template": VerificationMessageTemplateType(default_email_option="CONFIRM_WITH_LINK")},
]


@pytest.mark.parametrize("members", UNPROVIDED)
async def test_what_cannot_be_enforced_is_refused_and_not_recorded(house: House, members: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameterException, match="is not provided by this release: "):
        await create(house, **members)
    pool = await create(house)
    with pytest.raises(InvalidParameterException, match="is not provided by this release: "):
        await update_user_pool(house.call(), UpdateUserPoolRequest(user_pool_id=pool.id or "", **members))
    assert await describe(house, pool.id) == pool


async def test_the_same_settings_switched_off_are_accepted(house: House) -> None:
    pool = await create(
        house,
        mfa_configuration="OFF",
        lambda_config=LambdaConfigType(),
        user_pool_add_ons=UserPoolAddOnsType(advanced_security_mode="OFF"),
        device_configuration=DeviceConfigurationType(challenge_required_on_new_device=False),
        policies=UserPoolPolicyType(
            password_policy=PasswordPolicyType(password_history_size=0),
            sign_in_policy=SignInPolicyType(allowed_first_auth_factors=["PASSWORD"]),
        ),
        key_configuration=KeyConfigurationType(key_type="AWS_OWNED_KEY"),
        issuer_configuration=IssuerConfigurationType(type="ORIGINAL"),
        dcr_configuration=DcrConfigurationType(enable_status="Disabled"),
        acr_configuration={},
    )
    assert pool.user_pool_add_ons == UserPoolAddOnsType(advanced_security_mode="OFF")
    assert pool.mfa_configuration == "OFF"


async def test_an_update_resets_what_it_does_not_say(house: House) -> None:
    pool = await create(
        house,
        deletion_protection="ACTIVE",
        auto_verified_attributes=["email"],
        policies=UserPoolPolicyType(password_policy=PasswordPolicyType(minimum_length=20)),
        admin_create_user_config=AdminCreateUserConfigType(allow_admin_create_user_only=True),
        user_pool_tier="LITE",
        user_pool_tags={"team": "a"},
        schema=[SchemaAttributeType(name="team", attribute_data_type="String")],
        alias_attributes=["email"],
        username_configuration=UsernameConfigurationType(case_sensitive=False),
    )
    house.clock.forward(60)
    await update_user_pool(house.call(), UpdateUserPoolRequest(user_pool_id=pool.id or ""))
    default = await create(house)
    changed = await describe(house, pool.id)
    for member in ("deletion_protection", "auto_verified_attributes", "policies", "admin_create_user_config"):
        assert getattr(changed, member) == getattr(default, member)
    assert changed.user_pool_tier == "ESSENTIALS"
    for member in ("name", "schema_attributes", "alias_attributes", "username_configuration", "user_pool_tags", "arn"):
        assert getattr(changed, member) == getattr(pool, member)
    assert (changed.creation_date, changed.last_modified_date) == (pool.creation_date, house.clock.now)


async def test_an_update_changes_name_and_tags_when_it_says_so(house: House) -> None:
    pool = await create(house, user_pool_tags={"team": "a", "old": "b"})
    await update_user_pool(
        house.call(),
        UpdateUserPoolRequest(user_pool_id=pool.id or "", pool_name="others", user_pool_tags={"team": "c"}),
    )
    changed = await describe(house, pool.id)
    assert (changed.name, changed.user_pool_tags) == ("others", {"team": "c"})
    listed = (await list_user_pools(house.call(), ListUserPoolsRequest(max_results=1))).user_pools or []
    assert listed[0].name == "others"


async def test_a_change_is_seen_by_the_next_sign_in(house: House) -> None:
    pool = await create(house)
    assert (await house.services.directory.pool(pool.id or "")).temporary_password_days == 7
    policy = PasswordPolicyType(temporary_password_validity_days=2)
    request = UpdateUserPoolRequest(user_pool_id=pool.id or "", policies=UserPoolPolicyType(password_policy=policy))
    await update_user_pool(house.call(), request)
    assert (await house.services.directory.pool(pool.id or "")).temporary_password_days == 2


async def test_of_parallel_changes_none_is_lost(house: House) -> None:
    pool = await create(house)

    async def add(name: str) -> None:
        attribute = SchemaAttributeType(name=name, attribute_data_type="String")
        await add_custom_attributes(
            house.call(), AddCustomAttributesRequest(user_pool_id=pool.id or "", custom_attributes=[attribute])
        )

    await asyncio.gather(add("a"), add("b"), add("c"))
    names = {attribute.name for attribute in (await describe(house, pool.id)).schema_attributes or []}
    assert {"custom:a", "custom:b", "custom:c"} <= names


async def test_custom_attributes_are_added_and_never_twice(house: House) -> None:
    pool = await create(house)
    longest = SchemaAttributeType(name="x" * 20, attribute_data_type="Number", developer_only_attribute=True)
    request = AddCustomAttributesRequest(user_pool_id=pool.id or "", custom_attributes=[longest])
    await add_custom_attributes(house.call(), request)
    assert ((await describe(house, pool.id)).schema_attributes or [])[20].name == "dev:custom:" + "x" * 20
    with pytest.raises(InvalidParameterException) as refused:
        await add_custom_attributes(house.call(), request)
    name = "dev:custom:" + "x" * 20
    assert refused.value.message == f"{name}: Existing attribute already has name {name}."


async def test_sign_in_reads_a_pool_with_the_longest_names_and_foreign_letters(house: House) -> None:
    many = [SchemaAttributeType(name=f"{index:0>20}", attribute_data_type="String") for index in range(50)]
    pool = await create(house, schema=many, email_verification_message="Ваш код {####}")
    assert len((await house.services.directory.pool(pool.id or "")).schema.names) == 70


async def test_deletion_protection_protects(house: House) -> None:
    pool = await create(house, deletion_protection="ACTIVE")
    with pytest.raises(InvalidParameterException) as refused:
        await delete_user_pool(house.call(), DeleteUserPoolRequest(user_pool_id=pool.id or ""))
    assert refused.value.message == (
        "The user pool cannot be deleted because deletion protection is activated. "
        "Deletion protection must be inactivated first."
    )
    await update_user_pool(
        house.call(), UpdateUserPoolRequest(user_pool_id=pool.id or "", deletion_protection="INACTIVE")
    )
    await delete_user_pool(house.call(), DeleteUserPoolRequest(user_pool_id=pool.id or ""))
    with pytest.raises(ResourceNotFoundException):
        await describe(house, pool.id)


async def test_a_deleted_pool_takes_everything_with_it_and_leaves_others_alone(house: House) -> None:
    doomed, spared = (await create(house)).id or "", (await create(house)).id or ""
    clients: dict[str, str] = {}
    for pool_id in (doomed, spared):
        answer = await create_user_pool_client(
            house.call(), CreateUserPoolClientRequest(user_pool_id=pool_id, client_name="web")
        )
        assert answer.user_pool_client is not None
        clients[pool_id] = answer.user_pool_client.client_id or ""
        await house.services.directory.client(clients[pool_id])
        await create_group(house.call(), CreateGroupRequest(user_pool_id=pool_id, group_name="admins"))
        await add_user(house, pool_id)
    assert (await describe(house, doomed)).estimated_number_of_users == 1
    await delete_user_pool(house.call(), DeleteUserPoolRequest(user_pool_id=doomed))
    assert await house.services.directory.find_client(clients[doomed]) is None
    assert await house.services.signing.keys(doomed) is None
    await clear_leftovers(house.services.database, int(house.clock() * 1000))
    assert await house.services.store.groups.get(doomed, "admins") is None
    assert await house.services.store.users.count(doomed) == 0
    assert await house.services.directory.find_client(clients[spared]) is not None
    assert (await describe(house, spared)).estimated_number_of_users == 1


async def add_user(house: House, pool_id: str) -> None:
    batch = Batch()
    row = UserRow(
        pool_id=pool_id,
        user_id="7d44b3a6-0000-4000-8000-000000000001",
        username="ann",
        status="CONFIRMED",
        enabled=True,
        created_at=0,
        modified_at=0,
        attributes={},
        credential=None,
        credential_version=0,
        password_expires_at=None,
        generation=0,
    )
    house.services.store.users.insert(batch, row)
    await house.services.database.commit(batch)


async def test_pools_are_listed_in_pages_in_the_reduced_shape(house: House) -> None:
    created = sorted([(await create(house)).id or "" for _ in range(3)])
    first = await list_user_pools(house.call(), ListUserPoolsRequest(max_results=2))
    assert first.next_token is not None
    second = await list_user_pools(house.call(), ListUserPoolsRequest(max_results=2, next_token=first.next_token))
    assert second.next_token is None
    shown = [*(first.user_pools or []), *(second.user_pools or [])]
    assert [pool.id for pool in shown] == created
    assert set(msgspec.to_builtins(shown[0])) == {"Id", "Name", "LambdaConfig", "LastModifiedDate", "CreationDate"}


async def test_a_page_that_is_exactly_full_is_the_last(house: House) -> None:
    await create(house)
    assert (await list_user_pools(house.call(), ListUserPoolsRequest(max_results=1))).next_token is None


async def test_a_forged_page_token_is_refused(house: House) -> None:
    with pytest.raises(InvalidParameterException, match="Invalid pagination token"):
        await list_user_pools(house.call(), ListUserPoolsRequest(max_results=1, next_token="AAAA"))


async def test_a_pool_that_does_not_exist_is_named(house: House) -> None:
    attribute = SchemaAttributeType(name="x", attribute_data_type="String")
    for attempt in (
        describe_user_pool(house.call(), DescribeUserPoolRequest(user_pool_id=GONE)),
        update_user_pool(house.call(), UpdateUserPoolRequest(user_pool_id=GONE)),
        delete_user_pool(house.call(), DeleteUserPoolRequest(user_pool_id=GONE)),
        add_custom_attributes(
            house.call(), AddCustomAttributesRequest(user_pool_id=GONE, custom_attributes=[attribute])
        ),
        get_user_pool_mfa_config(house.call(), GetUserPoolMfaConfigRequest(user_pool_id=GONE)),
        set_user_pool_mfa_config(house.call(), SetUserPoolMfaConfigRequest(user_pool_id=GONE)),
    ):
        with pytest.raises(ResourceNotFoundException) as refused:
            await attempt
        assert refused.value.message == f"User pool {GONE} does not exist."


# -- multi-factor configuration -------------------------------------------------------------------------------


async def test_mfa_is_off_and_can_be_set_to_off(house: House) -> None:
    pool_id = (await create(house)).id or ""
    for setting in (None, "OFF"):
        answer = await set_user_pool_mfa_config(
            house.call(),
            SetUserPoolMfaConfigRequest(user_pool_id=pool_id, mfa_configuration=setting),
        )
        assert msgspec.to_builtins(answer) == {"MfaConfiguration": "OFF"}
    shown = await get_user_pool_mfa_config(house.call(), GetUserPoolMfaConfigRequest(user_pool_id=pool_id))
    assert msgspec.to_builtins(shown) == {"MfaConfiguration": "OFF"}


TOGETHER = "Invalid MFA configuration given, can't turn off MFA and configure an MFA together."
AT_LEAST_ONE = "At least one of [SmsMfaConfiguration] or [SoftwareTokenMfaConfiguration] must be provided."


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"software_token_mfa_configuration": SoftwareTokenMfaConfigType(enabled=False)}, TOGETHER),
        ({"mfa_configuration": "OFF", "sms_mfa_configuration": SmsMfaConfigType()}, TOGETHER),
        ({"mfa_configuration": "OFF", "email_mfa_configuration": EmailMfaConfigType()}, TOGETHER),
        ({"mfa_configuration": "ON"}, AT_LEAST_ONE),
        ({"mfa_configuration": "OPTIONAL"}, AT_LEAST_ONE),
        (
            {
                "mfa_configuration": "OPTIONAL",
                "software_token_mfa_configuration": SoftwareTokenMfaConfigType(enabled=True),
            },
            "MfaConfiguration OPTIONAL is not provided by this release: there is no multi-factor sign-in.",
        ),
        (
            {"web_authn_configuration": WebAuthnConfigurationType(relying_party_id="example.com")},
            "WebAuthnConfiguration is not provided by this release: there is no sign-in with passkeys.",
        ),
    ],
)
async def test_no_factor_can_be_turned_on(house: House, members: dict[str, Any], message: str) -> None:
    pool_id = (await create(house)).id or ""
    with pytest.raises(InvalidParameterException) as refused:
        await set_user_pool_mfa_config(house.call(), SetUserPoolMfaConfigRequest(user_pool_id=pool_id, **members))
    assert refused.value.message == message
