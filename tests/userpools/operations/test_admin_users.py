"""What administrators do to users: create and invite, find, list, disable; with every rule of names and duplicates."""

import asyncio
import re

import pytest

from poolhouse.delivery.message import open_payload
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminCreateUserResponse,
    AdminGetUserRequest,
    AttributeType,
    ListUsersRequest,
)
from poolhouse.model.errors import ServiceError
from poolhouse.userpools.operations.admin_create_user import admin_create_user
from poolhouse.userpools.operations.admin_users import admin_get_user
from poolhouse.userpools.operations.list_users import list_users
from tests.house import House
from tests.userpools.people import TEMPORARY, Estate, open_estate


async def create(estate: Estate, username: str, **settings: object) -> AdminCreateUserResponse:
    attributes = settings.pop("attributes", {})
    assert isinstance(attributes, dict)
    request = AdminCreateUserRequest(
        user_pool_id=estate.pool_id,
        username=username,
        user_attributes=[AttributeType(name=name, value=value) for name, value in attributes.items()],
        **settings,  # type: ignore[arg-type]
    )
    return await admin_create_user(estate.house.call(), request)


async def refusal(attempt: object) -> tuple[str, str]:
    with pytest.raises(ServiceError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.code, caught.value.message


async def outbox(house: House) -> list[tuple[str, str, str]]:
    """(channel, recipient, body) of every message, the oldest first."""
    rows = await house.services.database.fetch(
        "SELECT message_id, pool_id, channel, recipient, payload FROM outbox ORDER BY message_id"
    )
    found: list[tuple[str, str, str]] = []
    for message_id, pool_id, channel, recipient, payload in rows:
        keyring = house.services.keyring
        message = open_payload(keyring, message_id, payload, pool_id=pool_id, channel=channel, recipient=recipient)
        found.append((message.channel, message.recipient, message.body))
    return found


async def test_the_invitation_says_name_and_temporary_password(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await create(estate, "foo@bar.com", temporary_password=TEMPORARY, desired_delivery_mediums=["EMAIL"])
    assert await outbox(house) == [
        ("EMAIL", "foo@bar.com", f"Your username is foo@bar.com and temporary password is {TEMPORARY}.")
    ]


async def test_without_a_temporary_password_one_is_made_that_signs_in(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await create(estate, "foo@bar.com", desired_delivery_mediums=["EMAIL"])
    ((_, _, body),) = await outbox(house)
    match = re.search(r"temporary password is (\S+)\.$", body)
    assert match is not None
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo@bar.com", PASSWORD=match[1])
    assert answer.challenge_name == "NEW_PASSWORD_REQUIRED"


@pytest.mark.parametrize(
    ("settings", "channels"),
    [
        ({"desired_delivery_mediums": ["EMAIL", "SMS"]}, ["EMAIL", "SMS"]),
        ({"desired_delivery_mediums": ["SMS"]}, ["SMS"]),
        ({}, ["SMS"]),
        ({"desired_delivery_mediums": ["EMAIL"], "message_action": "SUPPRESS"}, []),
    ],
)
async def test_the_invitation_goes_where_it_is_wanted(
    house: House, settings: dict[str, object], channels: list[str]
) -> None:
    estate = await open_estate(house)
    await create(estate, "foo", attributes={"email": "foo@bar.com", "phone_number": "+491701234567"}, **settings)
    assert [channel for channel, _, _ in await outbox(house)] == channels


async def test_resending_makes_a_new_password_and_voids_the_old(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await create(estate, "foo@bar.com", temporary_password=TEMPORARY, desired_delivery_mediums=["EMAIL"])
    await create(
        estate,
        "foo@bar.com",
        message_action="RESEND",
        temporary_password="N3w!temp",
        desired_delivery_mediums=["EMAIL"],
    )
    assert "N3w!temp" in (await outbox(house))[-1][2]
    assert await refusal(estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo@bar.com", PASSWORD=TEMPORARY)) == (
        "NotAuthorizedException",
        "Incorrect username or password.",
    )
    await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo@bar.com", PASSWORD="N3w!temp")


async def test_resending_needs_a_user_who_has_not_signed_in(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("foo")
    assert await refusal(create(estate, "foo", message_action="RESEND")) == (
        "UnsupportedUserStateException",
        "Resend not possible. foo status is not FORCE_CHANGE_PASSWORD",
    )
    assert await refusal(create(estate, "nobody", message_action="RESEND")) == (
        "UserNotFoundException",
        "User does not exist.",
    )


@pytest.mark.parametrize(
    ("username_attributes", "name", "email"),
    [(["email"], "foo@bar.com", "foo@bar.com"), (None, "foo", "x@bar.com")],
)
async def test_who_is_invited_again_by_id_is_told_the_name_to_sign_in_with(
    house: House, username_attributes: list[str] | None, name: str, email: str
) -> None:
    estate = await open_estate(house, username_attributes=username_attributes)
    sub = await estate.invite(name, email=email)
    resend = {"message_action": "RESEND", "desired_delivery_mediums": ["EMAIL"]}
    await create(estate, sub, temporary_password=TEMPORARY, **resend)
    assert (await outbox(house))[-1][2] == f"Your username is {name} and temporary password is {TEMPORARY}."


async def test_where_the_address_is_the_username_the_real_one_is_the_sub(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    created = (await create(estate, "Foo@Bar.com")).user
    assert created is not None
    attributes = {attribute.name: attribute.value for attribute in created.attributes or []}
    assert created.username == attributes["sub"]
    assert attributes["email"] == "Foo@Bar.com"
    for name in ("foo@bar.com", created.username or ""):
        found = await admin_get_user(house.call(), AdminGetUserRequest(user_pool_id=estate.pool_id, username=name))
        assert found.username == created.username


@pytest.mark.parametrize(
    ("username_attributes", "alias_attributes", "username", "message"),
    [
        (["email"], None, "foo", "Username should be an email."),
        (["phone_number"], None, "foo@bar.com", "Username should be a phone number."),
        (["email", "phone_number"], None, "foo", "Username should be either an email or a phone number."),
        (
            None,
            ["email"],
            "foo@bar.com",
            "Username cannot be of email format, since user pool is configured for email alias.",
        ),
        (
            None,
            ["phone_number"],
            "+491701234567",
            "Username cannot be of phone number format, since user pool is configured for phone number alias.",
        ),
    ],
)
async def test_a_username_has_the_pools_form(
    house: House,
    username_attributes: list[str] | None,
    alias_attributes: list[str] | None,
    username: str,
    message: str,
) -> None:
    estate = await open_estate(house, username_attributes=username_attributes, alias_attributes=alias_attributes)
    assert await refusal(create(estate, username)) == ("InvalidParameterException", message)


async def test_a_name_is_given_once_in_the_pools_case(house: House) -> None:
    estate = await open_estate(house)
    await create(estate, "Foo")
    assert await refusal(create(estate, "fOO")) == ("UsernameExistsException", "User account already exists")
    strict = await open_estate(house, case_sensitive=True)
    await create(strict, "Foo")
    await create(strict, "fOO")


async def test_a_name_that_grows_in_small_letters_can_still_be_named(house: House) -> None:
    """U+0130 is two characters in small letters, so 65 of them are more than a request may name."""
    relaxed, strict = await open_estate(house), await open_estate(house, case_sensitive=True)
    made = (await create(relaxed, "\u0130" * 64)).user
    assert made is not None
    assert len(made.username or "") == 128
    code, message = await refusal(create(relaxed, "\u0130" * 65))
    assert code == "InvalidParameterException"
    assert "Member must have length less than or equal to 128" in message
    await create(strict, "\u0130" * 128)


@pytest.mark.parametrize(
    ("first", "second"),
    [("k", "\u212a"), ("i\u0307", "\u0130"), ("\u00df", "\u1e9e"), ("\u00e9", "\u00c9"), ("\u03c3a", "\u03a3A")],
)
async def test_names_that_are_one_in_small_letters_are_one(house: House, first: str, second: str) -> None:
    """Kelvin sign, dotted I, capital sharp s and the like: a second neither shadows nor locks out the first."""
    estate = await open_estate(house)
    await estate.confirmed(first)
    assert await refusal(create(estate, second)) == ("UsernameExistsException", "User account already exists")
    await estate.password_sign_in(second)
    await estate.srp(second).sign_in()


@pytest.mark.parametrize("other", ["\u0131", "\u017f", "ss", "\ufb01"])
async def test_names_that_only_fold_or_look_alike_are_two(house: House, other: str) -> None:
    """Dotless i, long s, the letters of a sharp s or of a ligature: small letters differ, so do the users."""
    estate = await open_estate(house)
    like = {"\u0131": "i", "\u017f": "s", "ss": "\u00df", "\ufb01": "fi"}[other]
    sub = await estate.confirmed(like)
    assert await estate.confirmed(other, "An0ther!pass") != sub
    await estate.password_sign_in(like)
    await estate.password_sign_in(other, "An0ther!pass")


async def test_an_address_that_is_a_username_is_given_once(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await create(estate, "foo@bar.com")
    text = "An account with the given email already exists."
    assert await refusal(create(estate, "FOO@bar.com")) == ("UsernameExistsException", text)
    verified = create(estate, "FOO@bar.com", attributes={"email_verified": "true"})
    assert await refusal(verified) == ("AliasExistsException", text)


@pytest.mark.parametrize("force", [None, False, True])
async def test_there_is_nothing_to_force_where_an_address_is_the_username(house: House, force: bool | None) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await create(estate, "foo@bar.com")
    text = "An account with the given email already exists."
    again = create(estate, "foo@bar.com", force_alias_creation=force)
    assert await refusal(again) == ("UsernameExistsException", text)
    verified = create(estate, "foo@bar.com", attributes={"email_verified": "true"}, force_alias_creation=force)
    assert await refusal(verified) == ("AliasExistsException", text)


async def test_the_attribute_that_is_the_username_may_differ_from_it_in_case_alone(house: House) -> None:
    relaxed = await open_estate(house, username_attributes=["email"])
    await create(relaxed, "Foo@Bar.com", attributes={"email": "foo@bar.com"})
    strict = await open_estate(house, username_attributes=["email"], case_sensitive=True)
    assert await refusal(create(strict, "Foo@Bar.com", attributes={"email": "foo@bar.com"})) == (
        "InvalidParameterException",
        "The email attribute must be the username.",
    )


async def test_nobody_gets_another_users_id_as_a_name(house: House) -> None:
    """Administrators and applications name users by their sub: it must not lead to who calls themselves so."""
    estate = await open_estate(house, alias_attributes=["preferred_username"])
    sub = await estate.invite("alice")
    assert await refusal(create(estate, sub)) == ("UsernameExistsException", "User account already exists")
    alias = create(estate, "mallory", attributes={"preferred_username": sub})
    assert await refusal(alias) == ("AliasExistsException", "Already found an entry for the provided username.")
    found = await admin_get_user(house.call(), AdminGetUserRequest(user_pool_id=estate.pool_id, username=sub))
    assert found.username == "alice"


async def test_a_verified_alias_is_given_once_unless_it_is_forced(house: House) -> None:
    estate = await open_estate(house, alias_attributes=["email"])
    address = {"email": "foo@bar.com", "email_verified": "true"}
    await create(estate, "first", attributes=address)
    assert await refusal(create(estate, "second", attributes=address)) == (
        "AliasExistsException",
        "An account with the given email already exists.",
    )
    await create(estate, "second", attributes=address, force_alias_creation=True)
    users = house.services.store.users
    owner = await users.find(estate.pool_id, "foo@bar.com")
    assert owner is not None
    assert owner.username == "second"
    first = await users.find(estate.pool_id, "first")
    assert first is not None
    assert first.attributes["email_verified"] == "false"


async def test_forcing_an_alias_never_takes_a_username(house: House) -> None:
    estate = await open_estate(house, alias_attributes=["preferred_username"])
    await create(estate, "first")
    taken = create(estate, "second", attributes={"preferred_username": "first"}, force_alias_creation=True)
    assert (await refusal(taken))[0] == "AliasExistsException"
    owner = await house.services.store.users.find(estate.pool_id, "first")
    assert owner is not None
    assert owner.username == "first"


async def test_of_parallel_creates_one_wins_and_nothing_is_half_written(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    outcomes = await asyncio.gather(
        *(create(estate, "foo@bar.com", desired_delivery_mediums=["EMAIL"]) for _ in range(12)),
        return_exceptions=True,
    )
    refused = [outcome for outcome in outcomes if isinstance(outcome, ServiceError)]
    assert len(refused) == 11
    assert {error.code for error in refused} == {"UsernameExistsException"}
    assert len(await outbox(house)) == 1
    counts = [
        (await house.services.database.fetch(f"SELECT count(*) FROM {table}"))[0][0] for table in ("users", "aliases")
    ]
    assert counts == [1, 2]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"email": "nonsense"}, "Invalid email address format."),
        ({"phone_number": "0170"}, "Invalid phone number format."),
        (
            {"custom:team": "a"},
            "Attributes did not conform to the schema: custom:team: Attribute does not exist in the schema.\n",
        ),
    ],
)
async def test_attributes_fit_the_schema(house: House, attributes: dict[str, str], message: str) -> None:
    estate = await open_estate(house)
    code, text = await refusal(create(estate, "foo", attributes=attributes))
    assert (code, text) == ("InvalidParameterException", message)


async def test_a_temporary_password_obeys_the_policy(house: House) -> None:
    estate = await open_estate(house)
    code, text = await refusal(create(estate, "foo", temporary_password="secret"))
    assert code == "InvalidPasswordException"
    assert text == "Password did not conform with password policy: Password must have uppercase characters"


# -- ListUsers ------------------------------------------------------------------------------------------------


async def listed(estate: Estate, **settings: object) -> list[str]:
    """Usernames over all pages, in pages of two."""
    names: list[str] = []
    token = None
    while True:
        request = ListUsersRequest(
            user_pool_id=estate.pool_id,
            limit=2,
            pagination_token=token,
            **settings,  # type: ignore[arg-type]
        )
        page = await list_users(estate.house.call(), request)
        assert len(page.users or []) <= 2
        names += [user.username or "" for user in page.users or []]
        token = page.pagination_token
        if token is None:
            return names


async def crowd(house: House) -> Estate:
    estate = await open_estate(house, case_sensitive=True)
    for name, email, status in [
        ("ann", "Ann@a.example", "confirmed"),
        ("anna", "anna@b.example", "invited"),
        ("bob", "bob@a.example", "confirmed"),
        ("Ann", "ann@c.example", "invited"),
        ("eve", "", "confirmed"),
    ]:
        attributes = {"email": email, "given_name": f"{name}-x"} if email else {}
        if status == "confirmed":
            await estate.confirmed(name, **attributes)
        else:
            await estate.invite(name, **attributes)
    return estate


async def test_listing_pages_over_every_user_once(house: House) -> None:
    estate = await crowd(house)
    names = await listed(estate)
    assert sorted(names) == ["Ann", "ann", "anna", "bob", "eve"]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ('username = "ann"', ["ann"]),
        ('username ^= "ann"', ["ann", "anna"]),
        ('email ^= "ANN"', ["Ann", "ann", "anna"]),
        ('email = "bob@A.example"', ["bob"]),
        ('given_name^="a"', ["Ann", "ann", "anna"]),
        ('cognito:user_status = "confirmed"', ["ann", "bob", "eve"]),
        ('cognito:user_status = "FORCE_CHANGE_PASSWORD"', ["Ann", "anna"]),
        ('status = "Enabled"', ["Ann", "ann", "anna", "bob", "eve"]),
        ('status = "Disabled"', []),
        ('email = "nobody\\"@x"', []),
        ('name ^= ""', []),
        ("", ["Ann", "ann", "anna", "bob", "eve"]),
    ],
)
async def test_a_filter_finds_who_matches(house: House, condition: str, names: list[str]) -> None:
    estate = await crowd(house)
    assert sorted(await listed(estate, filter=condition)) == names


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("username", "Error while parsing filter"),
        ('username == "a"', "Error while parsing filter"),
        ('username = "a" or username = "b"', "Error while parsing filter"),
        ("username = 'a'", "Error while parsing filter"),
        ('username = "a"; DROP TABLE users', "Error while parsing filter"),
        ('custom:foo = "a"', "Invalid search attribute: custom:foo"),
        ('address = "a"', "Invalid search attribute: address"),
    ],
)
async def test_a_filter_that_is_none_is_refused(house: House, condition: str, message: str) -> None:
    estate = await open_estate(house)
    assert await refusal(listed(estate, filter=condition)) == ("InvalidParameterException", message)


async def test_a_page_token_is_bound_to_its_list(house: House) -> None:
    estate = await crowd(house)
    first = await list_users(house.call(), ListUsersRequest(user_pool_id=estate.pool_id, limit=2))
    assert first.pagination_token is not None
    other = await open_estate(house)
    for pool_id, condition in ((other.pool_id, None), (estate.pool_id, 'username ^= "a"')):
        request = ListUsersRequest(
            user_pool_id=pool_id, limit=2, filter=condition, pagination_token=first.pagination_token
        )
        assert await refusal(list_users(house.call(), request)) == (
            "InvalidParameterException",
            "Invalid pagination token",
        )


async def test_every_filter_has_its_index(house: House) -> None:
    """What the planner of SQLite says of each search: a range of an index, never the table."""
    if house.services.database.dialect != "sqlite":
        return
    from poolhouse.storage import user_search

    estate = await crowd(house)
    seen: list[str] = []
    original = house.services.database.fetch

    async def explain(sql: str, *args: object) -> list[object]:
        rows = await original(f"EXPLAIN QUERY PLAN {sql}", *args)  # type: ignore[arg-type]
        seen.append(str(rows[0][3]))
        return []

    search = user_search.UserSearch(house.services.database)
    house.services.database.fetch = explain  # type: ignore[method-assign,assignment]
    for column in ("username", "email", "phone_number", "name", "given_name", "family_name", "status"):
        await search.by_value(estate.pool_id, column, "a", prefix=True, after=("ab", "x"), limit=3)
        await search.by_value(estate.pool_id, column, "a", prefix=False, after=None, limit=3)
    assert all(text.startswith("SEARCH users USING INDEX users_by_") for text in seen), seen
    assert all("(pool_id=?" in text for text in seen)
