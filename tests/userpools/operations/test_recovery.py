"""Lost passwords, on every database (contract/operations.md "User self-service", rules.md §3, §5, §6)."""

import asyncio
from collections import Counter

import pytest

from poolhouse.model.cognito_idp_model import (
    AccountRecoverySettingType,
    AdminDisableUserRequest,
    AdminResetUserPasswordRequest,
    AdminSetUserPasswordRequest,
    GetUserRequest,
    RecoveryOptionType,
)
from poolhouse.userpools.operations.account import get_user
from poolhouse.userpools.operations.admin_users import admin_disable_user, admin_set_user_password
from poolhouse.userpools.operations.recovery import admin_reset_user_password
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

NEW = "N3w!secret"
NO_ADDRESS = "Cannot reset password for the user as there is no registered/verified email or phone_number"
STATE = "User password cannot be reset in the current state."


def recovers_by(*names: str) -> AccountRecoverySettingType:
    options = [RecoveryOptionType(priority=place + 1, name=name) for place, name in enumerate(names)]  # type: ignore[arg-type]
    # The priority decides, whatever the order in which they are listed.
    return AccountRecoverySettingType(recovery_mechanisms=options[::-1])


async def reset_by_admin(town: Town, username: str) -> None:
    await admin_reset_user_password(
        town.house.call(), AdminResetUserPasswordRequest(user_pool_id=town.pool_id, username=username)
    )


async def disable(town: Town, username: str) -> None:
    await admin_disable_user(town.house.call(), AdminDisableUserRequest(user_pool_id=town.pool_id, username=username))


async def set_password(town: Town, username: str, password: str, *, permanent: bool) -> None:
    await admin_set_user_password(
        town.house.call(),
        AdminSetUserPasswordRequest(
            user_pool_id=town.pool_id, username=username, password=password, permanent=permanent
        ),
    )


async def test_a_lost_password_is_replaced_by_the_code(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    session = await town.password_sign_in("bob")
    details = await town.forgot("bob")
    assert details is not None
    assert (details.destination, details.delivery_medium, details.attribute_name) == ("b***@e***", "EMAIL", "email")
    message = (await town.post())[0]
    assert (message.recipient, message.purpose) == ("bob@example.com", "forgot_password")
    assert message.body == f"Your confirmation code is {message.code}"
    await town.password_sign_in("bob")  # asking for a code changes nothing yet
    await town.recover("bob", message.code or "", NEW)
    signing_in = town.initiate("USER_PASSWORD_AUTH", USERNAME="bob", PASSWORD=PASSWORD)
    assert await message_of(signing_in) == "Incorrect username or password."
    await town.password_sign_in("bob", NEW)
    assert (await town.srp("bob", NEW).sign_in()).authentication_result is not None
    # What was signed in stays signed in (contract/tokens.md §7).
    await get_user(house.call(None), GetUserRequest(access_token=session.access_token or ""))
    await town.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=session.refresh_token or "")


async def test_a_recovery_code_works_once_for_an_hour(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    assert await refusal_of(town.recover("bob", "123456")) == ("ExpiredCodeException", EXPIRED)
    await town.forgot("bob")
    code = await town.code()
    assert await refusal_of(town.recover("bob", other_than(code))) == ("CodeMismatchException", MISMATCH)
    outcomes = await asyncio.gather(*(town.recover("bob", code, NEW) for _ in range(5)), return_exceptions=True)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert (await refusal_of(town.recover("bob", code)))[0] in ("ExpiredCodeException", "CodeMismatchException")
    await town.forgot("bob")
    house.clock.forward(HOUR)
    assert await refusal_of(town.recover("bob", await town.code())) == ("ExpiredCodeException", EXPIRED)


async def test_a_password_that_breaks_the_policy_costs_no_try(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    code = await town.code()
    for _ in range(20):
        assert (await refusal_of(town.recover("bob", code, "short")))[0] == "InvalidPasswordException"
    await town.recover("bob", code, NEW)


async def test_guesses_in_parallel_are_all_counted(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    code = await town.code()
    guesses = (town.recover("bob", other_than(code)) for _ in range(300))
    outcomes = await asyncio.gather(*guesses, return_exceptions=True)
    assert Counter(str(outcome) for outcome in outcomes) == {MISMATCH: 10, LIMIT: 290}
    # A new code does not open a new count.
    await town.forgot("bob")
    assert await refusal_of(town.recover("bob", await town.code())) == ("LimitExceededException", LIMIT)
    await town.password_sign_in("bob")


async def test_five_codes_an_hour_are_sent(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    outcomes = await asyncio.gather(*(town.forgot("bob") for _ in range(12)), return_exceptions=True)
    assert Counter(str(outcome) for outcome in outcomes if isinstance(outcome, Exception)) == {LIMIT: 7}


async def test_codes_of_other_users_and_purposes_are_just_wrong(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.inhabitant("eve", email="eve@example.com")
    await town.forgot("bob")
    bobs = await town.code()
    await town.forgot("eve")
    if bobs != await town.code():
        assert await message_of(town.recover("eve", bobs)) == MISMATCH
    await town.ask_code(await town.token("bob"))
    verification = await town.code()
    if verification != bobs:
        assert await message_of(town.recover("bob", verification)) == MISMATCH


async def test_a_password_or_address_that_changes_meanwhile_voids_the_code(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    await set_password(town, "bob", "An0ther!one", permanent=True)
    assert await message_of(town.recover("bob", await town.code())) == MISMATCH
    await town.forgot("bob")
    code = await town.code()
    await town.admin_update("bob", email="new@example.com", email_verified="true")
    assert await message_of(town.recover("bob", code)) == EXPIRED


async def test_the_recovery_setting_s_priority_chooses_among_verified_addresses(house: House) -> None:
    both = {"email": "bob@example.com", "phone_number": "+12065551234"}
    verified = {"email_verified": "true", "phone_number_verified": "true"}
    cases: list[tuple[tuple[str, ...], dict[str, str], str | None]] = [
        ((), verified, "SMS"),
        (("verified_email", "verified_phone_number"), verified, "EMAIL"),
        (("verified_phone_number", "verified_email"), verified, "SMS"),
        (("verified_phone_number", "verified_email"), {"email_verified": "true"}, "EMAIL"),
        (("verified_phone_number",), {"email_verified": "true"}, None),
        ((), {}, None),
    ]
    for names, flags, medium in cases:
        setting = recovers_by(*names) if names else None
        town = await open_town(house, verifies=("email", "phone_number"), account_recovery_setting=setting)
        await town.confirmed_by_admin("bob", **both, **flags)
        if medium is None:
            assert await refusal_of(town.forgot("bob")) == ("InvalidParameterException", NO_ADDRESS)
            assert await message_of(reset_by_admin(town, "bob")) == NO_ADDRESS
        else:
            details = await town.forgot("bob")
            assert details is not None
            assert details.delivery_medium == medium


async def test_where_only_administrators_recover_nobody_is_sent_a_code(house: House) -> None:
    for hides in (False, True):
        town = await open_town(house, hides_existence=hides, account_recovery_setting=recovers_by("admin_only"))
        await town.inhabitant("bob", email="bob@example.com")
        expected = ("NotAuthorizedException", "Contact administrator to reset password.")
        assert await refusal_of(town.forgot("bob")) == expected
        assert await refusal_of(town.forgot("nobody")) == expected
        assert await message_of(reset_by_admin(town, "bob")) == NO_ADDRESS


async def test_states_that_have_no_recovery_are_named_where_the_client_may_tell(house: House) -> None:
    town = await open_town(house)
    await town.invite("ann", PASSWORD, email="ann@example.com", email_verified="true")
    assert await refusal_of(town.forgot("ann")) == ("NotAuthorizedException", STATE)
    assert await refusal_of(reset_by_admin(town, "ann")) == ("NotAuthorizedException", STATE)
    await town.sign_up("new", email="new@example.com")
    assert await refusal_of(town.forgot("new")) == ("InvalidParameterException", NO_ADDRESS)
    assert await message_of(reset_by_admin(town, "new")) == STATE
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    await disable(town, "bob")
    assert await refusal_of(town.forgot("bob")) == ("NotAuthorizedException", "User is disabled.")
    assert await message_of(town.recover("bob", await town.code())) == "User is disabled."
    assert await refusal_of(reset_by_admin(town, "bob")) == ("NotAuthorizedException", "User is disabled")
    expected = ("UserNotFoundException", "Username/client id combination not found.")
    assert await refusal_of(town.forgot("nobody")) == expected
    assert await refusal_of(town.recover("nobody", "123456")) == ("UserNotFoundException", "User does not exist.")
    assert (await refusal_of(reset_by_admin(town, "nobody")))[0] == "UserNotFoundException"


async def test_an_unconfirmed_user_with_a_verified_address_recovers_and_is_confirmed(house: House) -> None:
    town = await open_town(house)
    await town.sign_up("bob", email="bob@example.com")
    await town.admin_update("bob", email_verified="true")
    await town.forgot("bob")
    await town.recover("bob", await town.code(), NEW)
    assert await town.status("bob") == "CONFIRMED"
    await town.password_sign_in("bob", NEW)


async def test_a_reset_by_an_administrator_stops_the_password_until_the_code_comes(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    session = await town.password_sign_in("bob")
    await reset_by_admin(town, "bob")
    assert await town.status("bob") == "RESET_REQUIRED"
    signing_in = town.initiate("USER_PASSWORD_AUTH", USERNAME="bob", PASSWORD=PASSWORD)
    expected = ("PasswordResetRequiredException", "Password reset required for the user")
    assert await refusal_of(signing_in) == expected
    await get_user(house.call(None), GetUserRequest(access_token=session.access_token or ""))
    await reset_by_admin(town, "bob")  # again: another code
    await town.recover("bob", await town.code(), NEW)
    assert await town.status("bob") == "CONFIRMED"
    await town.password_sign_in("bob", NEW)


async def test_a_temporary_password_that_is_set_meanwhile_stays_temporary(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    await set_password(town, "bob", "Temp0rary!x", permanent=False)
    assert await message_of(town.recover("bob", await town.code())) == MISMATCH
    assert await town.status("bob") == "FORCE_CHANGE_PASSWORD"


async def test_where_existence_is_hidden_every_name_answers_alike(house: House) -> None:
    town = await open_town(house, username_attributes=["email"], hides_existence=True)
    await town.inhabitant("ann@example.com")
    await town.inhabitant("bob@example.com")
    await disable(town, "bob@example.com")
    await town.sign_up("cat@example.com")
    await town.invite("dan@example.com", PASSWORD, email_verified="true")
    sent = len(await town.post())
    names = ["ann@example.com", "bob@example.com", "cat@example.com", "dan@example.com", "nobody@example.com"]
    for name in names:
        assert await refusal_of(town.recover(name, "000000")) == ("CodeMismatchException", MISMATCH)
        details = [await town.forgot(name) for _ in range(5)]
        assert {(d.destination, d.delivery_medium, d.attribute_name) for d in details if d is not None} == {
            (f"{name[0]}***@e***", "EMAIL", "email")
        }
        assert await refusal_of(town.forgot(name)) == ("LimitExceededException", LIMIT)
        wrong = "000000" if await town.code() != "000000" else "000001"
        for _ in range(9):
            assert await refusal_of(town.recover(name, wrong)) == ("CodeMismatchException", MISMATCH)
        assert await refusal_of(town.recover(name, wrong)) == ("LimitExceededException", LIMIT)
    assert len(await town.post()) == sent + 5


async def test_capitals_in_what_was_typed_tell_nothing(house: House) -> None:
    town = await open_town(house, username_attributes=["email"], hides_existence=True)
    await town.inhabitant("bob@example.com")
    known, unknown = await town.forgot("BOB@Example.com"), await town.forgot("BEN@Example.com")
    assert known == unknown


async def test_a_disabled_user_is_told_so_only_with_the_right_code(house: House) -> None:
    town = await open_town(house, hides_existence=True)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    code = await town.code()
    await disable(town, "bob")
    assert await message_of(town.recover("bob", other_than(code))) == MISMATCH
    assert await message_of(town.recover("bob", code)) == "User is disabled."


async def test_what_one_client_hides_another_of_the_pool_may_tell(house: House) -> None:
    town = await open_town(house)
    hiding = await open_gate(house, town.pool_id, hides_existence=True)
    assert (await refusal_of(town.forgot("nobody")))[0] == "UserNotFoundException"
    assert await hiding.forgot("nobody") is not None


@pytest.mark.parametrize("back", [60, 2 * HOUR])
async def test_a_clock_that_steps_back_locks_nobody_out(house: House, back: int) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    code = await town.code()
    await town.recover("bob", code, NEW)
    house.clock.forward(-back)
    assert (await refusal_of(town.recover("bob", code)))[0] in ("ExpiredCodeException", "CodeMismatchException")
    await town.forgot("bob")
    await town.recover("bob", await town.code(), PASSWORD)


async def test_a_deleted_user_s_code_is_gone(house: House) -> None:
    town = await open_town(house)
    await town.inhabitant("bob", email="bob@example.com")
    await town.forgot("bob")
    code = await town.code()
    await town.delete("bob")
    await town.inhabitant("bob", email="bob@example.com")
    assert await message_of(town.recover("bob", code)) == EXPIRED
