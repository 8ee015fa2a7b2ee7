"""Requests that break the model: the whole report, in the service's words (operations.md VALID)."""

import json
from typing import get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolhouse.model.catalogue import model
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminGetUserRequest,
    AttributeType,
    ForgotPasswordRequest,
    InitiateAuthRequest,
    InvalidParameterException,
    ListUserPoolsRequest,
)
from poolhouse.model.errors import SerializationException, ServiceError, ValidationError, ValidationException
from poolhouse.model.rules import Rule, rule_of
from poolhouse.model.validation import RequestDecoder, broken

POOL = "us-east-1_o9y9Yq5pO"
SIGNS = r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+"


def decoder(operation: str, service: str = "cognito-idp") -> RequestDecoder:
    found = model(service)
    return RequestDecoder(found.operations[operation], found.service)


def refusal(operation: str, request: object, service: str = "cognito-idp") -> ServiceError:
    body = request if isinstance(request, bytes) else json.dumps(request).encode()
    with pytest.raises(ServiceError) as caught:
        decoder(operation, service).decode(body)
    return caught.value


def violations(operation: str, request: object, service: str = "cognito-idp") -> list[str]:
    message = refusal(operation, request, service).message
    count, _, rest = message.partition(" validation ")
    noun, _, report = rest.partition(" detected: ")
    found = report.split("; ")
    assert (int(count), noun) == (len(found), "error" if len(found) == 1 else "errors")
    return [item.replace(" failed to satisfy constraint: ", " | ") for item in found]


CASES = [
    (
        "AdminGetUser",
        {"UserPoolId": "x", "Username": "alice"},
        [r"Value 'x' at 'userPoolId' | Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+"],
    ),
    (
        "GetUserAttributeVerificationCode",
        {"AccessToken": "a.b.c"},
        ["Value null at 'attributeName' | Member must not be null"],
    ),
    (
        "AdminGetUser",
        {},
        [
            "Value null at 'userPoolId' | Member must not be null",
            "Value at 'username' | Member must not be null",
        ],
    ),
    (
        "AdminGetUser",
        {"UserPoolId": None, "Username": "alice"},
        ["Value null at 'userPoolId' | Member must not be null"],
    ),
    (
        "SignUp",
        {"ClientId": "abc", "Username": "", "Password": "a b"},
        [
            "Value at 'username' | Member must have length greater than or equal to 1",
            rf"Value at 'username' | Member must satisfy regular expression pattern: {SIGNS}",
            r"Value at 'password' | Member must satisfy regular expression pattern: [\S]+",
        ],
    ),
    (
        "SignUp",
        {"ClientId": "ap-northeast-1_xxxxxxxxx", "Username": "a"},
        [r"Value 'ap-northeast-1_xxxxxxxxx' at 'clientId' | Member must satisfy regular expression pattern: [\w+]+"],
    ),
    (
        "SignUp",
        {"ClientId": "c", "Username": "u" * 129},
        ["Value at 'username' | Member must have length less than or equal to 128"],
    ),
    (
        "AdminUpdateUserAttributes",
        {"UserPoolId": POOL, "Username": "a", "UserAttributes": [{"Name": "ok"}, {"Name": ""}, {"Value": "x" * 2049}]},
        [
            "Value '' at 'userAttributes.2.member.name' | Member must have length greater than or equal to 1",
            r"Value '' at 'userAttributes.2.member.name' | Member must satisfy regular expression pattern: "
            r"[\p{L}\p{M}\p{S}\p{N}\p{P}\t\n\r ]+",
            "Value null at 'userAttributes.3.member.name' | Member must not be null",
            "Value at 'userAttributes.3.member.value' | Member must have length less than or equal to 2048",
        ],
    ),
    (
        "AdminUpdateUserAttributes",
        {"UserPoolId": POOL, "Username": "a", "UserAttributes": [None]},
        ["Value at 'userAttributes.1.member' | Member must not be null"],
    ),
    (
        "InitiateAuth",
        {"ClientId": "c", "AuthFlow": "NO"},
        [
            "Value 'NO' at 'authFlow' | Member must satisfy enum value set: [USER_SRP_AUTH, REFRESH_TOKEN_AUTH, "
            "REFRESH_TOKEN, CUSTOM_AUTH, ADMIN_NO_SRP_AUTH, USER_PASSWORD_AUTH, ADMIN_USER_PASSWORD_AUTH, USER_AUTH]"
        ],
    ),
    (
        "ListUserPools",
        {"MaxResults": 0},
        ["Value '0' at 'maxResults' | Member must have value greater than or equal to 1"],
    ),
    (
        "ListUserPools",
        {"MaxResults": 61},
        ["Value '61' at 'maxResults' | Member must have value less than or equal to 60"],
    ),
    (
        "UpdateUserPoolClient",
        {"UserPoolId": POOL, "ClientId": "c", "CallbackURLs": ["https://a", ""]},
        [
            "Value '[https://a, ]' at 'callbackURLs' | Member must satisfy constraint: [Member must have length "
            "less than or equal to 1024, Member must have length greater than or equal to 1, Member must satisfy "
            rf"regular expression pattern: {SIGNS}]"
        ],
    ),
    (
        "UpdateUserPoolClient",
        {"UserPoolId": POOL, "ClientId": "c", "AllowedOAuthFlows": ["code", "x"]},
        [
            "Value '[code, x]' at 'allowedOAuthFlows' | Member must satisfy constraint: [Member must satisfy enum "
            "value set: [code, implicit, client_credentials]]"
        ],
    ),
    (
        "UpdateUserPoolClient",
        {"UserPoolId": POOL, "ClientId": "c", "AllowedOAuthFlows": ["code", "code", "code", "code"]},
        ["Value '[code, code, code, code]' at 'allowedOAuthFlows' | Member must have length less than or equal to 3"],
    ),
    (
        "TagResource",
        {"ResourceArn": "arn:aws:cognito-idp:eu-west-1:123456789012:userpool/x", "Tags": {"": "v", "k": "v" * 257}},
        [
            f"Value '{{=v, k={'v' * 257}}}' at 'tags' | Map keys must satisfy constraint: [Member must have length "
            "less than or equal to 128, Member must have length greater than or equal to 1]",
            f"Value '{{=v, k={'v' * 257}}}' at 'tags' | Map value must satisfy constraint: [Member must have length "
            "less than or equal to 256, Member must have length greater than or equal to 0]",
        ],
    ),
    (
        "CreateUserPool",
        {"PoolName": "p", "LambdaConfig": {"CustomMessage": "f"}, "Policies": {"PasswordPolicy": {"MinimumLength": 5}}},
        [
            "Value '5' at 'policies.passwordPolicy.minimumLength' | Member must have value greater than or equal to 6",
            "Value 'f' at 'lambdaConfig.customMessage' | Member must have length greater than or equal to 20",
            "Value 'f' at 'lambdaConfig.customMessage' | Member must satisfy regular expression pattern: "
            r"arn:[\w+=/,.@-]+:[\w+=/,.@-]+:([\w+=/,.@-]*)?:[0-9]+:[\w+=/,.@-]+(:[\w+=/,.@-]+)?(:[\w+=/,.@-]+)?",
        ],
    ),
    (
        "SetUICustomization",
        {"UserPoolId": POOL, "ImageFile": "A" * 174768},
        ["Value at 'imageFile' | Member must have length less than or equal to 131072"],
    ),
]


@pytest.mark.parametrize(("operation", "request_", "expected"), CASES, ids=[f"{n}-{c[0]}" for n, c in enumerate(CASES)])
def test_a_violation_is_reported_in_the_words_of_the_service(operation, request_, expected):
    assert violations(operation, request_) == expected
    assert isinstance(refusal(operation, request_), InvalidParameterException)


def test_a_report_starts_with_the_number_of_violations() -> None:
    assert refusal("AdminGetUser", {"UserPoolId": "x", "Username": "a"}).message == (
        "1 validation error detected: Value 'x' at 'userPoolId' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w-]+_[0-9a-zA-Z]+"
    )
    assert refusal("AdminGetUser", {}).message.startswith("2 validation errors detected: Value null at 'userPoolId'")


def test_a_structure_in_a_map_is_named_by_its_key() -> None:
    body = {"IdentityPoolId": "eu-west-1:0a", "Roles": {}, "RoleMappings": {"idp": {"Type": "Some"}}}
    assert violations("SetIdentityPoolRoles", body, "cognito-identity") == [
        "Value 'Some' at 'roleMappings.idp.member.type' | Member must satisfy enum value set: [Token, Rules]",
    ]


def test_a_null_in_a_map_is_absent() -> None:
    """Browsers send {"DEVICE_KEY": null} with every refresh when they have no device."""
    body = b'{"ClientId":"c","AuthFlow":"REFRESH_TOKEN","AuthParameters":{"REFRESH_TOKEN":"r","DEVICE_KEY":null}}'
    decoded = decoder("InitiateAuth").decode(body)
    assert isinstance(decoded, InitiateAuthRequest)
    assert decoded.auth_parameters == {"REFRESH_TOKEN": "r"}


def test_each_service_has_its_own_validation_error() -> None:
    assert isinstance(refusal("GetId", {"IdentityPoolId": "x"}, "cognito-identity"), ValidationException)
    found = model("sts")
    with pytest.raises(ValidationError):
        RequestDecoder(found.operations["AssumeRole"], found.service).read({})


@pytest.mark.parametrize(
    ("operation", "body", "message"),
    [
        ("GetUser", b"{", ""),
        ("GetUser", b'{"AccessToken":"a"', ""),
        ("GetUser", b'{"AccessToken":"a",}', ""),
        ("GetUser", b"{}{}", ""),
        ("GetUser", b"null", ""),
        ("GetUser", b'"x"', ""),
        ("GetUser", b"1", ""),
        ("GetUser", b"[]", "Start of list found where not expected"),
        ("GetUser", b"\xef\xbb\xbf{}", ""),
        ("GetUser", b'{"AccessToken":"\xff"}', ""),
        ("GetUser", '{"AccessToken":"a"}'.encode("utf-16"), ""),
        ("GetUser", b'{"AccessToken":"\xed\xa0\x80"}', ""),
        ("GetUser", b'{"AccessToken":"\\ud800"}', ""),
        ("GetUser", b'{"AccessToken":"\\udc00"}', ""),
        ("ForgotPassword", b'{"ClientId":"c","Username":"a","ClientMetadata":{"k":"\\u0000"}}', ""),
        ("ForgotPassword", b'{"ClientId":"c","Username":"a","ClientMetadata":{"\\u0000":"v"}}', ""),
        ("GetUser", b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", ""),
        ("GetUser", b'{"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", ""),
        ("GetUser", b'{"AccessToken":1}', "NUMBER_VALUE can not be converted to a String"),
        ("GetUser", b'{"AccessToken":1.5}', "NUMBER_VALUE can not be converted to a String"),
        ("GetUser", b'{"AccessToken":true}', "TRUE_VALUE can not be converted to a String"),
        ("GetUser", b'{"AccessToken":[]}', "Start of list found where not expected"),
        ("GetUser", b'{"AccessToken":{}}', "Start of structure or map found where not expected."),
        ("ListUserPools", b'{"MaxResults":"1"}', "STRING_VALUE can not be converted to an Integer"),
        ("ListUserPools", b'{"MaxResults":false}', "FALSE_VALUE can not be converted to an Integer"),
        ("ListUserPools", b'{"MaxResults":99999999999}', ""),
        ("ListUserPools", b'{"MaxResults":1e300}', ""),
        ("ListUserPools", b'{"MaxResults":1e999}', ""),
        ("AdminSetUserPassword", b'{"Permanent":"yes"}', "STRING_VALUE can not be converted to a Boolean"),
        ("SignUp", b'{"UserAttributes":"x"}', "Unexpected field type"),
        ("SignUp", b'{"UserAttributes":["x"]}', "Unexpected field type"),
        ("SignUp", b'{"ClientMetadata":[]}', "Unexpected field type"),
        ("SignUp", b'{"AnalyticsMetadata":1}', "Unexpected field type"),
        ("SetUICustomization", b'{"ImageFile":"!"}', ""),
    ],
)
def test_a_body_of_wrong_types_is_a_serialization_error(operation, body, message):
    error = refusal(operation, body)
    assert isinstance(error, SerializationException)
    assert error.message == message


def test_a_wrong_type_goes_before_any_violation() -> None:
    assert isinstance(refusal("AdminGetUser", {"Username": 1}), SerializationException)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"MaxResults":3.0}', 3),
        (b'{"MaxResults":3.9}', 3),
        (b'{"MaxResults":3e1}', 30),
        (b'{"MaxResults":3,"MaxResults":4}', 4),
    ],
)
def test_numbers_are_read_as_the_service_reads_them(body, expected):
    assert decoder("ListUserPools").decode(body) == ListUserPoolsRequest(max_results=expected)


def test_a_request_beyond_the_fast_path_is_built_whole() -> None:
    body = {
        "UserPoolId": POOL,
        "Username": "日本",
        "UserAttributes": [{"Name": "custom:größe", "Value": "1"}],
        "DesiredDeliveryMediums": ["EMAIL"],
        "ClientMetadata": {"a": "b"},
    }
    assert decoder("AdminCreateUser").decode(json.dumps(body).encode()) == AdminCreateUserRequest(
        user_pool_id=POOL,
        username="日本",
        user_attributes=[AttributeType(name="custom:größe", value="1")],
        desired_delivery_mediums=["EMAIL"],
        client_metadata={"a": "b"},
    )


def test_an_escaped_backslash_before_u0000_is_ordinary_text() -> None:
    body = b'{"ClientId":"c","Username":"a","ClientMetadata":{"k":"\\\\u0000"}}'
    decoded = decoder("ForgotPassword").decode(body)
    assert isinstance(decoded, ForgotPasswordRequest)
    assert decoded.client_metadata == {"k": "\\u0000"}


def test_an_empty_body_is_an_empty_object() -> None:
    assert violations("AdminGetUser", b"")[0] == "Value null at 'userPoolId' | Member must not be null"


def test_a_report_is_bounded_in_lines_and_in_the_values_it_repeats() -> None:
    attributes = [{"Name": ""}] * 5000
    error = refusal(
        "AdminUpdateUserAttributes", {"UserPoolId": "x" * 100_000, "Username": "a", "UserAttributes": attributes}
    )
    assert error.message.startswith("100 validation errors detected: ")
    assert len(error.message) < 40_000
    assert f"'{'x' * 1024}…'" in error.message


def test_a_request_made_in_the_process_is_held_to_the_same_constraints() -> None:
    checked = decoder("AdminGetUser")
    checked.check(AdminGetUserRequest(user_pool_id=POOL, username="日本"))
    with pytest.raises(InvalidParameterException, match="'userPoolId'"):
        checked.check(AdminGetUserRequest(user_pool_id="x", username="alice"))


def _pattern_members() -> list[tuple[object, Rule]]:
    """The annotation and the rule of every string member with a pattern in a request of cognito-idp."""
    found: dict[str, tuple[object, Rule]] = {}
    for operation in model("cognito-idp").operations.values():
        hints = get_type_hints(operation.request, include_extras=True)
        for member in rule_of(operation.request).members:
            if member.rule.kind == "string" and member.rule.pattern is not None:
                found.setdefault(member.rule.pattern, (hints[member.attribute], member.rule))
    return list(found.values())


@given(
    st.sampled_from(_pattern_members()), st.text(max_size=60) | st.from_regex(r"[\w+=/,.@:{}#-]{0,60}", fullmatch=True)
)
def test_the_fast_path_never_accepts_what_the_rules_refuse(member, text):
    annotation, rule = member
    try:
        msgspec.convert(text, type=annotation)
    except msgspec.ValidationError:
        return
    assert broken(rule, text) == []
