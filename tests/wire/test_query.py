"""The Query protocol of sts: forms in, XML out (wire.md section 5, identity-pools.md section 8)."""

import xml.etree.ElementTree as ET
from urllib.parse import urlencode

import pytest

from poolhouse.http.message import BodyTooLarge
from poolhouse.model.cognito_idp_model import AssetType, UICustomizationType, UserPoolClientType
from poolhouse.model.rules import rule_of
from poolhouse.wire.xml import structure
from tests.wire.exchange import FORM, REQUEST_ID, call_form, front, headers_of, make_request, text_of

ROLE = {
    "Action": "AssumeRoleWithWebIdentity",
    "Version": "2011-06-15",
    "RoleArn": "arn:aws:iam::123456789012:role/reader",
    "RoleSessionName": "session",
    "WebIdentityToken": "token",
}
NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'


def refused(code: str, message: str, fault: str = "Sender") -> str:
    return (
        f"<ErrorResponse {NAMESPACE}><Error><Type>{fault}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        f"<RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
    )


async def test_an_answer_is_wrapped_in_result_and_metadata() -> None:
    form = ROLE | {"DurationSeconds": "3600", "PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}
    response = await front().handle(call_form(urlencode(form)))
    assert response.status == 200
    assert headers_of(response)["Content-Type"] == "text/xml"
    assert headers_of(response)["x-amzn-RequestId"] == REQUEST_ID
    assert headers_of(response)["Access-Control-Allow-Origin"] == "*"
    assert text_of(response) == (
        f"<AssumeRoleWithWebIdentityResponse {NAMESPACE}><AssumeRoleWithWebIdentityResult>"
        "<Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s/+</SecretAccessKey>"
        "<SessionToken>t</SessionToken><Expiration>2025-03-04T10:05:07Z</Expiration></Credentials>"
        "<AssumedRoleUser><AssumedRoleId>AROA:x</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/r/x</Arn></AssumedRoleUser>"
        "<PackedPolicySize>3600</PackedPolicySize><Audience>arn:aws:iam::aws:policy/ReadOnlyAccess</Audience>"
        "</AssumeRoleWithWebIdentityResult>"
        f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>"
    )


async def test_a_query_string_is_as_good_as_a_form() -> None:
    response = await front().handle(make_request("GET", f"/?{urlencode(ROLE)}"))
    assert (response.status, ET.fromstring(text_of(response)).tag.rpartition("}")[2]) == (
        200,
        "AssumeRoleWithWebIdentityResponse",
    )


async def test_a_signed_action_gets_its_principal() -> None:
    response = await front().handle(call_form("Action=GetCallerIdentity&Version=2011-06-15", Authorization="AWS4 x"))
    assert "<Arn>arn:aws:iam::000000000000:user/ops</Arn>" in text_of(response)


REFUSALS = [
    ("", 400, "MissingAction", "The request is missing an action or a required parameter."),
    ("Version=2011-06-15", 400, "MissingAction", "The request is missing an action or a required parameter."),
    (
        "Action=%3Cx%3E&Version=2011-06-15",
        400,
        "InvalidAction",
        "Could not find operation &lt;x&gt; for version 2011-06-15",
    ),
    (
        "Action=GetCallerIdentity&Version=2000-01-01",
        400,
        "InvalidAction",
        "Could not find operation GetCallerIdentity for version 2000-01-01",
    ),
    ("Action=GetCallerIdentity&Version=2011-06-15", 403, "MissingAuthenticationToken", "Missing Authentication Token"),
    (
        "Action=GetFederationToken&Version=2011-06-15&Name=ab",
        400,
        "UnsupportedOperationException",
        "GetFederationToken of sts is not provided by this release of Poolhouse.",
    ),
    (urlencode(ROLE | {"WebIdentityToken": "rejected"}), 403, "IDPRejectedClaim", "a &lt; b &amp; c"),
    (
        urlencode(ROLE | {"RoleSessionName": "a b"}),
        400,
        "ValidationError",
        "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [\w+=,.@-]*",
    ),
    (
        urlencode({key: ROLE[key] for key in ROLE if key != "RoleArn"}),
        400,
        "ValidationError",
        "1 validation error detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null",
    ),
    (urlencode(ROLE | {"DurationSeconds": "an hour"}), 400, "MalformedInput", "Unexpected field type"),
    (urlencode(ROLE | {"DurationSeconds": "9" * 30}), 400, "MalformedInput", "Unexpected field type"),
    (urlencode(ROLE | {"ProviderId": "a\0b"}), 400, "MalformedInput", ""),
    ("Action=%FF%FE", 400, "MalformedInput", ""),
    ("&".join(["a=b"] * 2000), 400, "MalformedInput", ""),
]


@pytest.mark.parametrize(("form", "status", "code", "message"), REFUSALS, ids=[case[2] for case in REFUSALS])
async def test_a_refusal_is_xml_with_the_code_of_the_protocol(form, status, code, message):
    response = await front().handle(call_form(form))
    assert (response.status, text_of(response)) == (status, refused(code, message))
    assert headers_of(response)["Content-Type"] == "text/xml"
    assert headers_of(response)["x-amzn-ErrorType"] == f"{code}:"
    assert headers_of(response)["Access-Control-Allow-Origin"] == "*"


async def test_a_form_that_is_too_large_is_refused_in_xml() -> None:
    response = await front().handle(make_request(headers={"Content-Type": FORM}, failure=BodyTooLarge()))
    assert (response.status, text_of(response)) == (413, refused("RequestEntityTooLargeException", ""))


async def test_list_members_end_at_the_first_gap() -> None:
    form = ROLE | {"PolicyArns.member.1.arn": "arn:aws:iam::aws:policy/A", "PolicyArns.member.3.arn": "x"}
    assert (await front().handle(call_form(urlencode(form)))).status == 200
    form = ROLE | {"PolicyArns.member.1.arn": "short", "PolicyArns.member.2.arn": "short"}
    text = text_of(await front().handle(call_form(urlencode(form))))
    assert "policyArns.1.member.arn" in text
    assert "policyArns.2.member.arn" in text


async def test_a_form_s_media_type_may_carry_parameters() -> None:
    request = make_request(
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}, body=urlencode(ROLE).encode()
    )
    assert (await front().handle(request)).status == 200


def test_every_kind_of_value_has_its_xml() -> None:
    image = UICustomizationType(css="a<b\r\x01", last_modified_date=0)
    assert structure(rule_of(UICustomizationType), image) == (
        "<CSS>a&lt;b&#xD;\N{REPLACEMENT CHARACTER}</CSS><LastModifiedDate>1970-01-01T00:00:00Z</LastModifiedDate>"
    )
    asset = AssetType(category="FORM_LOGO", color_mode="DARK", extension="PNG", bytes=b"\x00\xff")
    assert "<Bytes>AP8=</Bytes>" in structure(rule_of(AssetType), asset)
    client = UserPoolClientType(allowed_oauth_flows=["code"], enable_token_revocation=True, callback_urls=[])
    assert structure(rule_of(UserPoolClientType), client) == (
        "<CallbackURLs></CallbackURLs><AllowedOAuthFlows><member>code</member></AllowedOAuthFlows>"
        "<EnableTokenRevocation>true</EnableTokenRevocation>"
    )
