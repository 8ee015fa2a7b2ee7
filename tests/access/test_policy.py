"""What identity policies allow, deny and never mention; and which documents are refused whole."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poolhouse.access.context import KNOWN_KEYS, Circumstances
from poolhouse.access.pattern import Context, MalformedPolicy, Pattern, tokenize
from poolhouse.access.policy import FULL_ACCESS, Decision, evaluate, parse_policy

POOL = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_abcdefghi"
CONTEXT: Context = Circumstances(
    now=1_704_164_645.0,
    principal_arn="arn:aws:iam::000000000000:user/ann",
    principal_name="ann",
    account_id="000000000000",
    key_id="AKIAABCDEFGHIJKLMNOP",
    region="eu-west-1",
    source_ip="192.0.2.7",
    secure=True,
    user_agent="aws-cli/2.0",
    referer=None,
).as_context()

Element = dict[str, Any]


def allow(**elements: Any) -> Element:
    return {"Effect": "Allow", "Action": "*", "Resource": "*"} | elements


def deny(**elements: Any) -> Element:
    return {"Effect": "Deny", "Action": "*", "Resource": "*"} | elements


def decide(
    *statements: Element, action: str = "cognito-idp:AdminCreateUser", resource: str = POOL, version: str = "2012-10-17"
) -> Decision:
    policy = parse_policy(json.dumps({"Version": version, "Statement": list(statements)}))
    return evaluate([policy], action, resource, CONTEXT)


def holds(operator: str, key: str, value: Any) -> bool:
    return decide(allow(Condition={operator: {key: value}})) is Decision.ALLOWED


def test_nothing_is_allowed_that_no_statement_mentions() -> None:
    assert evaluate([], "cognito-idp:ListUsers", POOL, CONTEXT) is Decision.UNMENTIONED
    assert decide(allow(Action="s3:*")) is Decision.UNMENTIONED


def test_full_access_allows_everything() -> None:
    assert evaluate([parse_policy(FULL_ACCESS)], "a:B", "*", CONTEXT) is Decision.ALLOWED


@pytest.mark.parametrize("order", [1, -1])
def test_an_explicit_denial_wins_in_any_order_and_across_documents(order: int) -> None:
    statements = [allow(), deny(Action="cognito-idp:AdminDelete*")][::order]
    assert decide(*statements, action="cognito-idp:AdminDeleteUser") is Decision.DENIED
    assert decide(*statements) is Decision.ALLOWED
    policies = [parse_policy(json.dumps({"Statement": statement})) for statement in statements]
    assert evaluate(policies, "cognito-idp:AdminDeleteUser", POOL, CONTEXT) is Decision.DENIED


@pytest.mark.parametrize(
    ("element", "allowed"),
    [
        ({"Action": "cognito-idp:AdminCreateUser"}, True),
        ({"Action": "COGNITO-IDP:admincreateuser"}, True),
        ({"Action": "cognito-idp:Admin*User"}, True),
        ({"Action": "cognito-idp:Admin??????User"}, True),
        ({"Action": "cognito-idp:Admin?????User"}, False),
        ({"Action": ["s3:*", "cognito-idp:*"]}, True),
        ({"Action": "cognito-identity:*"}, False),
        ({"Resource": POOL}, True),
        ({"Resource": "arn:aws:cognito-idp:*:*:userpool/*"}, True),
        ({"Resource": "arn:aws:cognito-idp:eu-west-1:*:userpool/eu-west-1_ABCDEFGHI"}, False),
        ({"Resource": "arn:aws:*:*:*:userpool/*"}, True),
        ({"Resource": "arn:aws:*:*:*:*"}, True),
        # A wildcard does not reach across a colon of the ARN's first five parts.
        ({"Resource": "arn:aws:cognito*:000000000000:userpool/eu-west-1_abcdefghi:x"}, False),
        ({"Resource": "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/other"}, False),
        ({"Resource": [POOL + "x", POOL]}, True),
    ],
)
def test_actions_ignore_case_and_resources_do_not(element: Element, allowed: bool) -> None:
    assert (decide(allow(**element)) is Decision.ALLOWED) is allowed


def test_not_action_and_not_resource_speak_of_everything_else() -> None:
    others: Element = {"Effect": "Allow", "NotAction": "cognito-idp:AdminDelete*", "Resource": "*"}
    assert decide(others) is Decision.ALLOWED
    assert decide(others, action="cognito-idp:AdminDeleteUser") is Decision.UNMENTIONED
    elsewhere: Element = {"Effect": "Deny", "Action": "*", "NotResource": POOL}
    assert decide(allow(), elsewhere) is Decision.ALLOWED
    assert decide(allow(), elsewhere, resource=POOL + "x") is Decision.DENIED
    assert decide(allow(), elsewhere, resource="*") is Decision.DENIED


def test_an_operation_without_a_resource_needs_a_star() -> None:
    assert decide(allow(Resource="arn:aws:cognito-idp:*:*:*"), resource="*") is Decision.UNMENTIONED
    assert decide(allow(), resource="*") is Decision.ALLOWED


@pytest.mark.parametrize(
    ("operator", "key", "value", "expected"),
    [
        ("StringEquals", "aws:username", "ann", True),
        ("StringEquals", "AWS:UserName", ["bob", "ann"], True),
        ("StringEquals", "aws:username", "Ann", False),
        ("StringEquals", "aws:username", "a*", False),
        ("StringEqualsIgnoreCase", "aws:username", "ANN", True),
        ("StringNotEquals", "aws:username", "bob", True),
        ("StringNotEquals", "aws:username", ["bob", "ann"], False),
        ("StringNotEqualsIgnoreCase", "aws:username", "ANN", False),
        ("StringLike", "aws:username", "a?n", True),
        ("StringLike", "aws:useragent", "aws-cli/*", True),
        ("StringNotLike", "aws:username", "a*", False),
        ("StringEquals", "aws:referer", "x", False),
        ("StringEqualsIfExists", "aws:referer", "x", True),
        ("StringNotEquals", "aws:referer", "x", True),
        ("StringEqualsIfExists", "aws:username", "bob", False),
        ("Null", "aws:referer", "true", True),
        ("Null", "aws:referer", False, False),
        ("Null", "aws:username", "false", True),
        ("Bool", "aws:securetransport", "true", True),
        ("Bool", "aws:securetransport", False, False),
        ("Bool", "aws:multifactorauthpresent", "false", False),
        ("BoolIfExists", "aws:multifactorauthpresent", "false", True),
        ("IpAddress", "aws:sourceip", "192.0.2.0/24", True),
        ("IpAddress", "aws:sourceip", ["10.0.0.0/8", "192.0.2.7"], True),
        ("IpAddress", "aws:sourceip", "2001:db8::/32", False),
        ("NotIpAddress", "aws:sourceip", "192.0.2.0/24", False),
        ("NotIpAddress", "aws:sourceip", "10.0.0.0/8", True),
        ("NumericEquals", "aws:epochtime", 1704164645, True),
        ("NumericNotEquals", "aws:epochtime", 1704164645, False),
        ("NumericLessThan", "aws:epochtime", "1704164645", False),
        ("NumericLessThanEquals", "aws:epochtime", "1704164645", True),
        ("NumericGreaterThan", "aws:epochtime", "5.5", True),
        ("NumericGreaterThan", "aws:username", "5", False),
        ("DateGreaterThan", "aws:currenttime", "2024-01-02T03:04:04Z", True),
        ("DateLessThan", "aws:currenttime", "2024-01-02T03:04:05Z", False),
        ("DateLessThanEquals", "aws:currenttime", "1704164645", True),
        ("DateEquals", "aws:currenttime", "2024-01-02T04:04:05+01:00", True),
        ("DateNotEquals", "aws:currenttime", "2024-01-02", True),
        ("ArnLike", "aws:principalarn", "arn:aws:iam::*:user/a*", True),
        ("ArnEquals", "aws:principalarn", "arn:aws:iam::000000000000:user/bob", False),
        ("ArnNotLike", "aws:principalarn", "arn:aws:iam::*:user/*", False),
        ("ArnNotEquals", "aws:principalarn", "arn:aws:iam::*:role/*", True),
        ("ForAnyValue:StringEquals", "aws:username", ["ann", "bob"], True),
        ("ForAnyValue:StringEquals", "aws:referer", "x", False),
        ("ForAllValues:StringEquals", "aws:username", ["ann", "bob"], True),
        ("ForAllValues:StringEquals", "aws:username", "bob", False),
        ("ForAllValues:StringEquals", "aws:referer", "x", True),
        ("ForAllValues:StringNotEquals", "aws:username", "bob", True),
    ],
)
def test_each_condition_operator(operator: str, key: str, value: Any, expected: bool) -> None:
    assert holds(operator, key, value) is expected


def test_an_ipv4_client_of_a_dual_stack_listener_is_in_its_ipv4_network() -> None:
    policy = parse_policy(json.dumps({"Statement": allow(Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}})}))
    context = dict(CONTEXT) | {"aws:sourceip": ("::ffff:192.0.2.9",)}
    assert evaluate([policy], "a:B", "*", context) is Decision.ALLOWED


def test_all_conditions_of_a_statement_must_hold() -> None:
    both = {"StringEquals": {"aws:username": "ann"}, "IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    assert decide(allow(Condition=both)) is Decision.UNMENTIONED


def test_policy_variables_are_filled_and_never_act_as_wildcards() -> None:
    own = "arn:aws:cognito-idp:*:*:userpool/${aws:username}"
    assert decide(allow(Resource=own), resource=POOL.replace("eu-west-1_abcdefghi", "ann")) is Decision.ALLOWED
    assert decide(allow(Resource=own)) is Decision.UNMENTIONED
    policy = parse_policy(json.dumps({"Version": "2012-10-17", "Statement": allow(Resource=own)}))
    star = dict(CONTEXT) | {"aws:username": ("*",)}
    assert evaluate([policy], "a:B", POOL, star) is Decision.UNMENTIONED


@pytest.mark.parametrize(
    ("version", "value", "expected"),
    [
        ("2012-10-17", "${aws:username}", True),
        ("2012-10-17", "${aws:referer, 'ann'}", True),
        ("2012-10-17", "${aws:referer}", False),
        ("2012-10-17", "a${*}n", False),
        ("2008-10-17", "${aws:username}", False),
    ],
)
def test_policy_variables_in_conditions(version: str, value: str, expected: bool) -> None:
    statement = allow(Condition={"StringLike": {"aws:username": value}})
    assert (decide(statement, version=version) is Decision.ALLOWED) is expected


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("", "truncated"),
        ("[]", "Expected `object`"),
        ("{}", "Statement"),
        ('{"Statement":[],"Extra":1}', "Extra"),
        ('{"Version":"2024-01-01","Statement":[]}', "2024-01-01"),
        (json.dumps({"Statement": allow() | {"Principal": "*"}}), "Principal"),
        (json.dumps({"Statement": allow(Effect="allow")}), "allow"),
        (json.dumps({"Statement": allow(NotAction="*")}), "either Action or NotAction"),
        (json.dumps({"Statement": {"Effect": "Allow", "Action": "*"}}), "either Resource or NotResource"),
        (json.dumps({"Statement": allow(Action=[])}), "at least one"),
        (json.dumps({"Statement": allow(Action="ListUsers")}), "service:Operation"),
        (json.dumps({"Statement": allow(Resource="eu-west-1_abc")}), "six parts"),
        (json.dumps({"Statement": allow(Condition={"StringSimilar": {"aws:username": "a"}})}), "StringSimilar"),
        (json.dumps({"Statement": allow(Condition={"NumericFoo": {"aws:epochtime": "1"}})}), "NumericFoo"),
        (json.dumps({"Statement": allow(Condition={"ForAnyValue:Null": {"aws:username": "true"}})}), "ForAnyValue"),
        (json.dumps({"Statement": allow(Condition={"NullIfExists": {"aws:username": "true"}})}), "NullIfExists"),
        (json.dumps({"Statement": allow(Condition={"StringEquals": {"aws:ResourceTag/a": "b"}})}), "ResourceTag"),
        (json.dumps({"Statement": allow(Condition={"StringEquals": {"aws:username": []}})}), "at least one value"),
        (json.dumps({"Statement": allow(Condition={"Bool": {"aws:securetransport": "yes"}})}), "true or false"),
        (json.dumps({"Statement": allow(Condition={"IpAddress": {"aws:sourceip": "1.2.3"}})}), "CIDR"),
        (json.dumps({"Statement": allow(Condition={"NumericEquals": {"aws:epochtime": "x"}})}), "type"),
        (json.dumps({"Statement": allow(Condition={"DateEquals": {"aws:currenttime": "soon"}})}), "type"),
        (json.dumps({"Statement": allow(Condition={"ArnLike": {"aws:principalarn": "x"}})}), "six parts"),
        (
            json.dumps({"Version": "2012-10-17", "Statement": allow(Resource="arn:aws:a:b:c:${aws:unknown}")}),
            "aws:unknown",
        ),
        (json.dumps({"Version": "2012-10-17", "Statement": allow(Resource="arn:aws:a:b:c:${x")}), "not closed"),
        (json.dumps({"Statement": [allow()] * 200}), "longer than 6144"),
    ],
)
def test_a_document_that_is_not_wholly_understood_is_refused(document: str, reason: str) -> None:
    with pytest.raises(MalformedPolicy) as refusal:
        parse_policy(document)
    assert reason in str(refusal.value)


def naive_match(pattern: str, text: str) -> bool:
    reachable = {0}
    for char in pattern:
        if char == "*":
            reachable = set(range(min(reachable), len(text) + 1)) if reachable else set()
        else:
            reachable = {at + 1 for at in reachable if at < len(text) and char in {"?", text[at]}}
    return len(text) in reachable


@settings(max_examples=500, deadline=None)
@given(pattern=st.text("ab*?.\n", max_size=12), text=st.text("ab.\n", max_size=12))
def test_wildcards_match_as_a_state_machine_would(pattern: str, text: str) -> None:
    compiled = Pattern(tokenize(pattern, KNOWN_KEYS, wildcards=True, variables=True))
    assert compiled.matches(text, {}) is naive_match(pattern, text)


def test_a_hostile_pattern_does_not_backtrack() -> None:
    compiled = Pattern(tokenize("a*" * 500 + "b", KNOWN_KEYS, wildcards=True, variables=True))
    assert not compiled.matches("a" * 5000, {})
