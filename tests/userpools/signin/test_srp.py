"""SRP sign-in against an independent client, and everything that must not pass for one."""

import asyncio
import base64
import hmac
import json
import random
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from poolhouse.model.cognito_idp_model import (
    InvalidParameterException,
    NotAuthorizedException,
    UserNotFoundException,
)
from tests.house import House
from tests.userpools.people import PASSWORD, Estate, claims_of, open_estate

VECTORS = json.loads(Path(__file__).parent.with_name("srp-vectors.json").read_text())
INCORRECT = r"^Incorrect username or password\.$"


async def refused(estate: Estate, responses: dict[str, str], match: str = INCORRECT) -> None:
    with pytest.raises(NotAuthorizedException, match=match):
        await estate.respond("PASSWORD_VERIFIER", **responses)


class Scripted(random.SystemRandom):
    """A random source that gives what it is told to first."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes: list[bytes] = []
        self.names: list[str] = []

    def randbytes(self, n: int) -> bytes:
        return self.bytes.pop(0) if self.bytes else super().randbytes(n)

    def choices(self, population: Any, *args: Any, **settings: Any) -> list[Any]:
        return list(self.names.pop(0)) if self.names else super().choices(population, *args, **settings)


@pytest.mark.parametrize(
    "vector", [case for case in VECTORS["cases"] if case["kind"] == "password"], ids=lambda case: str(case["name"])
)
async def test_an_exchange_with_the_vectors_numbers_is_theirs_byte_for_byte(
    house: House, vector: dict[str, str]
) -> None:
    """Name, password, salt and both secrets are the vector's: salt and B on the wire, and the key, must be too."""
    chance = Scripted()
    house.chance = chance
    chance.names = [VECTORS["poolName"]]
    address = vector["signInUsername"]
    estate = await open_estate(house, username_attributes=["email"] if "@" in address else None, case_sensitive=True)
    assert estate.pool_id == VECTORS["poolId"]
    salt = int(vector["salt_wire"], 16).to_bytes(16, "big")
    drawn_id = uuid.UUID(vector["identity"]).bytes if "@" in address else b"i" * 16
    chance.bytes = [drawn_id, salt]
    await estate.invite(address, temporary=vector["password"])
    chance.bytes = [bytes.fromhex(vector["b"])]
    answer = await estate.initiate("USER_SRP_AUTH", USERNAME=address, SRP_A=vector["SRP_A_wire"])
    challenge = answer.challenge_parameters or {}
    assert challenge["SALT"] == vector["salt_wire"]
    assert challenge["SRP_B"] == vector["SRP_B_wire"]
    assert challenge["USER_ID_FOR_SRP"] == challenge["USERNAME"] == vector["identity"]
    proved = vector["context"].encode() + vector["identity"].encode() + base64.b64decode(challenge["SECRET_BLOCK"])
    signature = hmac.digest(bytes.fromhex(vector["hkdf_key_hex"]), proved + vector["TIMESTAMP"].encode(), "sha256")
    done = await estate.respond(
        "PASSWORD_VERIFIER",
        USERNAME=challenge["USERNAME"],
        PASSWORD_CLAIM_SECRET_BLOCK=challenge["SECRET_BLOCK"],
        PASSWORD_CLAIM_SIGNATURE=base64.b64encode(signature).decode(),
        TIMESTAMP=vector["TIMESTAMP"],
    )
    assert done.challenge_name == "NEW_PASSWORD_REQUIRED"


@pytest.mark.parametrize("username_attributes", [["email"], None])
async def test_the_right_password_signs_in(house: House, username_attributes: list[str] | None) -> None:
    estate = await open_estate(house, username_attributes=username_attributes)
    name = "alice@example.com" if username_attributes else "alice"
    sub = await estate.confirmed(name)
    answer = await estate.srp(name).sign_in()
    assert answer.authentication_result is not None
    claims = claims_of(answer.authentication_result.access_token or "")
    assert claims["sub"] == sub
    assert claims["username"] == (sub if username_attributes else "alice")


async def test_the_challenge_names_the_user_twice_and_has_no_session(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"])
    sub = await estate.confirmed("alice@example.com")
    client = estate.srp("alice@example.com")
    answer = await estate.initiate("USER_SRP_AUTH", USERNAME="alice@example.com", SRP_A=client.srp_a)
    assert answer.session is None
    assert answer.challenge_parameters is not None
    assert answer.challenge_parameters["USERNAME"] == answer.challenge_parameters["USER_ID_FOR_SRP"] == sub


async def test_a_wrong_password_does_not(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice", "Wr0ng!password")
    await refused(estate, client.responses(await client.start()))


async def test_a_secret_block_answers_once(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    await estate.respond("PASSWORD_VERIFIER", **responses)
    await refused(estate, responses)


async def test_of_parallel_answers_to_one_block_one_wins(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    outcomes = await asyncio.gather(
        *(estate.respond("PASSWORD_VERIFIER", **responses) for _ in range(10)), return_exceptions=True
    )
    assert sum(not isinstance(outcome, BaseException) for outcome in outcomes) == 1


async def test_a_wrong_answer_spends_the_block_too(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    await refused(estate, {**responses, "PASSWORD_CLAIM_SIGNATURE": base64.b64encode(b"x" * 32).decode()})
    await refused(estate, responses)


@pytest.mark.parametrize("place", [0, 5, 20, 100, -1])
async def test_an_altered_block_is_refused(house: House, place: int) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    challenge = await client.start()
    block = bytearray(base64.b64decode(challenge["SECRET_BLOCK"]))
    block[place] ^= 1
    await refused(estate, client.responses({**challenge, "SECRET_BLOCK": base64.b64encode(block).decode()}))


async def test_a_block_of_another_user_is_refused(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    await estate.confirmed("bob")
    challenge = await estate.srp("bob").start()
    alice = estate.srp("alice")
    await refused(estate, {**alice.responses(challenge), "USERNAME": "alice"})


async def test_a_block_of_another_pool_or_client_is_refused(house: House) -> None:
    estate, other = await open_estate(house), await open_estate(house)
    await estate.confirmed("alice")
    await other.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    await refused(other, responses)


async def test_an_expired_block_is_refused(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    house.clock.forward(181)
    await refused(estate, responses)


async def test_a_block_from_before_a_password_change_is_refused(house: House) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    await estate.house.services.store.users.count(estate.pool_id)
    from poolhouse.model.cognito_idp_model import AdminSetUserPasswordRequest
    from poolhouse.userpools.operations.admin_users import admin_set_user_password

    await admin_set_user_password(
        house.call(),
        AdminSetUserPasswordRequest(
            user_pool_id=estate.pool_id, username="alice", password="An0ther!pass", permanent=True
        ),
    )
    await refused(estate, responses)


@pytest.mark.parametrize("srp_a", ["0", "00", "zz", "-1", "f" * 1025, "1" * 5000])
async def test_an_srp_a_that_no_client_sends_is_refused(house: House, srp_a: str) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    with pytest.raises(InvalidParameterException):
        await estate.initiate("USER_SRP_AUTH", USERNAME="alice", SRP_A=srp_a)


async def test_a_multiple_of_n_is_refused(house: House) -> None:
    from poolhouse.crypto.srp_group import PRIME

    estate = await open_estate(house)
    await estate.confirmed("alice")
    for factor in (1, 2, 3):
        with pytest.raises(InvalidParameterException):
            await estate.initiate("USER_SRP_AUTH", USERNAME="alice", SRP_A=format(PRIME * factor, "x"))


async def test_a_zero_padded_day_or_wrong_weekday_is_a_wrong_password(house: House) -> None:
    house.clock.now = 1_741_064_767.0  # Tue Mar 4 05:06:07 UTC 2025
    estate = await open_estate(house)
    await estate.confirmed("alice")
    for stamp in ("Tue Mar 04 05:06:07 UTC 2025", "Wed Mar 4 05:06:07 UTC 2025"):
        client = estate.srp("alice")
        await refused(estate, client.responses(await client.start(), stamp))


@pytest.mark.parametrize("stamp", ["yesterday", "2025-03-04T05:06:07Z", "", "Tue Mar 4 05:06:07 CET 2025"])
async def test_an_unreadable_timestamp_is_named(house: House, stamp: str) -> None:
    estate = await open_estate(house)
    await estate.confirmed("alice")
    client = estate.srp("alice")
    responses = client.responses(await client.start())
    with pytest.raises(InvalidParameterException):
        await estate.respond("PASSWORD_VERIFIER", **{**responses, "TIMESTAMP": stamp})


async def test_an_unknown_user_is_named_where_the_client_may_tell(house: House) -> None:
    estate = await open_estate(house)
    with pytest.raises(UserNotFoundException, match=r"^User does not exist\.$"):
        await estate.srp("nobody").start()


async def test_an_unknown_user_is_answered_alike_every_time(house: House) -> None:
    estate = await open_estate(house, username_attributes=["email"], hides_existence=True)
    await estate.confirmed("alice@example.com")
    known = await estate.srp("alice@example.com").start()
    client = estate.srp("nobody@example.com")
    first, second = await client.start(), await client.start()
    assert first["SALT"] == second["SALT"]
    assert first["USER_ID_FOR_SRP"] == second["USER_ID_FOR_SRP"]
    assert first["SRP_B"] != second["SRP_B"]
    assert set(first) == set(known)
    assert abs(len(first["SECRET_BLOCK"]) - len(known["SECRET_BLOCK"])) < 16
    await refused(estate, client.responses(first))


@pytest.mark.parametrize("alias_attributes", [None, ["email"]])
async def test_where_users_choose_their_names_an_unknown_one_is_answered_with_itself(
    house: House, alias_attributes: list[str] | None
) -> None:
    estate = await open_estate(house, alias_attributes=alias_attributes, hides_existence=True)
    await estate.confirmed("alice")
    for name in ("alice", "nobody"):
        challenge = await estate.srp(name).start()
        assert challenge["USERNAME"] == challenge["USER_ID_FOR_SRP"] == name
    if alias_attributes:  # an address is answered with a username that is not the address, as a known one's would be
        challenge = await estate.srp("nobody@example.com").start()
        assert re.fullmatch(r"[0-9a-f-]{36}", challenge["USERNAME"])


async def test_where_addresses_are_usernames_an_id_is_answered_with_itself_whether_it_is_somebodys_or_not(
    house: House,
) -> None:
    estate = await open_estate(house, username_attributes=["email"], hides_existence=True)
    known = await estate.confirmed("alice@example.com")
    for name in (known, str(uuid.uuid4())):
        for typed in (name, name.upper()):
            challenge = await estate.srp(typed).start()
            assert challenge["USERNAME"] == challenge["USER_ID_FOR_SRP"] == name


@pytest.mark.parametrize("aliases", [False, True])
async def test_the_id_behind_an_unknown_address_signs_in_as_badly_as_the_address(house: House, aliases: bool) -> None:
    """Salt and lock are a user's, under whichever name; a stand-in that had them by name would be found out."""
    kind = ["email"]
    estate = await open_estate(
        house,
        username_attributes=None if aliases else kind,
        alias_attributes=kind if aliases else None,
        hides_existence=True,
    )
    await estate.confirmed("alice" if aliases else "a@x.de", email="a@x.de", email_verified="true")
    for address in ("a@x.de", "nobody@x.de"):
        by_address = await estate.srp(address).start()
        by_id = await estate.srp(by_address["USER_ID_FOR_SRP"]).start()
        assert by_id["USER_ID_FOR_SRP"] == by_address["USER_ID_FOR_SRP"]
        assert by_id["SALT"] == by_address["SALT"]
        for _ in range(5):
            with pytest.raises(NotAuthorizedException, match="Incorrect username or password"):
                await estate.password_sign_in(address, "Wr0ng!password")
        with pytest.raises(NotAuthorizedException, match="Password attempts exceeded"):
            await estate.password_sign_in(by_address["USER_ID_FOR_SRP"], "Wr0ng!password")


async def test_a_name_that_is_somebodys_id_locks_nobody_out(house: House) -> None:
    estate = await open_estate(house, hides_existence=True)
    sub = await estate.confirmed("alice")
    for _ in range(6):
        with pytest.raises(NotAuthorizedException):
            await estate.srp(sub, "Wr0ng!password").sign_in()
    answer = await estate.srp("alice").sign_in()
    assert answer.authentication_result is not None


async def test_unknown_and_known_users_lock_alike(house: House) -> None:
    estate = await open_estate(house, hides_existence=True)
    await estate.confirmed("alice")
    answers: dict[str, list[str]] = {}
    for name in ("alice", "nobody"):
        for _ in range(7):
            client = estate.srp(name, "Wr0ng!password")
            with pytest.raises(NotAuthorizedException) as caught:
                await client.sign_in()
            answers.setdefault(name, []).append(caught.value.message)
    assert answers["alice"] == answers["nobody"]
    assert answers["alice"][-1] == "Password attempts exceeded"


async def test_an_email_alias_signs_in_as_its_user(house: House) -> None:
    estate = await open_estate(house, alias_attributes=["email"])
    await estate.confirmed("alice", email="Alice@Example.com", email_verified="true")
    challenge = await estate.srp("alice@example.com").start()
    assert challenge["USER_ID_FOR_SRP"] == "alice"
    answer = await estate.srp("alice@example.com", PASSWORD).sign_in()
    assert answer.authentication_result is not None


async def test_an_unverified_alias_is_an_unknown_user(house: House) -> None:
    estate = await open_estate(house, alias_attributes=["email"])
    await estate.confirmed("alice", email="alice@example.com")
    with pytest.raises(UserNotFoundException):
        await estate.srp("alice@example.com").start()
