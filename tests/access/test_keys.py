"""Access keys on every database: issued once, sealed at rest, found fast, refused everywhere once disabled."""

import asyncio
import os
import re
import time

import pytest

from poolhouse.access.keys import AccessKeys, MalformedPrincipal, UnknownAccessKey
from poolhouse.access.pattern import MalformedPolicy
from poolhouse.access.policy import FULL_ACCESS
from poolhouse.access.principals import SignatureAuthorizer
from poolhouse.access.refusals import AccessDenied, UnrecognizedClient
from poolhouse.crypto.keyring import KeyRing, new_data_key
from poolhouse.crypto.master_key import MasterKey
from poolhouse.storage import Database, open_database
from tests.access.signing import sign

READ_ONLY = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["cognito-idp:List*","cognito-idp:AdminGetUser"],'
    '"Resource":"*"},{"Effect":"Deny","Action":"cognito-idp:ListUsers",'
    '"Resource":"arn:aws:cognito-idp:*:*:userpool/secret"}]}'
)
POOL = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_abc"


@pytest.fixture(scope="module")
def keyring() -> KeyRing:
    master = MasterKey.generate()
    return KeyRing(master, [new_data_key(master, 0)])


def make_keys(database: Database, keyring: KeyRing) -> AccessKeys:
    return AccessKeys(database, keyring, clock=time.time, random=os.urandom)


@pytest.fixture
async def keys(database: Database, keyring: KeyRing) -> AccessKeys:
    return make_keys(database, keyring)


def strict(keys: AccessKeys) -> SignatureAuthorizer:
    return SignatureAuthorizer(keys, account_id="000000000000", regions=None, clock=time.time)


async def test_an_issued_key_signs_what_its_policy_allows(keys: AccessKeys) -> None:
    issued = await keys.create("ann@example.com", READ_ONLY)
    request = sign(key_id=issued.key_id, secret=issued.secret)
    for operation, resource in [("ListUsers", POOL), ("AdminGetUser", POOL), ("ListUserPools", None)]:
        principal = await strict(keys).authorize(request, b"{}", "cognito-idp", operation, resource)
        assert principal.arn == "arn:aws:iam::000000000000:user/ann@example.com"


@pytest.mark.parametrize(
    ("operation", "resource", "explicit"),
    [
        ("AdminCreateUser", POOL, False),
        ("ListUsers", "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/secret", True),
        ("CreateUserPool", None, False),
    ],
)
async def test_what_the_policy_does_not_allow_is_denied_in_the_services_words(
    keys: AccessKeys, operation: str, resource: str | None, explicit: bool
) -> None:
    issued = await keys.create("ann", READ_ONLY)
    request = sign(key_id=issued.key_id, secret=issued.secret)
    with pytest.raises(AccessDenied) as refusal:
        await strict(keys).authorize(request, b"{}", "cognito-idp", operation, resource)
    assert refusal.value.message == (
        f"User: arn:aws:iam::000000000000:user/ann is not authorized to perform: cognito-idp:{operation} "
        f"on resource: {resource or '*'}"
    )
    assert refusal.value.explicit is explicit


async def test_ids_and_secrets_have_the_shape_of_awss_own(keys: AccessKeys) -> None:
    issued = [await keys.create("ann", FULL_ACCESS) for _ in range(20)]
    assert all(re.fullmatch("AKIA[A-Z2-7]{16}", key.key_id) for key in issued)
    assert all(re.fullmatch("[A-Za-z0-9+/]{40}", key.secret) for key in issued)
    assert len({key.key_id for key in issued} | {key.secret for key in issued}) == 40


async def test_a_secret_is_sealed_at_rest_and_never_shown_again(database: Database, keys: AccessKeys) -> None:
    issued = await keys.create("ann", FULL_ACCESS)
    assert issued.secret not in repr(issued)
    assert issued.secret not in repr(await keys.find(issued.key_id, None))
    row = await database.fetch_row("SELECT secret FROM access_keys")
    assert row is not None
    assert isinstance(row[0], bytes)
    assert issued.secret.encode() not in row[0]


async def test_a_disabled_key_is_refused_at_once(keys: AccessKeys) -> None:
    issued = await keys.create("ann", FULL_ACCESS)
    assert await keys.find(issued.key_id, None)
    await keys.disable(issued.key_id)
    request = sign(key_id=issued.key_id, secret=issued.secret)
    with pytest.raises(UnrecognizedClient):
        await strict(keys).authorize(request, b"{}", "cognito-idp", "ListUsers", POOL)


async def test_a_key_disabled_on_one_node_is_refused_on_another(
    database_url: str, database: Database, keys: AccessKeys, keyring: KeyRing
) -> None:
    elsewhere = await open_database(database_url)
    try:
        other = make_keys(elsewhere, keyring)
        issued = await keys.create("ann", FULL_ACCESS)
        assert await other.find(issued.key_id, None)
        await keys.disable(issued.key_id)
        deadline = time.monotonic() + 5
        while await other.find(issued.key_id, None) is not None:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
    finally:
        await elsewhere.close()


async def test_disabling_twice_keeps_the_first_time_and_an_unknown_key_is_named(keys: AccessKeys) -> None:
    issued = await keys.create("ann", FULL_ACCESS)
    await keys.disable(issued.key_id)
    first = (await keys.page())[0].disabled_at
    await keys.disable(issued.key_id)
    assert (await keys.page())[0].disabled_at == first
    with pytest.raises(UnknownAccessKey, match="AKIAZZZZZZZZZZZZZZZZ"):
        await keys.disable("AKIAZZZZZZZZZZZZZZZZ")


async def test_keys_are_listed_page_by_page(keys: AccessKeys) -> None:
    made = sorted([(await keys.create(f"user{index}", FULL_ACCESS)).key_id for index in range(5)])
    seen: list[str] = []
    while page := await keys.page(after=seen[-1] if seen else "", limit=2):
        assert len(page) <= 2
        seen += [row.key_id for row in page]
    assert seen == made


@pytest.mark.parametrize("key_id", ["", "AKIA", "x" * 5000, "AKIAABCDEFGHIJKLMNOP", "AKIA" + "é" * 16])
async def test_an_unknown_or_malformed_id_finds_nothing(keys: AccessKeys, key_id: str) -> None:
    assert await keys.find(key_id, None) is None


async def test_a_lasting_key_with_a_session_token_is_refused(keys: AccessKeys) -> None:
    issued = await keys.create("ann", FULL_ACCESS)
    request = sign(key_id=issued.key_id, secret=issued.secret, token="t")
    with pytest.raises(UnrecognizedClient):
        await strict(keys).authorize(request, b"{}", "cognito-idp", "ListUsers", POOL)


@pytest.mark.parametrize("principal", ["", "a b", "a/b", "ü", "x" * 65, "a\n"])
async def test_a_principal_has_an_iam_user_name(keys: AccessKeys, principal: str) -> None:
    with pytest.raises(MalformedPrincipal):
        await keys.create(principal, FULL_ACCESS)


async def test_a_policy_that_is_not_understood_issues_no_key(keys: AccessKeys) -> None:
    with pytest.raises(MalformedPolicy):
        await keys.create("ann", FULL_ACCESS.replace("Resource", "Resources"))
    assert await keys.page() == []
