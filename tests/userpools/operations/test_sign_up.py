"""Sign-up, confirmation and its codes, on every database (contract/operations.md "Sign-up", rules.md §1, §3, §5)."""

import asyncio
import re
from collections import Counter

import pytest

from poolhouse.model.cognito_idp_model import (
    AdminConfirmSignUpRequest,
    AdminCreateUserConfigType,
    SchemaAttributeType,
    SignUpRequest,
    VerificationMessageTemplateType,
)
from poolhouse.userpools.operations.sign_up import admin_confirm_sign_up, sign_up
from tests.house import House
from tests.userpools.operations.newcomers import (
    EXPIRED,
    HOUR,
    LIMIT,
    MISMATCH,
    Town,
    message_of,
    open_gate,
    open_town,
    other_than,
    refusal_of,
)
from tests.userpools.people import PASSWORD


async def confirm_by_admin(town: Town, username: str) -> None:
    await admin_confirm_sign_up(
        town.house.call(), AdminConfirmSignUpRequest(user_pool_id=town.pool_id, username=username)
    )


async def test_a_newcomer_confirms_by_the_code_and_signs_in(house: House) -> None:
    town = await open_town(house)
    answer = await town.sign_up("bob", email="bob@example.com", name="Bob")
    assert answer.user_confirmed is False
    assert answer.session is None
    details = answer.code_delivery_details
    assert details is not None
    assert (details.destination, details.delivery_medium, details.attribute_name) == ("b***@e***", "EMAIL", "email")
    assert await town.status("bob") == "UNCONFIRMED"
    assert (await town.attributes("bob"))["email_verified"] == "false"
    (message,) = await town.post()
    assert message.recipient == "bob@example.com"
    assert message.subject == "Your verification code"
    assert message.body == f"Your confirmation code is {message.code}"
    assert message.purpose == "sign_up"
    signing_in = town.initiate("USER_PASSWORD_AUTH", USERNAME="bob", PASSWORD=PASSWORD)
    assert await message_of(signing_in) == "User is not confirmed."
    await town.confirm("bob", message.code or "")
    assert await town.status("bob") == "CONFIRMED"
    assert (await town.attributes("bob"))["email_verified"] == "true"
    await town.password_sign_in("bob")
    assert (await town.srp("bob").sign_in()).authentication_result is not None


async def test_a_pool_for_administrators_only_takes_no_sign_up(house: House) -> None:
    closed = AdminCreateUserConfigType(allow_admin_create_user_only=True)
    town = await open_town(house, admin_create_user_config=closed, with_secret=True)
    expected = ("NotAuthorizedException", "SignUp is not permitted for this user pool")
    assert await refusal_of(town.sign_up("bob", "x")) == expected
    # The client and its secret come first, the password and the attributes later.
    request = SignUpRequest(client_id=town.client_id, secret_hash="bm8=", username="bob", password="x")
    expected_hash = f"Unable to verify secret hash for client {town.client_id}"
    assert await message_of(sign_up(house.call(None), request)) == expected_hash
    request = SignUpRequest(client_id="0" * 26, username="bob", password="x")
    assert await refusal_of(sign_up(house.call(None), request)) == (
        "ResourceNotFoundException",
        f"User pool client {'0' * 26} does not exist.",
    )


async def test_a_client_with_a_secret_proves_it_at_every_step(house: House) -> None:
    town = await open_town(house, with_secret=True)
    await town.inhabitant("bob", email="bob@example.com")
    assert await town.forgot("bob") is not None
    await town.recover("bob", await town.code())
    bare = Town(house, town.pool_id, town.client_id, None)
    expected = f"Client {town.client_id} is configured with secret but SECRET_HASH was not received"
    for attempt in (bare.sign_up("x"), bare.confirm("bob", "1"), bare.resend("bob"), bare.forgot("bob")):
        assert await refusal_of(attempt) == ("NotAuthorizedException", expected)
    assert await message_of(bare.recover("bob", "1")) == expected


@pytest.mark.parametrize(
    ("attributes", "code", "message"),
    [
        ({"shoe": "42"}, "InvalidParameterException", "shoe: Attribute does not exist in the schema."),
        ({}, "InvalidParameterException", "given_name: The attribute is required"),
        ({"email": "bob"}, "InvalidParameterException", "Invalid email address format."),
        ({"phone_number": "12"}, "InvalidParameterException", "Invalid phone number format."),
        ({"email_verified": "true"}, "NotAuthorizedException", "write unauthorized attribute"),
        ({"sub": "x"}, "NotAuthorizedException", "write unauthorized attribute"),
    ],
)
async def test_attributes_must_fit_the_schema(
    house: House, attributes: dict[str, str], code: str, message: str
) -> None:
    schema = [SchemaAttributeType(name="given_name", required=True)]
    town = await open_town(house, schema=schema)
    given = {"given_name": "Bob", **attributes} if attributes else {}
    refused = await refusal_of(town.sign_up("bob", **given))
    assert refused[0] == code
    assert message in refused[1]


async def test_a_client_writes_only_what_is_on_its_list(house: House) -> None:
    town = await open_town(house, client={"write_attributes": ["email", "name"]})
    refused = await message_of(town.sign_up("bob", nickname="b"))
    assert refused == "A client attempted to write unauthorized attribute"
    await town.sign_up("bob", email="bob@example.com", name="Bob")


async def test_the_password_must_keep_the_policy_and_be_there(house: House) -> None:
    town = await open_town(house)
    assert (await refusal_of(town.sign_up("bob", "short")))[0] == "InvalidPasswordException"
    assert await message_of(town.sign_up("bob", None)) == "Missing required parameter Password"


async def test_a_username_is_taken_once_whatever_its_case(house: House) -> None:
    town = await open_town(house, hides_existence=True)
    await town.sign_up("Bob", email="bob@example.com")
    assert await refusal_of(town.sign_up("bOB")) == ("UsernameExistsException", "User already exists")
    outcomes = await asyncio.gather(*(town.sign_up("eve") for _ in range(20)), return_exceptions=True)
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_an_address_as_username_becomes_the_attribute_and_serves_at_once(house: House) -> None:
    town = await open_town(house, username_attributes=["email", "phone_number"])
    answer = await town.sign_up("bob@example.com")
    shown = await town.attributes("bob@example.com")
    assert shown == {"email": "bob@example.com", "email_verified": "false"}
    assert await refusal_of(town.sign_up("Bob@Example.com")) == (
        "UsernameExistsException",
        "An account with the given email already exists.",
    )
    assert await message_of(town.sign_up("bob")) == "Username should be either an email or a phone number."
    await town.confirm(answer.user_sub, await town.code())
    await town.password_sign_in("bob@example.com")
    assert await message_of(town.sign_up("eve@example.com", email="other@example.com")) == (
        "The email attribute must be the username."
    )


async def test_of_two_addresses_only_the_phone_gets_a_code(house: House) -> None:
    town = await open_town(house, verifies=("email", "phone_number"))
    answer = await town.sign_up("bob", email="bob@example.com", phone_number="+12065551234")
    details = answer.code_delivery_details
    assert details is not None
    assert (details.destination, details.delivery_medium) == ("+*******1234", "SMS")
    (message,) = await town.post()
    assert (message.channel, message.recipient) == ("SMS", "+12065551234")
    assert message.body == f"Your confirmation code is {message.code}"
    await town.confirm("bob", message.code or "")
    shown = await town.attributes("bob")
    assert (shown["phone_number_verified"], shown["email_verified"]) == ("true", "false")


async def test_no_code_is_sent_where_nothing_is_verified_or_given(house: House) -> None:
    for verifies in ((), ("phone_number",)):
        town = await open_town(house, verifies=verifies)
        answer = await town.sign_up("bob", email="bob@example.com")
        assert answer.code_delivery_details is None
        assert await town.post() == []
        expected = ("InvalidParameterException", "Cannot resend codes. Auto verification not turned on.")
        assert await refusal_of(town.resend("bob")) == expected
        assert await message_of(town.confirm("bob", "123456")) == EXPIRED


async def test_the_pool_s_own_texts_are_sent(house: House) -> None:
    texts = VerificationMessageTemplateType(
        email_subject="Hello", email_message="<b>{####}</b>", sms_message="It is {####}"
    )
    town = await open_town(house, verification_message_template=texts)
    await town.sign_up("bob", email="bob@example.com")
    (message,) = await town.post()
    assert (message.subject, message.body, message.html) == ("Hello", f"<b>{message.code}</b>", True)


async def test_a_confirmation_happens_once(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    assert await refusal_of(town.confirm("bob", other_than(code))) == ("CodeMismatchException", MISMATCH)
    assert await message_of(town.confirm("bob", "not-digits-and-much-too-long")) == MISMATCH
    outcomes = await asyncio.gather(*(town.confirm("bob", code) for _ in range(5)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    expected = ("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
    assert await refusal_of(town.confirm("bob", code)) == expected
    assert await refusal_of(town.resend("bob")) == ("InvalidParameterException", "User is already confirmed.")


async def test_a_code_lives_a_day_and_a_newer_one_replaces_it(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    first = await town.code()
    details = await town.resend("bob")
    assert details is not None
    assert details.destination == "b***@e***"
    second = await town.code()
    if second != first:
        assert await message_of(town.confirm("bob", first)) == MISMATCH
    house.clock.forward(24 * HOUR)
    assert await refusal_of(town.confirm("bob", second)) == ("ExpiredCodeException", EXPIRED)
    await town.resend("bob")
    await town.confirm("bob", await town.code())


async def test_five_codes_an_hour_are_sent_again(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    outcomes = await asyncio.gather(*(town.resend("bob") for _ in range(20)), return_exceptions=True)
    assert Counter(str(outcome) for outcome in outcomes if isinstance(outcome, Exception)) == {LIMIT: 15}
    assert len(await town.post()) == 1 + 5
    house.clock.forward(HOUR)
    await town.resend("bob")


async def test_guesses_in_parallel_are_all_counted(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    wrong = other_than(code)
    outcomes = await asyncio.gather(*(town.confirm("bob", wrong) for _ in range(400)), return_exceptions=True)
    assert Counter(str(outcome) for outcome in outcomes) == {MISMATCH: 15, LIMIT: 385}
    # Not even the right code passes the limit; an hour later it does.
    assert await refusal_of(town.confirm("bob", code)) == ("LimitExceededException", LIMIT)
    house.clock.forward(HOUR)
    await town.confirm("bob", code)


async def test_a_right_code_hidden_in_a_flood_of_wrong_ones_counts_like_them(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    wrong = [town.confirm("bob", other_than(code)) for _ in range(60)]
    outcomes = await asyncio.gather(*wrong, town.confirm("bob", code), return_exceptions=True)
    counts = Counter(str(outcome) for outcome in outcomes[:-1])
    assert counts[MISMATCH] <= 15
    assert str(outcomes[-1]) in (LIMIT, "None")


async def test_another_user_s_code_is_just_wrong(house: House) -> None:
    town = await open_town(house)
    other = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    bobs = await town.code()
    await town.sign_up("eve", email="eve@example.com")
    await other.sign_up("bob", email="bob@example.com")
    assert await message_of(town.confirm("eve", bobs)) == MISMATCH
    assert await message_of(other.confirm("bob", bobs)) == MISMATCH


async def test_a_code_proves_only_the_address_it_was_sent_to(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    await town.admin_update("bob", email="new@example.com")
    assert await message_of(town.confirm("bob", code)) == EXPIRED


async def test_an_alias_is_claimed_at_confirmation_and_taken_by_force(house: House) -> None:
    town = await open_town(house, alias_attributes=["email"])
    await town.inhabitant("bob", email="shared@example.com")
    await town.password_sign_in("shared@example.com")
    await town.sign_up("eve", email="shared@example.com")
    code = await town.code()
    expected = ("AliasExistsException", "An account with the given email already exists.")
    assert await refusal_of(town.confirm("eve", code)) == expected
    assert await town.status("eve") == "UNCONFIRMED"
    await town.confirm("eve", code, force=True)
    assert (await town.attributes("bob"))["email_verified"] == "false"
    assert (await town.attributes("eve"))["email_verified"] == "true"
    await town.password_sign_in("bob")
    answer = await town.initiate("USER_PASSWORD_AUTH", USERNAME="shared@example.com", PASSWORD=PASSWORD)
    assert answer.authentication_result is not None
    assert await town.status("shared@example.com") == "CONFIRMED"
    assert (await town.srp("shared@example.com").start())["USERNAME"] == "eve"


async def test_an_unverified_alias_is_nobody_s(house: House) -> None:
    town = await open_town(house, alias_attributes=["email", "preferred_username"])
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    assert await refusal_of(town.confirm("bob@example.com", code)) == ("UserNotFoundException", "User does not exist.")
    assert await message_of(town.sign_up("x@example.com")) == (
        "Username cannot be of email format, since user pool is configured for email alias."
    )
    assert await message_of(town.sign_up("eve", preferred_username="evita")) == (
        "Preferred username can not be provided for unconfirmed account"
    )


async def test_an_administrator_confirms_without_verifying(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    await confirm_by_admin(town, "bob")
    assert await town.status("bob") == "CONFIRMED"
    assert (await town.attributes("bob"))["email_verified"] == "false"
    await town.password_sign_in("bob")
    expected = ("NotAuthorizedException", "User cannot be confirmed. Current status is CONFIRMED")
    assert await refusal_of(confirm_by_admin(town, "bob")) == expected
    await town.invite("eve", PASSWORD)
    assert await message_of(confirm_by_admin(town, "eve")) == (
        "User cannot be confirmed. Current status is FORCE_CHANGE_PASSWORD"
    )
    assert (await refusal_of(confirm_by_admin(town, "nobody")))[0] == "UserNotFoundException"


async def test_where_the_client_may_tell_an_unknown_name_is_unknown(house: House) -> None:
    town = await open_town(house)
    assert await refusal_of(town.confirm("nobody", "123456")) == ("UserNotFoundException", "User does not exist.")
    expected = ("UserNotFoundException", "Username/client id combination not found.")
    assert await refusal_of(town.resend("nobody")) == expected


async def test_where_existence_is_hidden_known_and_unknown_names_answer_alike(house: House) -> None:
    town = await open_town(house, username_attributes=["email"], hides_existence=True)
    await town.sign_up("new@example.com")
    code = await town.code()
    await town.inhabitant("old@example.com")
    sent = len(await town.post())
    names = ["new@example.com", "old@example.com", "nobody@example.com"]
    wrong = other_than(code)
    for name in names:
        answers = [await refusal_of(town.confirm(name, wrong)) for _ in range(15)]
        if name == "old@example.com":
            answers.append(("CodeMismatchException", MISMATCH))  # one of its tries was its own confirmation
        assert answers[:14] == [("CodeMismatchException", MISMATCH)] * 14
        assert await refusal_of(town.confirm(name, wrong)) == ("LimitExceededException", LIMIT)
        details = [await town.resend(name) for _ in range(5)]
        assert {(d.destination, d.delivery_medium, d.attribute_name) for d in details if d is not None} == {
            (f"{name[0]}***@e***", "EMAIL", "email")
        }
        assert await refusal_of(town.resend(name)) == ("LimitExceededException", LIMIT)
    assert len(await town.post()) == sent + 5  # to the one who is there and not confirmed


async def test_a_simulated_address_is_the_same_each_time_and_on_every_client(house: House) -> None:
    town = await open_town(house, hides_existence=True)
    gate = await open_gate(house, town.pool_id, hides_existence=True)
    seen = {await town.resend("nobody"), await town.resend("NOBODY"), await gate.resend("nobody")}
    assert len(seen) == 1
    assert len({await town.resend(f"nobody{n}") for n in range(20)}) > 5


async def test_a_simulated_address_is_of_the_kind_that_people_of_the_pool_have(house: House) -> None:
    phone = [SchemaAttributeType(name="phone_number", required=True)]
    town = await open_town(house, verifies=("email", "phone_number"), schema=phone, hides_existence=True)
    details = await town.resend("nobody")
    assert details is not None
    assert re.fullmatch(r"\+\*{7}[0-9]{4}", details.destination or "")
    assert (details.delivery_medium, details.attribute_name) == ("SMS", "phone_number")
    town = await open_town(house, verifies=("email", "phone_number"), hides_existence=True)
    details = await town.resend("nobody")
    assert details is not None
    assert re.fullmatch(r"[a-z]\*\*\*@[a-z]\*\*\*", details.destination or "")
    details = await town.resend("+12065551234")
    assert details is not None
    assert (details.destination, details.delivery_medium) == ("+*******1234", "SMS")


async def test_whoever_sends_the_right_code_again_is_told_that_it_worked(house: House) -> None:
    town = await open_town(house, hides_existence=True)
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    await town.confirm("bob", code)
    assert await message_of(town.confirm("bob", code)) == "User cannot be confirmed. Current status is CONFIRMED"
    assert await message_of(town.confirm("bob", other_than(code))) == MISMATCH


async def test_what_is_stored_of_a_code_does_not_tell_it(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    code = await town.code()
    rows = await house.services.database.fetch("SELECT code_hash, destination FROM codes")
    assert [len(row[0]) for row in rows] == [32]
    assert code.encode() not in bytes(rows[0][0])
