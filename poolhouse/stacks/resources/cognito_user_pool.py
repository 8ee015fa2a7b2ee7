"""AWS::Cognito::UserPool, by way of the pool operations.

Owns how the type's properties become requests, and which of its changes would cost users.
"""

from collections.abc import Iterable, Sequence

import msgspec

from poolhouse.model.cognito_idp_model import (
    OPERATIONS,
    SERVICE,
    AddCustomAttributesRequest,
    CreateUserPoolRequest,
    DeleteUserPoolRequest,
    DescribeUserPoolRequest,
    ResourceNotFoundException,
    SchemaAttributeType,
    SetUserPoolMfaConfigRequest,
    UpdateUserPoolRequest,
    UserPoolType,
)
from poolhouse.stacks.errors import Fault
from poolhouse.stacks.resource import Context, Effect, Handler, Made, Resource, ResourceType
from poolhouse.stacks.resources.service_model import constraint_faults, decoder_of, members_of
from poolhouse.stacks.schema import Choice, Entries, Items, Judge, Property, Scalar, Update, Verdict
from poolhouse.stacks.template import JsonValue, Tree
from poolhouse.userpools.operations.mfa_config import set_user_pool_mfa_config
from poolhouse.userpools.operations.pools import (
    add_custom_attributes,
    create_user_pool,
    delete_user_pool,
    describe_user_pool,
    update_user_pool,
)

_NAMES = {"PoolName": "UserPoolName"}
_CREATE_ONLY = frozenset({"AliasAttributes", "UsernameAttributes", "UsernameConfiguration", "Schema"})
_MFA = frozenset(
    {
        *("EnabledMfas", "EmailAuthenticationMessage", "EmailAuthenticationSubject"),
        *("WebAuthnRelyingPartyID", "WebAuthnUserVerification", "WebAuthnFactorConfiguration"),
    }
)
_DECODER = decoder_of(OPERATIONS["CreateUserPool"], SERVICE)


def _members(context: Context, properties: Tree) -> Tree:
    """The properties as members of CreateUserPool."""
    members = {name: value for name, value in properties.items() if name not in _MFA and name != "UserPoolName"}
    members["PoolName"] = properties.get("UserPoolName") or context.generated_name(128)
    if _MFA & properties.keys():
        members.pop("MfaConfiguration", None)  # set together with its factors, without which it would be refused
    return members


def _mfa_request(pool_id: str, properties: Tree) -> SetUserPoolMfaConfigRequest:
    """The second factors and passkeys, which have an operation of their own."""
    enabled = properties.get("EnabledMfas")
    factors = enabled if isinstance(enabled, list) else []
    mode = properties.get("MfaConfiguration") or "OFF"
    members: Tree = {"UserPoolId": pool_id, "MfaConfiguration": mode}
    if mode != "OFF" or "SOFTWARE_TOKEN_MFA" in factors:  # the operation takes OFF only without factors
        members["SoftwareTokenMfaConfiguration"] = {"Enabled": "SOFTWARE_TOKEN_MFA" in factors}
    if "SMS_MFA" in factors:
        members["SmsMfaConfiguration"] = _present(
            SmsAuthenticationMessage=properties.get("SmsAuthenticationMessage"),
            SmsConfiguration=properties.get("SmsConfiguration"),
        )
    if "EMAIL_OTP" in factors:
        members["EmailMfaConfiguration"] = _present(
            Message=properties.get("EmailAuthenticationMessage"), Subject=properties.get("EmailAuthenticationSubject")
        )
    web_authn = _present(
        RelyingPartyId=properties.get("WebAuthnRelyingPartyID"),
        UserVerification=properties.get("WebAuthnUserVerification"),
        FactorConfiguration=properties.get("WebAuthnFactorConfiguration"),
    )
    if web_authn:
        members["WebAuthnConfiguration"] = web_authn
    return msgspec.convert(members, SetUserPoolMfaConfigRequest)


def _present(**members: JsonValue) -> Tree:
    return {name: value for name, value in members.items() if value is not None}


class _UserPool(Handler):
    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        return constraint_faults(context, _DECODER, _members(context, properties), _NAMES)

    async def create(self, context: Context, properties: Tree) -> Made:
        request = msgspec.convert(_members(context, properties), CreateUserPoolRequest)
        response = await create_user_pool(context.call, request)
        assert response.user_pool is not None
        assert response.user_pool.id is not None
        if _MFA & properties.keys():
            await set_user_pool_mfa_config(context.call, _mfa_request(response.user_pool.id, properties))
        return _made(context, response.user_pool)

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        pool_id = current.physical_id
        pool = await _describe(context, pool_id)
        wanted = _members(context, properties)
        await self._extend_schema(context, pool, wanted)
        members = {name: value for name, value in wanted.items() if name not in _CREATE_ONLY}
        members["UserPoolId"] = pool_id
        members.setdefault("UserPoolTags", {})
        await update_user_pool(context.call, msgspec.convert(members, UpdateUserPoolRequest))
        if _MFA & (properties.keys() | current.properties.keys()):
            await set_user_pool_mfa_config(context.call, _mfa_request(pool_id, properties))
        return _made(context, pool)

    async def _extend_schema(self, context: Context, pool: UserPoolType, wanted: Tree) -> None:
        """Add the attributes that the pool does not have yet; one that it has stays, also when taking a change back."""
        schema = msgspec.convert(wanted.get("Schema") or [], list[SchemaAttributeType])
        have = {attribute.name for attribute in pool.schema_attributes or []}
        fresh = [one for one in schema if have.isdisjoint({one.name, f"custom:{one.name}", f"dev:custom:{one.name}"})]
        if fresh:
            request = AddCustomAttributesRequest(user_pool_id=pool.id or "", custom_attributes=fresh)
            await add_custom_attributes(context.call, request)

    async def delete(self, context: Context, current: Resource) -> None:
        try:
            await delete_user_pool(context.call, DeleteUserPoolRequest(user_pool_id=current.physical_id))
        except ResourceNotFoundException:
            return

    def claim(self, effects: Sequence[Effect], properties: Tree) -> str | None:
        return next((key for topic, key in effects if topic == "pool"), None)

    async def contents(self, context: Context, current: Resource) -> str:
        try:
            pool = await _describe(context, current.physical_id)
        except ResourceNotFoundException:
            return ""
        count = pool.estimated_number_of_users or 0
        return f"{count} user{'s' * (count != 1)}" if count else ""

    def review(self, context: Context, resource: Resource, others: Iterable[Resource]) -> Sequence[Fault]:
        tags = resource.properties.get("UserPoolTags")
        if isinstance(tags, dict) and tags.keys() == {"Key", "Value"}:
            message = "UserPoolTags gives the pool two tags, named Key and Value"
            return [context.fault(message, "UserPoolTags", advice=f"to tag it {tags['Key']}, write {tags['Key']}: …")]
        return ()


async def _describe(context: Context, pool_id: str) -> UserPoolType:
    response = await describe_user_pool(context.call, DescribeUserPoolRequest(user_pool_id=pool_id))
    assert response.user_pool is not None
    return response.user_pool


def _made(context: Context, pool: UserPoolType) -> Made:
    provider = f"cognito-idp.{context.place.region}.amazonaws.com/{pool.id}"
    attributes: Tree = {
        "Arn": pool.arn,
        "ProviderName": provider,
        "ProviderURL": f"https://{provider}",
        "UserPoolId": pool.id,
    }
    return Made(pool.id or "", attributes)


def _fixed(name: str) -> Judge:
    def judge(old: JsonValue, new: JsonValue) -> Verdict:
        return Verdict(Update.REFUSED, f"{name} of a user pool cannot change")

    return judge


def _judge_case(old: JsonValue, new: JsonValue) -> Verdict:
    def sensitive(value: JsonValue) -> bool:
        return value.get("CaseSensitive") is not False if isinstance(value, dict) else True

    if sensitive(old) == sensitive(new):
        return Verdict(Update.IN_PLACE)
    return Verdict(Update.REFUSED, "UsernameConfiguration of a user pool cannot change")


def _judge_schema(old: JsonValue, new: JsonValue) -> Verdict:
    before, after = _by_name(old), _by_name(new)
    for name, definition in before.items():
        if after.get(name) != definition:
            what = "modified" if name in after else "deleted"
            why = f"the schema attribute {name} would be {what}, and existing schema attributes cannot be"
            return Verdict(Update.REFUSED, why)
    added = [name for name in after if name not in before]
    if standard := [name for name in added if name in STANDARD]:
        why = f"the standard attribute {', '.join(standard)} can only be described when the pool is made"
        return Verdict(Update.REFUSED, why)
    return Verdict(Update.IN_PLACE)


STANDARD = frozenset(
    {
        *("address", "birthdate", "email", "email_verified", "family_name", "gender", "given_name", "locale"),
        *("middle_name", "name", "nickname", "phone_number", "phone_number_verified", "picture"),
        *("preferred_username", "profile", "sub", "updated_at", "website", "zoneinfo"),
    }
)
"""The attributes that every pool has (OpenID Connect Core 1.0 section 5.1; rules.md section 2)."""


def _by_name(schema: JsonValue) -> dict[str, Tree]:
    defaults: Tree = {
        "AttributeDataType": "String",
        "Mutable": True,
        "Required": False,
        "DeveloperOnlyAttribute": False,
    }
    entries = [one for one in schema if isinstance(one, dict)] if isinstance(schema, list) else []
    return {str(one.get("Name")): {**defaults, **one} for one in entries}


def _properties() -> dict[str, Property]:
    judges: dict[str, Judge] = {
        "AliasAttributes": _fixed("AliasAttributes"),
        "UsernameAttributes": _fixed("UsernameAttributes"),
        "UsernameConfiguration": _judge_case,
        "Schema": _judge_schema,
    }
    properties = {
        _NAMES.get(name, name): Property(kind, update=judges.get(name, Update.IN_PLACE))
        for name, kind in members_of(CreateUserPoolRequest).items()
    }
    properties["UserPoolTags"] = Property(Entries(Scalar.TEXT))
    properties["EnabledMfas"] = Property(Items(Choice(("SMS_MFA", "SOFTWARE_TOKEN_MFA", "EMAIL_OTP"))))
    for name in sorted(_MFA - {"EnabledMfas"}):
        properties[name] = Property(Scalar.TEXT)
    return properties


USER_POOL = ResourceType(
    name="AWS::Cognito::UserPool",
    properties=_properties(),
    handler=_UserPool(),
    attributes=frozenset({"Arn", "ProviderName", "ProviderURL", "UserPoolId"}),
    precious="its users",
)
