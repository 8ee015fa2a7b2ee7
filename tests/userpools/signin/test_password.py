"""Passwords sent in clear, what follows a right one, and the lockout."""

import asyncio

import msgspec
import pytest

from poolhouse.model.cognito_idp_model import (
    AddUserPoolClientSecretRequest,
    AdminDisableUserRequest,
    AdminInitiateAuthRequest,
    ChangePasswordRequest,
    CreateUserPoolClientRequest,
    InvalidParameterException,
    InvalidPasswordException,
    NotAuthorizedException,
    UserNotFoundException,
)
from poolhouse.model.errors import ServiceError
from poolhouse.userpools.operations.account import change_password
from poolhouse.userpools.operations.admin_users import admin_disable_user
from poolhouse.userpools.operations.client_secrets import add_user_pool_client_secret
from poolhouse.userpools.operations.clients import create_user_pool_client
from poolhouse.userpools.operations.sign_in import admin_initiate_auth
from poolhouse.userpools.srp import secret_hash
from tests.house import House
from tests.userpools.people import FLOWS, PASSWORD, TEMPORARY, Estate, claims_of, open_estate

NEW = "N3w!secret"


async def message_of(attempt: object) -> str:
    with pytest.raises(ServiceError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.message


async def guess(estate: Estate, username: str, password: str = "Wr0ng!password") -> str:
    return await message_of(estate.initiate("USER_PASSWORD_AUTH", USERNAME=username, PASSWORD=password))


async def test_a_temporary_password_asks_for_a_new_one(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    sub = await estate.invite("foo@bar.com", name="Foo")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo@bar.com", PASSWORD=TEMPORARY)
    assert answer.challenge_name == "NEW_PASSWORD_REQUIRED"
    parameters = answer.challenge_parameters or {}
    assert parameters["USER_ID_FOR_SRP"] == sub
    assert msgspec.json.decode(parameters["userAttributes"]) == {"email": "foo@bar.com", "name": "Foo"}
    assert msgspec.json.decode(parameters["requiredAttributes"]) == []
    done = await estate.respond("NEW_PASSWORD_REQUIRED", answer.session, USERNAME=sub, NEW_PASSWORD=NEW)
    assert done.authentication_result is not None
    await estate.password_sign_in("foo@bar.com", NEW)


async def test_a_first_sign_in_shows_the_client_only_what_it_may_read(house: House) -> None:
    estate = await open_estate(house, read_attributes=["email"])
    await estate.invite("foo", email="foo@bar.com", birthdate="2000-01-01")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo", PASSWORD=TEMPORARY)
    assert msgspec.json.decode((answer.challenge_parameters or {})["userAttributes"]) == {"email": "foo@bar.com"}


async def test_a_new_password_that_breaks_the_policy_leaves_the_session_usable(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await estate.invite("foo@bar.com")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo@bar.com", PASSWORD=TEMPORARY)
    with pytest.raises(InvalidPasswordException, match="Password must have uppercase characters"):
        await estate.respond("NEW_PASSWORD_REQUIRED", answer.session, USERNAME="foo@bar.com", NEW_PASSWORD="secret")
    await estate.respond("NEW_PASSWORD_REQUIRED", answer.session, USERNAME="foo@bar.com", NEW_PASSWORD=NEW)


async def test_a_session_is_used_once_and_not_altered(house: House) -> None:
    estate = await open_estate(house)
    await estate.invite("foo")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo", PASSWORD=TEMPORARY)
    session = answer.session or ""
    for broken in (session[:-1], session[:40] + ("A" if session[40] != "A" else "B") + session[41:], "x" * 40):
        refused = message_of(estate.respond("NEW_PASSWORD_REQUIRED", broken, USERNAME="foo", NEW_PASSWORD=NEW))
        assert await refused == "Invalid session provided"
    await estate.respond("NEW_PASSWORD_REQUIRED", session, USERNAME="foo", NEW_PASSWORD=NEW)
    again = message_of(estate.respond("NEW_PASSWORD_REQUIRED", session, USERNAME="foo", NEW_PASSWORD=NEW))
    assert await again == "Invalid session for the user, session can only be used once."


async def test_of_two_parallel_first_sign_ins_one_sets_the_password(house: House) -> None:
    estate = await open_estate(house)
    await estate.invite("foo")
    starts = [await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo", PASSWORD=TEMPORARY) for _ in range(2)]
    outcomes = await asyncio.gather(
        *(
            estate.respond("NEW_PASSWORD_REQUIRED", start.session, USERNAME="foo", NEW_PASSWORD=f"{NEW}{number}")
            for number, start in enumerate(starts)
        ),
        return_exceptions=True,
    )
    won = [number for number, outcome in enumerate(outcomes) if not isinstance(outcome, BaseException)]
    assert len(won) == 1
    await estate.password_sign_in("foo", f"{NEW}{won[0]}")
    assert await guess(estate, "foo", f"{NEW}{1 - won[0]}") == "Incorrect username or password."


async def test_an_expired_session_is_refused(house: House) -> None:
    estate = await open_estate(house)
    await estate.invite("foo")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo", PASSWORD=TEMPORARY)
    house.clock.forward(180)
    late = message_of(estate.respond("NEW_PASSWORD_REQUIRED", answer.session, USERNAME="foo", NEW_PASSWORD=NEW))
    assert await late == "Invalid session for the user, session is expired."


async def test_a_session_of_another_user_is_refused(house: House) -> None:
    estate = await open_estate(house)
    await estate.invite("foo")
    await estate.invite("bar")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo", PASSWORD=TEMPORARY)
    stolen = message_of(estate.respond("NEW_PASSWORD_REQUIRED", answer.session, USERNAME="bar", NEW_PASSWORD=NEW))
    assert await stolen == "Invalid session for the user."


async def test_the_temporary_password_expires_after_the_policys_days(house: House) -> None:
    estate = await open_estate(house)
    await estate.invite("foo")
    house.clock.forward(15 * 86400 - 1)
    await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo", PASSWORD=TEMPORARY)
    house.clock.forward(1)
    assert (
        await guess(estate, "foo", TEMPORARY) == "Temporary password has expired and must be reset by an administrator."
    )


async def test_a_verified_flag_cannot_be_sent_with_the_new_password(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    await estate.invite("foo@bar.com")
    answer = await estate.initiate("USER_PASSWORD_AUTH", USERNAME="foo@bar.com", PASSWORD=TEMPORARY)
    with pytest.raises(NotAuthorizedException, match="unauthorized attribute"):
        await estate.respond(
            "NEW_PASSWORD_REQUIRED",
            answer.session,
            **{"USERNAME": "foo@bar.com", "NEW_PASSWORD": NEW, "userAttributes.email_verified": "true"},
        )


@pytest.mark.parametrize("hides_existence", [False, True])
@pytest.mark.parametrize("flow", ["USER_SRP_AUTH", "USER_PASSWORD_AUTH"])
async def test_a_name_that_is_longer_than_any_is_refused_as_such(
    house: House, hides_existence: bool, flow: str
) -> None:
    estate = await open_estate(house, hides_existence=hides_existence)
    longest, too_long = "\U0001f600" * 2048, "x" * 2049
    with pytest.raises(InvalidParameterException, match="'username' failed to satisfy constraint"):
        await estate.initiate(flow, USERNAME=too_long, PASSWORD=PASSWORD, SRP_A="2")
    if hides_existence and flow == "USER_SRP_AUTH":
        assert (await estate.initiate(flow, USERNAME=longest, SRP_A="2")).challenge_name == "PASSWORD_VERIFIER"
        return
    told = "Incorrect username or password." if hides_existence else "User does not exist."
    assert await message_of(estate.initiate(flow, USERNAME=longest, PASSWORD=PASSWORD, SRP_A="2")) == told


async def test_a_missing_parameter_is_named(house: House) -> None:
    estate = await open_estate(house)
    assert await message_of(estate.initiate("USER_PASSWORD_AUTH")) == "Missing required parameter USERNAME"
    assert (
        await message_of(estate.initiate("USER_PASSWORD_AUTH", USERNAME="a")) == "Missing required parameter PASSWORD"
    )
    respond = estate.respond("NEW_PASSWORD_REQUIRED", USERNAME="a", NEW_PASSWORD=NEW)
    assert await message_of(respond) == "Missing required parameter Session"


@pytest.mark.parametrize(
    ("flow", "message"),
    [
        ("USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH flow not enabled for this client"),
        ("USER_SRP_AUTH", "USER_SRP_AUTH flow not enabled for this client"),
        ("ADMIN_USER_PASSWORD_AUTH", "Initiate Auth method not supported"),
        ("ADMIN_NO_SRP_AUTH", "Initiate Auth method not supported"),
    ],
)
async def test_a_flow_that_the_client_does_not_allow_is_refused(house: House, flow: str, message: str) -> None:
    estate = await open_estate(house, flows=["ALLOW_REFRESH_TOKEN_AUTH"])
    assert await message_of(estate.initiate(flow, USERNAME="a", PASSWORD="b", SRP_A="2")) == message


async def test_the_administrators_flow_signs_in(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    answer = await admin_initiate_auth(
        house.call(),
        AdminInitiateAuthRequest(
            user_pool_id=estate.pool_id,
            client_id=estate.client_id,
            auth_flow="ADMIN_USER_PASSWORD_AUTH",
            auth_parameters={"USERNAME": "alice", "PASSWORD": PASSWORD},
        ),
    )
    assert answer.authentication_result is not None


async def test_a_client_with_a_secret_demands_its_hash(house: House) -> None:
    estate = await open_estate(house, with_secret=True)
    assert estate.secret is not None
    await estate.confirmed("alice")
    right = secret_hash("alice", estate.client_id, estate.secret)
    given = {"USERNAME": "alice", "PASSWORD": PASSWORD}
    assert await message_of(estate.initiate("USER_PASSWORD_AUTH", **given)) == (
        f"Client {estate.client_id} is configured with secret but SECRET_HASH was not received"
    )
    assert await message_of(estate.initiate("USER_PASSWORD_AUTH", **given, SECRET_HASH="AAAA")) == (
        f"Unable to verify secret hash for client {estate.client_id}"
    )
    await estate.initiate("USER_PASSWORD_AUTH", **given, SECRET_HASH=right)


async def test_a_hash_without_a_secret_or_of_another_name_is_refused_and_either_secret_will_do(house: House) -> None:
    public = await open_estate(house)
    given = {"USERNAME": "alice", "PASSWORD": PASSWORD}
    superfluous = public.initiate(
        "USER_PASSWORD_AUTH", **given, SECRET_HASH=secret_hash("alice", public.client_id, "s")
    )
    assert await message_of(superfluous) == f"Unable to verify secret hash for client {public.client_id}"
    estate = await open_estate(house, with_secret=True)
    await estate.confirmed("alice")
    added = await add_user_pool_client_secret(
        house.call(), AddUserPoolClientSecretRequest(user_pool_id=estate.pool_id, client_id=estate.client_id)
    )
    assert added.client_secret_descriptor is not None
    secrets = [estate.secret or "", added.client_secret_descriptor.client_secret_value or ""]
    wrong = estate.initiate("USER_PASSWORD_AUTH", **given, SECRET_HASH=secret_hash("bob", estate.client_id, secrets[0]))
    assert await message_of(wrong) == f"Unable to verify secret hash for client {estate.client_id}"
    for secret in secrets:
        hashed = secret_hash("alice", estate.client_id, secret)
        signed_in = await estate.initiate("USER_PASSWORD_AUTH", **given, SECRET_HASH=hashed)
        assert signed_in.authentication_result is not None
        token = signed_in.authentication_result.refresh_token or ""
        await estate.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, SECRET_HASH=hashed)
        await estate.initiate("REFRESH_TOKEN", REFRESH_TOKEN=token, SECRET_HASH=hashed)
        other = secret_hash("bob", estate.client_id, secret)
        refused = estate.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token, SECRET_HASH=other)
        assert await message_of(refused) == f"SecretHash does not match for the client: {estate.client_id}"
        assert await message_of(estate.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token)) == (
            f"Client {estate.client_id} is configured with secret but SECRET_HASH was not received"
        )


async def test_a_disabled_user_is_named_only_where_the_client_may_tell(house: House) -> None:
    telling, hiding = await open_estate(house), await open_estate(house, hides_existence=True)
    for estate in (telling, hiding):
        await estate.confirmed("alice")
        await admin_disable_user(house.call(), AdminDisableUserRequest(user_pool_id=estate.pool_id, username="alice"))
    assert await guess(telling, "alice") == "User is disabled."
    assert await guess(hiding, "alice") == "Incorrect username or password."
    assert await guess(hiding, "alice", PASSWORD) == "User is disabled."


async def test_unknown_users_are_hidden_where_the_client_says_so(house: House) -> None:
    telling, hiding = await open_estate(house), await open_estate(house, hides_existence=True)
    with pytest.raises(UserNotFoundException):
        await telling.initiate("USER_PASSWORD_AUTH", USERNAME="nobody", PASSWORD="x")
    assert await guess(hiding, "nobody") == "Incorrect username or password."


async def test_case_counts_only_in_a_case_sensitive_pool(house: House) -> None:
    relaxed, strict = await open_estate(house), await open_estate(house, case_sensitive=True)
    for estate in (relaxed, strict):
        await estate.confirmed("Alice")
    await relaxed.password_sign_in("aLICE")
    with pytest.raises(UserNotFoundException):
        await strict.password_sign_in("alice")


async def test_five_failures_lock_for_a_second_and_each_more_for_twice_as_long(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    for _ in range(5):
        assert await guess(estate, "alice") == "Incorrect username or password."
    assert await guess(estate, "alice", PASSWORD) == "Password attempts exceeded"
    for seconds in (1, 2, 4, 8):
        house.clock.forward(seconds - 0.001)
        assert await guess(estate, "alice", PASSWORD) == "Password attempts exceeded"
        house.clock.forward(0.002)
        assert await guess(estate, "alice") == "Incorrect username or password."
    house.clock.forward(16)
    await estate.password_sign_in("alice")
    assert await guess(estate, "alice") == "Incorrect username or password."


async def test_failures_count_by_user_over_all_flows_clients_and_names(house: House) -> None:
    estate = await open_estate(house, alias_attributes=["email"])
    await estate.confirmed("alice", email="a@x.de", email_verified="true")
    made = await create_user_pool_client(
        house.call(),
        CreateUserPoolClientRequest(user_pool_id=estate.pool_id, client_name="b", explicit_auth_flows=FLOWS),  # type: ignore[arg-type]
    )
    assert made.user_pool_client is not None
    other = Estate(house, estate.pool_id, made.user_pool_client.client_id or "", None)
    token = (await estate.password_sign_in("alice")).access_token or ""
    wrong = "Wr0ng!password"
    change = ChangePasswordRequest(previous_password=wrong, proposed_password=NEW, access_token=token)
    by_admin = AdminInitiateAuthRequest(
        user_pool_id=estate.pool_id,
        client_id=estate.client_id,
        auth_flow="ADMIN_NO_SRP_AUTH",
        auth_parameters={"USERNAME": "alice", "PASSWORD": wrong},
    )
    for attempt in (
        estate.password_sign_in("alice", wrong),
        other.password_sign_in("a@x.de", wrong),
        other.srp("a@x.de", wrong).sign_in(),
        admin_initiate_auth(house.call(), by_admin),
        change_password(house.call(None), change),
    ):
        assert await message_of(attempt) == "Incorrect username or password."
    for attempt in (
        estate.password_sign_in("a@x.de"),
        other.srp("alice").sign_in(),
        change_password(
            house.call(None),
            ChangePasswordRequest(previous_password=PASSWORD, proposed_password=NEW, access_token=token),
        ),
    ):
        assert await message_of(attempt) == "Password attempts exceeded"


async def test_the_lock_never_exceeds_fifteen_minutes_and_quiet_forgets_it(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    for _ in range(20):
        await guess(estate, "alice")
        house.clock.forward(900)
    house.clock.forward(1)
    await estate.password_sign_in("alice")


async def test_parallel_guesses_are_all_counted(house: House) -> None:
    """More than five answers are never given about the password, whatever arrives at once."""
    estate = await open_estate(house)
    await estate.confirmed("alice")
    guesses = [f"Gu3ss!{number}" for number in range(400)]
    guesses[200] = PASSWORD
    outcomes = await asyncio.gather(
        *(estate.initiate("USER_PASSWORD_AUTH", USERNAME="alice", PASSWORD=text) for text in guesses),
        return_exceptions=True,
    )
    told = [
        outcome
        for outcome in outcomes
        if not isinstance(outcome, NotAuthorizedException) or outcome.message != "Password attempts exceeded"
    ]
    assert len(told) == 5
    assert all(isinstance(outcome, NotAuthorizedException) for outcome in told)


async def test_the_clients_id_token_lists_what_it_may_read(house: House) -> None:
    estate = await open_estate(house, read_attributes=["email", "name"])
    await estate.confirmed("alice", email="a@b.c", email_verified="true", name="Alice", nickname="Al")
    tokens = await estate.password_sign_in("alice")
    claims = claims_of(tokens.id_token or "")
    assert claims["name"] == "Alice"
    assert "nickname" not in claims
    assert "email_verified" not in claims


async def test_invalid_parameters_lose_nothing(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    with pytest.raises(InvalidParameterException):
        await estate.initiate("CUSTOM_AUTH", USERNAME="alice")
    await estate.password_sign_in("alice")
