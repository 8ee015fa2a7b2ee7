"""The claims of both tokens, member by member (contract/tokens.md §§2, 3 and 6)."""

import pytest

from poolhouse.storage.groups import GroupOfUser
from poolhouse.storage.users import UserRow
from poolhouse.userpools.claims import Claims, TokenFacts, access_claims, id_claims

ATTRIBUTES = {
    "email": "a@b.c",
    "email_verified": "true",
    "phone_number": "+4917",
    "phone_number_verified": "false",
    "address": "Main St 1",
    "updated_at": "1700000000",
    "birthdate": "2000-01-01",
    "custom:n": "5",
    "custom:b": "true",
    "dev:custom:note": "not for users",
}
ALWAYS_ID = {
    *("sub", "iss", "cognito:username", "origin_jti", "aud", "event_id", "token_use", "auth_time", "exp", "iat", "jti"),
}
ALWAYS_ACCESS = {
    *("sub", "iss", "client_id", "origin_jti", "event_id", "token_use", "scope", "auth_time", "exp", "iat", "jti"),
    "username",
}


def facts(attributes: dict[str, str] | None = None, groups: list[GroupOfUser] | None = None) -> TokenFacts:
    user = UserRow(
        pool_id="eu-west-1_AbCdEfGhI",
        user_id="the-sub",
        username="alice",
        status="CONFIRMED",
        enabled=True,
        created_at=0,
        modified_at=0,
        attributes=attributes or {},
        credential=None,
        credential_version=0,
        password_expires_at=None,
        generation=0,
    )
    return TokenFacts(
        user=user,
        groups=groups or [],
        client_id="the-client",
        issuer="https://issuer/pool",
        auth_time=1,
        iat=2,
        event_id="event",
        origin_jti="origin",
    )


def of_id(facts: TokenFacts, *readable: str) -> Claims:
    return id_claims(facts, frozenset(readable), jti="jti", lifetime=3600)


def role(number: int) -> str:
    return f"arn:aws:iam::000000000000:role/r{number}"


def test_attributes_have_the_types_of_the_contract_and_developers_ones_stay_inside() -> None:
    claims = of_id(facts(ATTRIBUTES))
    assert {name: value for name, value in claims.items() if name not in ALWAYS_ID} == {
        "email": "a@b.c",
        "email_verified": True,
        "phone_number": "+4917",
        "phone_number_verified": False,
        "address": {"formatted": "Main St 1"},
        "updated_at": 1_700_000_000,
        "birthdate": "2000-01-01",
        "custom:n": "5",
        "custom:b": "true",
    }
    assert (claims["aud"], claims["token_use"], claims["exp"]) == ("the-client", "id", 3602)


def test_the_clients_list_limits_the_attributes() -> None:
    assert set(of_id(facts(ATTRIBUTES), "email", "custom:n", "dev:custom:note")) == {*ALWAYS_ID, "email", "custom:n"}


def test_an_access_token_has_no_attribute_no_audience_and_no_role() -> None:
    groups = [GroupOfUser("editors", role(1), 1)]
    claims = access_claims(facts(ATTRIBUTES, groups), scope="a b", device_key=None, jti="jti", lifetime=300)
    assert set(claims) == {*ALWAYS_ACCESS, "cognito:groups"}
    assert (claims["client_id"], claims["token_use"], claims["username"]) == ("the-client", "access", "alice")
    assert claims["exp"] == 302


@pytest.mark.parametrize(
    ("groups", "roles", "preferred"),
    [
        ([], None, None),
        ([("a", None, 1)], None, None),
        ([("a", 1, 1), ("b", 2, 2)], [1, 2], 1),
        ([("a", 1, 1), ("b", 1, 1)], [1, 1], 1),
        ([("a", 1, 1), ("b", 2, 1), ("c", 3, 2)], [1, 2, 3], None),
        ([("a", 1, 0), ("b", 2, None)], [1, 2], 1),
        ([("a", 1, None)], [1], 1),
        ([("a", 1, None), ("b", 2, None)], [1, 2], None),
    ],
)
def test_the_preferred_role_is_the_best_groups_unless_roles_tie(
    groups: list[tuple[str, int | None, int | None]], roles: list[int] | None, preferred: int | None
) -> None:
    held = [GroupOfUser(name, None if number is None else role(number), rank) for name, number, rank in groups]
    claims = of_id(facts(groups=held))
    assert claims.get("cognito:groups") == ([group.name for group in held] or None)
    assert claims.get("cognito:roles") == (None if roles is None else [role(number) for number in roles])
    assert claims.get("cognito:preferred_role") == (None if preferred is None else role(preferred))
