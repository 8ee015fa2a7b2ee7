"""Attributes written, deleted and verified, on every database (contract/operations.md, rules.md §1, §2, §3)."""

import asyncio
from collections import Counter

import pytest

from poolhouse.model.cognito_idp_model import (
    AdminDeleteUserAttributesRequest,
    DeleteUserAttributesRequest,
    SchemaAttributeType,
    UserAttributeUpdateSettingsType,
)
from poolhouse.userpools.operations.attributes import (
    admin_delete_user_attributes,
    delete_user_attributes,
)
from tests.house import House
from tests.userpools.operations.newcomers import (
    EXPIRED,
    HOUR,
    LIMIT,
    MISMATCH,
    Town,
    message_of,
    open_town,
    other_than,
    refusal_of,
)
from tests.userpools.people import PASSWORD

VERIFIED_FIRST = UserAttributeUpdateSettingsType(attributes_require_verification_before_update=["email"])
WRITE = "A client attempted to write unauthorized attribute"
UNKNOWN = ("UserNotFoundException", "User does not exist.")


async def delete_own(town: Town, token: str, *names: str) -> None:
    await delete_user_attributes(
        town.house.call(None), DeleteUserAttributesRequest(access_token=token, user_attribute_names=list(names))
    )


async def delete_by_admin(town: Town, username: str, *names: str) -> None:
    await admin_delete_user_attributes(
        town.house.call(),
        AdminDeleteUserAttributesRequest(
            user_pool_id=town.pool_id, username=username, user_attribute_names=list(names)
        ),
    )


async def test_a_new_address_is_unverified_until_its_code_comes_back(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com", name="Bob")
    token = await town.token("bob")
    (details,) = await town.update(token, email="new@other.org", nickname="b")
    assert (details.destination, details.delivery_medium, details.attribute_name) == ("n***@o***", "EMAIL", "email")
    shown = await town.attributes("bob")
    assert shown == {"email": "new@other.org", "email_verified": "false", "name": "Bob", "nickname": "b"}
    message = (await town.post())[0]
    assert (message.recipient, message.purpose) == ("new@other.org", "verify_attribute")
    code = message.code or ""
    assert await refusal_of(town.verify(token, other_than(code))) == ("CodeMismatchException", MISMATCH)
    await town.verify(token, code)
    assert (await town.attributes("bob"))["email_verified"] == "true"
    assert await refusal_of(town.verify(token, code)) == ("ExpiredCodeException", EXPIRED)


async def test_what_does_not_change_or_is_not_verified_gets_no_code(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    sent = len(await town.post())
    assert await town.update(token, email="bob@example.com", name="Bob") == []
    assert await town.update(token, phone_number="+12065551234") == []
    assert len(await town.post()) == sent
    shown = await town.attributes("bob")
    assert (shown["email_verified"], shown["phone_number_verified"]) == ("true", "false")


async def test_where_it_must_be_verified_first_the_old_address_stays(house: House) -> None:
    town = await open_town(house, username_attributes=["email"], user_attribute_update_settings=VERIFIED_FIRST)
    await town.inhabitant("bob@example.com")
    token = await town.token("bob@example.com")
    (details,) = await town.update(token, email="new@other.org", name="Bob")
    assert details.destination == "n***@o***"
    shown = await town.attributes("bob@example.com")
    assert shown == {"email": "bob@example.com", "email_verified": "true", "name": "Bob"}
    again = await town.ask_code(token)
    assert again is not None
    assert again.destination == "n***@o***"
    await town.verify(token, await town.code())
    assert (await town.attributes("new@other.org"))["email"] == "new@other.org"
    assert (await refusal_of(town.token("bob@example.com")))[0] in ("UserNotFoundException", "NotAuthorizedException")
    await town.password_sign_in("new@other.org")


async def test_a_waiting_address_that_another_took_meanwhile_is_refused(house: House) -> None:
    town = await open_town(house, username_attributes=["email"], user_attribute_update_settings=VERIFIED_FIRST)
    await town.inhabitant("bob@example.com")
    token = await town.token("bob@example.com")
    await town.update(token, email="new@other.org")
    code = await town.code()
    await town.inhabitant("new@other.org")
    expected = ("AliasExistsException", "An account with the given email already exists.")
    assert await refusal_of(town.verify(token, code)) == expected
    assert (await town.attributes("bob@example.com"))["email"] == "bob@example.com"


async def test_an_administrator_s_change_withdraws_a_waiting_address(house: House) -> None:
    town = await open_town(house, user_attribute_update_settings=VERIFIED_FIRST)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    await town.update(token, email="new@other.org")
    code = await town.code()
    await town.admin_update("bob", email="third@example.com", email_verified="true")
    assert await message_of(town.verify(token, code)) == EXPIRED
    assert (await town.attributes("bob"))["email"] == "third@example.com"
    # Without saying that it is verified, the administrator's address waits for its code as well.
    await town.admin_update("bob", email="fourth@example.com")
    assert (await town.attributes("bob"))["email"] == "third@example.com"
    await town.verify(token, await town.code())
    assert (await town.attributes("bob"))["email"] == "fourth@example.com"


async def test_a_code_proves_only_the_address_it_was_sent_to(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    await town.ask_code(token)
    code = await town.code()
    await town.admin_update("bob", email="new@example.com", email_verified="false")
    if code != await town.code():
        assert await message_of(town.verify(token, code)) == MISMATCH
    assert (await town.attributes("bob"))["email_verified"] == "false"


async def test_codes_of_other_users_attributes_and_purposes_are_just_wrong(house: House) -> None:
    town = await open_town(house, verifies=("email", "phone_number"))
    await town.confirmed_by_admin("bob", email="bob@example.com", phone_number="+12065551234")
    await town.confirmed_by_admin("eve", email="eve@example.com", email_verified="true")
    bob, eve = await town.token("bob"), await town.token("eve")
    await town.ask_code(bob, "phone_number")
    phone = await town.code()
    await town.ask_code(bob)
    email = await town.code()
    await town.ask_code(eve)
    eves = await town.code()
    await town.forgot("eve")
    lost = await town.code()
    if len({phone, email, eves, lost}) == 4:
        assert await message_of(town.verify(bob, phone)) == MISMATCH
        assert await message_of(town.verify(bob, eves)) == MISMATCH
        assert await message_of(town.verify(eve, lost)) == MISMATCH
    await town.verify(bob, phone, "phone_number")
    await town.verify(bob, email)
    shown = await town.attributes("bob")
    assert (shown["email_verified"], shown["phone_number_verified"]) == ("true", "true")


async def test_guesses_and_codes_are_counted_per_user(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    asked = await asyncio.gather(*(town.ask_code(token) for _ in range(12)), return_exceptions=True)
    assert Counter(str(outcome) for outcome in asked if isinstance(outcome, Exception)) == {LIMIT: 7}
    # A new address would need a sixth code, so it is not written either.
    assert await refusal_of(town.update(token, email="new@example.com")) == ("LimitExceededException", LIMIT)
    assert (await town.attributes("bob"))["email"] == "bob@example.com"
    code = await town.code()
    guesses = (town.verify(token, other_than(code)) for _ in range(200))
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert Counter(str(outcome) for outcome in outcomes) == {MISMATCH: 15, LIMIT: 185}
    assert await message_of(town.verify(token, code)) == LIMIT


async def test_a_verification_code_lives_a_day(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    assert await refusal_of(town.verify(token, "123456")) == ("ExpiredCodeException", EXPIRED)
    await town.ask_code(token)
    house.clock.forward(24 * HOUR)
    assert await message_of(town.verify(await town.token("bob"), await town.code())) == EXPIRED


async def test_only_addresses_that_the_user_has_are_verified(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    for attempt in (
        town.ask_code(token, "name"),
        town.ask_code(token, "phone_number"),
        town.verify(token, "1", "name"),
    ):
        assert (await refusal_of(attempt))[0] == "InvalidParameterException"
    assert await refusal_of(town.ask_code("e30.e30.e30")) == ("NotAuthorizedException", "Invalid Access Token")


@pytest.mark.parametrize(
    ("attributes", "code", "message"),
    [
        ({"shoe": "42"}, "InvalidParameterException", "shoe: Attribute does not exist in the schema."),
        ({"custom_once": "2"}, "InvalidParameterException", "user.custom:once: Attribute cannot be updated."),
        ({"email": "bob"}, "InvalidParameterException", "Invalid email address format."),
        ({"given_name": ""}, "InvalidParameterException", "given_name: The attribute is required"),
        ({"email_verified": "true"}, "NotAuthorizedException", WRITE),
        ({"sub": "x"}, "NotAuthorizedException", WRITE),
    ],
)
async def test_what_a_user_writes_must_fit_the_schema(
    house: House, attributes: dict[str, str], code: str, message: str
) -> None:
    schema = [
        SchemaAttributeType(name="given_name", required=True),
        SchemaAttributeType(name="once", attribute_data_type="String", mutable=False),
    ]
    town = await open_town(house, schema=schema)
    await town.inhabitant("bob", email="bob@example.com", given_name="Bob", custom_once="1")
    refused = await refusal_of(town.update(await town.token("bob"), **attributes))
    assert refused[0] == code
    assert message in refused[1]


async def test_a_user_deletes_attributes_by_name_or_with_a_blank_value(house: House) -> None:
    schema = [SchemaAttributeType(name="given_name", required=True)]
    client = {"write_attributes": ["email", "given_name", "name", "nickname"]}
    town = await open_town(house, schema=schema, client=client)
    await town.inhabitant("bob", email="bob@example.com", given_name="Bob", name="B", nickname="b")
    token = await town.token("bob")
    await town.ask_code(token)
    code = await town.code()
    await town.update(token, name="")
    await delete_own(town, token, "nickname", "email")
    assert await town.attributes("bob") == {"given_name": "Bob"}
    assert await message_of(town.verify(token, code)) == EXPIRED
    assert await message_of(delete_own(town, token, "given_name")) == (
        "Attributes did not conform to the schema: given_name: The attribute is required\n"
    )
    for name in ("email_verified", "sub", "zoneinfo"):
        assert await refusal_of(delete_own(town, token, name)) == ("NotAuthorizedException", WRITE)


async def test_an_administrator_deletes_attributes(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com", name="Bob")
    await delete_by_admin(town, "bob", "name")
    assert "name" not in await town.attributes("bob")
    assert await refusal_of(delete_by_admin(town, "bob", "custom:foo", "custom:bar")) == (
        "InvalidParameterException",
        "Invalid user attributes: user.custom:foo: Attribute does not exist in the schema.\n"
        "user.custom:bar: Attribute does not exist in the schema.\n",
    )
    assert await refusal_of(delete_by_admin(town, "nobody", "name")) == UNKNOWN


async def test_an_administrator_writes_flags_and_resets_them_with_a_value(house: House) -> None:
    town = await open_town(house)
    await town.confirmed_by_admin("bob", email="bob@example.com", email_verified="true")
    sent = len(await town.post())
    await town.admin_update("bob", email="new@example.com", email_verified="True")
    assert (await town.attributes("bob"))["email_verified"] == "true"
    assert len(await town.post()) == sent
    await town.admin_update("bob", email="third@example.com")
    assert (await town.attributes("bob"))["email_verified"] == "false"
    await town.verify(await town.token("bob"), await town.code())
    assert (await town.attributes("bob"))["email_verified"] == "true"
    assert (await refusal_of(town.admin_update("bob", sub="x")))[1] == "user.sub: Attribute cannot be updated.\n"
    assert await refusal_of(town.admin_update("nobody", name="x")) == UNKNOWN


async def test_an_administrator_s_verified_alias_is_taken_over(house: House) -> None:
    town = await open_town(house, alias_attributes=["email", "preferred_username"])
    await town.inhabitant("bob", email="shared@example.com")
    await town.inhabitant("eve", email="eve@example.com")
    await town.admin_update("eve", email="shared@example.com", email_verified="true")
    assert (await town.attributes("bob"))["email_verified"] == "false"
    assert (await town.srp("shared@example.com").start())["USERNAME"] == "eve"
    assert (
        await refusal_of(town.initiate("USER_PASSWORD_AUTH", USERNAME="eve@example.com", PASSWORD=PASSWORD)) == UNKNOWN
    )
    # A username is nobody else's to take.
    assert (await refusal_of(town.admin_update("eve", preferred_username="bob")))[0] == "AliasExistsException"
    await town.password_sign_in("bob")


async def test_of_many_who_take_one_alias_over_one_has_it_in_the_end(house: House) -> None:
    town = await open_town(house, alias_attributes=["email"])
    names = ["ann", "bob", "cat", "dan"]
    for name in names:
        await town.inhabitant(name, email=f"{name}@example.com")
    take = (town.admin_update(name, email="shared@example.com", email_verified="true") for name in names)
    await asyncio.gather(*take)
    found = {name: await town.attributes(name) for name in names}
    holders = [
        name
        for name, shown in found.items()
        if shown["email"] == "shared@example.com" and shown["email_verified"] == "true"
    ]
    assert len(holders) == 1
    assert (await town.srp("shared@example.com").start())["USERNAME"] == holders[0]


async def test_where_the_address_is_the_username_a_taken_one_is_refused_to_everybody(house: House) -> None:
    town = await open_town(house, username_attributes=["email"])
    await town.inhabitant("bob@example.com")
    await town.inhabitant("eve@example.com")
    expected = ("AliasExistsException", "An account with the given email already exists.")
    taken = town.admin_update("eve@example.com", email="bob@example.com", email_verified="true")
    assert await refusal_of(taken) == expected
    token = await town.token("eve@example.com")
    assert await refusal_of(town.update(token, email="BOB@example.com")) == expected
    await town.update(token, email="eva@example.com")
    await town.password_sign_in("eva@example.com")


async def test_an_alias_is_let_go_at_once_and_gained_by_verification(house: House) -> None:
    town = await open_town(house, alias_attributes=["email", "preferred_username"])
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob@example.com")
    await town.update(token, email="new@example.com", preferred_username="bobby")
    await town.password_sign_in("bobby")
    for name in ("bob@example.com", "new@example.com"):
        assert await refusal_of(town.token(name)) == UNKNOWN
    await town.verify(token, await town.code())
    await town.password_sign_in("new@example.com")


async def test_parallel_writes_of_one_user_are_all_kept(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    token = await town.token("bob")
    written = {"name": "n", "nickname": "k", "website": "w"}
    await asyncio.gather(*(town.update(token, **{name: value}) for name, value in written.items()))
    shown = await town.attributes("bob")
    assert {name: shown[name] for name in written} == written


async def test_a_preferred_username_that_is_an_alias_waits_for_confirmation(house: House) -> None:
    town = await open_town(house, alias_attributes=["preferred_username"])
    await town.sign_up("bob", email="bob@example.com")
    refused = await message_of(town.admin_update("bob", preferred_username="bobby"))
    assert refused == "Preferred username can not be provided for unconfirmed account"
    await town.confirm("bob", await town.code())
    await town.admin_update("bob", preferred_username="bobby")
    await town.password_sign_in("bobby")
