"""Tokens and the sessions behind them: claims, refresh, and everything that ends a session."""

import asyncio
import re

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from poolhouse.model.cognito_idp_model import (
    AdminDeleteUserRequest,
    AdminDisableUserRequest,
    AdminEnableUserRequest,
    AdminUserGlobalSignOutRequest,
    AuthenticationResultType,
    ChangePasswordRequest,
    DeleteUserRequest,
    GetTokensFromRefreshTokenRequest,
    GetUserRequest,
    GlobalSignOutRequest,
    LimitExceededException,
    RefreshTokenRotationType,
    RevokeTokenRequest,
    UpdateUserPoolClientRequest,
)
from poolhouse.model.errors import ServiceError
from poolhouse.userpools import authority
from poolhouse.userpools.authority import TokenRefused
from poolhouse.userpools.operations import account, admin_users, tokens
from poolhouse.userpools.operations.clients import update_user_pool_client
from poolhouse.userpools.signing import rotate_pool_keys
from tests.house import House
from tests.userpools.people import FLOWS, PASSWORD, Estate, claims_of, open_estate

UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def message_of(attempt: object) -> str:
    with pytest.raises(ServiceError) as caught:
        await attempt  # type: ignore[misc]
    return caught.value.message


async def signed_in(house: House) -> tuple[Estate, AuthenticationResultType]:
    estate = await open_estate(house)
    await estate.confirmed("alice", email="a@b.c", email_verified="true")
    return estate, await estate.password_sign_in("alice")


async def get_user(house: House, token: str | None) -> object:
    return await account.get_user(house.call(None), GetUserRequest(access_token=token or ""))


async def refresh(estate: Estate, token: str | None) -> AuthenticationResultType:
    answer = await estate.initiate("REFRESH_TOKEN_AUTH", REFRESH_TOKEN=token or "")
    assert answer.authentication_result is not None
    return answer.authentication_result


async def verify(house: House, token: str | None) -> str:
    try:
        return (await house.services.authority.verify(token or "")).session_id
    except TokenRefused as refused:
        return refused.reason


async def test_an_access_token_has_exactly_the_claims_of_the_contract(house: House) -> None:
    estate, result = await signed_in(house)
    claims = claims_of(result.access_token or "")
    assert set(claims) == {
        *("sub", "iss", "client_id", "origin_jti", "event_id", "token_use", "scope", "auth_time", "exp", "iat"),
        *("jti", "username"),
    }
    assert claims["iss"] == f"http://localhost:9229/{estate.pool_id}"
    assert claims["scope"] == "aws.cognito.signin.user.admin"
    assert claims["exp"] - claims["iat"] == 3600 == result.expires_in
    assert all(UUID.fullmatch(claims[name]) for name in ("sub", "jti", "origin_jti", "event_id"))


async def test_an_id_token_has_exactly_the_claims_of_the_contract(house: House) -> None:
    estate, result = await signed_in(house)
    claims, access = claims_of(result.id_token or ""), claims_of(result.access_token or "")
    assert set(claims) == {
        *("sub", "iss", "cognito:username", "origin_jti", "aud", "event_id", "token_use", "auth_time", "exp", "iat"),
        *("jti", "email", "email_verified"),
    }
    assert claims["aud"] == estate.client_id
    assert claims["email_verified"] is True
    assert claims["jti"] != access["jti"]
    assert claims["origin_jti"] == access["origin_jti"]


async def test_both_tokens_verify_with_the_published_keys_by_another_library(house: House) -> None:
    estate, result = await signed_in(house)
    keys = await house.services.signing.keys(estate.pool_id)
    assert keys is not None
    import json

    published = json.loads(keys.jwks)
    assert len(published["keys"]) == 2
    key_set = KeySet.import_key_set(published)
    kids = set()
    for token in (result.id_token, result.access_token):
        decoded = jwt.decode(token or "", key_set, algorithms=["RS256"])
        assert list(decoded.header) == ["kid", "alg"]
        kids.add(decoded.header["kid"])
    assert len(kids) == 2


async def test_a_refresh_gives_new_tokens_of_the_same_session(house: House) -> None:
    estate, first = await signed_in(house)
    house.clock.forward(100)
    second = await refresh(estate, first.refresh_token)
    assert second.refresh_token is None
    old, new = claims_of(first.access_token or ""), claims_of(second.access_token or "")
    assert new["origin_jti"] == old["origin_jti"]
    assert new["auth_time"] == old["auth_time"]
    assert new["iat"] == old["iat"] + 100
    assert new["jti"] != old["jti"]


async def test_the_refresh_token_looks_like_the_services(house: House) -> None:
    _, result = await signed_in(house)
    token = result.refresh_token or ""
    assert token.startswith("eyJjdHkiOiJKV1QiLCJlbmMiOiJBMjU2R0NNIiwiYWxnIjoiUlNBLU9BRVAifQ.")
    assert token.count(".") == 4


async def test_an_altered_refresh_token_is_refused(house: House) -> None:
    estate, result = await signed_in(house)
    token = result.refresh_token or ""
    for place in (5, 70, 100, 130, 170, len(token) - 3):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert await message_of(refresh(estate, altered)) == "Invalid Refresh Token"
    assert await message_of(refresh(estate, "garbage")) == "Invalid Refresh Token"


async def test_a_refresh_token_of_another_client_is_refused(house: House) -> None:
    _, result = await signed_in(house)
    other = await open_estate(house)
    assert await message_of(refresh(other, result.refresh_token)) == "Invalid Refresh Token"


async def test_a_refresh_token_expires(house: House) -> None:
    estate, result = await signed_in(house)
    house.clock.forward(30 * 86400)
    assert await message_of(refresh(estate, result.refresh_token)) == "Refresh Token has expired"


async def test_an_expired_access_token_is_refused(house: House) -> None:
    _, result = await signed_in(house)
    house.clock.forward(3600)
    assert await message_of(get_user(house, result.access_token)) == "Access Token has expired"


async def test_an_id_token_is_no_access_token(house: House) -> None:
    _, result = await signed_in(house)
    assert await message_of(get_user(house, result.id_token)) == "Invalid Access Token"


async def test_revoking_ends_that_sign_in_and_no_other(house: House) -> None:
    estate, first = await signed_in(house)
    second = await estate.password_sign_in("alice")
    await tokens.revoke_token(
        house.call(None), RevokeTokenRequest(token=first.refresh_token or "", client_id=estate.client_id)
    )
    assert await verify(house, first.access_token) == "revoked"
    assert await message_of(get_user(house, first.access_token)) == "Access Token has been revoked"
    assert await message_of(refresh(estate, first.refresh_token)) == "Refresh Token has been revoked"
    await get_user(house, second.access_token)
    await refresh(estate, second.refresh_token)


async def test_what_is_held_of_sessions_is_bounded_however_many_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authority, "SESSIONS_HELD", 5)
    estate = await open_estate(house)
    await estate.confirmed("alice")
    held = house.services.authority
    for _ in range(12):
        result = await estate.password_sign_in("alice")
        await held.verify(result.access_token or "")
        revocation = RevokeTokenRequest(token=result.refresh_token or "", client_id=estate.client_id)
        await tokens.revoke_token(house.call(None), revocation)
        with pytest.raises(TokenRefused):
            await held.verify(result.access_token or "")
    assert all(len(sessions) <= 5 for sessions in held._by_owner.values())


async def test_revoking_takes_refresh_tokens_only_and_garbage_changes_nothing(house: House) -> None:
    estate, result = await signed_in(house)
    request = RevokeTokenRequest(token=result.access_token or "", client_id=estate.client_id)
    assert await message_of(tokens.revoke_token(house.call(None), request)) == "Unsupported token type"
    await tokens.revoke_token(house.call(None), RevokeTokenRequest(token="garbage", client_id=estate.client_id))
    await get_user(house, result.access_token)


async def test_a_global_sign_out_ends_every_session_and_the_next_sign_in_works_in_the_same_second(
    house: House,
) -> None:
    estate, first = await signed_in(house)
    second = await estate.password_sign_in("alice")
    await account.global_sign_out(house.call(None), GlobalSignOutRequest(access_token=first.access_token or ""))
    for result in (first, second):
        assert await verify(house, result.access_token) == "signed_out"
        assert await message_of(refresh(estate, result.refresh_token)) == "Refresh Token has been revoked"
    third = await estate.password_sign_in("alice")
    await get_user(house, third.access_token)


async def test_an_administrators_sign_out_does_the_same_twice(house: House) -> None:
    estate, result = await signed_in(house)
    request = AdminUserGlobalSignOutRequest(user_pool_id=estate.pool_id, username="alice")
    await admin_users.admin_user_global_sign_out(house.call(), request)
    await admin_users.admin_user_global_sign_out(house.call(), request)
    assert await verify(house, result.access_token) == "signed_out"


async def test_disabling_ends_sessions_and_enabling_does_not_revive_them(house: House) -> None:
    estate, result = await signed_in(house)
    assert UUID.fullmatch(await verify(house, result.access_token))
    name = {"user_pool_id": estate.pool_id, "username": "alice"}
    await admin_users.admin_disable_user(house.call(), AdminDisableUserRequest(**name))
    assert await verify(house, result.access_token) == "user_disabled"
    assert await message_of(refresh(estate, result.refresh_token)) == "User is disabled."
    await admin_users.admin_enable_user(house.call(), AdminEnableUserRequest(**name))
    assert await verify(house, result.access_token) == "signed_out"
    await estate.password_sign_in("alice")


@pytest.mark.parametrize("by_admin", [True, False])
async def test_deleting_ends_sessions_and_frees_the_name(house: House, by_admin: bool) -> None:
    estate, result = await signed_in(house)
    if by_admin:
        request = AdminDeleteUserRequest(user_pool_id=estate.pool_id, username="alice")
        await admin_users.admin_delete_user(house.call(), request)
    else:
        await account.delete_user(house.call(None), DeleteUserRequest(access_token=result.access_token or ""))
    assert await verify(house, result.access_token) == "user_deleted"
    assert await message_of(refresh(estate, result.refresh_token)) == "Invalid Refresh Token"
    await estate.confirmed("alice")
    assert await verify(house, result.access_token) == "user_deleted"


async def test_a_changed_password_keeps_tokens_and_replaces_the_old_one(house: House) -> None:
    estate, result = await signed_in(house)

    async def change(old: str, new: str) -> object:
        request = ChangePasswordRequest(
            previous_password=old, proposed_password=new, access_token=result.access_token or ""
        )
        return await account.change_password(house.call(None), request)

    assert await message_of(change("Wr0ng!pass", "N3w!secret")) == "Incorrect username or password."
    assert "Password not long enough" in await message_of(change(PASSWORD, "x"))
    await change(PASSWORD, "N3w!secret")
    await get_user(house, result.access_token)
    await estate.password_sign_in("alice", "N3w!secret")
    assert await message_of(estate.password_sign_in("alice", PASSWORD)) == "Incorrect username or password."


async def test_guessing_the_old_password_with_a_token_locks(house: House) -> None:
    estate, result = await signed_in(house)
    request = ChangePasswordRequest(
        previous_password="Wr0ng!pass", proposed_password="N3w!secret", access_token=result.access_token or ""
    )
    for _ in range(5):
        await message_of(account.change_password(house.call(None), request))
    assert await message_of(estate.password_sign_in("alice")) == "Password attempts exceeded"


@pytest.mark.parametrize("right", [True, False])
async def test_a_password_is_changed_five_times_an_hour_at_most(house: House, right: bool) -> None:
    estate, result = await signed_in(house)
    passwords = [PASSWORD, *(f"N3w!secret{number}" for number in range(7))]

    async def change(number: int) -> object:
        request = ChangePasswordRequest(
            previous_password=passwords[number] if right else "Wr0ng!pass",
            proposed_password=passwords[number + 1],
            access_token=result.access_token or "",
        )
        return await account.change_password(house.call(None), request)

    for number in range(5):
        if right:
            await change(number)
        else:
            assert await message_of(change(number)) == "Incorrect username or password."
    with pytest.raises(LimitExceededException, match=r"^Attempt limit exceeded, please try after some time\.$"):
        await change(5)
    await get_user(house, result.access_token)
    house.clock.forward(3600)
    result = await estate.password_sign_in("alice", passwords[5] if right else PASSWORD)
    if right:
        await change(5)
    else:
        assert await message_of(change(5)) == "Incorrect username or password."


async def test_rotation_gives_a_new_refresh_token_and_ends_the_family_on_reuse(house: House) -> None:
    rotation = RefreshTokenRotationType(feature="ENABLED", retry_grace_period_seconds=10)
    estate = await open_estate(house, flows=["ALLOW_USER_PASSWORD_AUTH"], refresh_token_rotation=rotation)
    await estate.confirmed("alice")
    first = await estate.password_sign_in("alice")

    async def rotate(token: str | None) -> AuthenticationResultType:
        request = GetTokensFromRefreshTokenRequest(refresh_token=token or "", client_id=estate.client_id)
        answer = await tokens.get_tokens_from_refresh_token(house.call(None), request)
        assert answer.authentication_result is not None
        return answer.authentication_result

    second = await rotate(first.refresh_token)
    assert second.refresh_token not in (None, first.refresh_token)
    again = await rotate(first.refresh_token)  # within the grace, as if the answer had been lost
    assert again.refresh_token == second.refresh_token
    third = await rotate(second.refresh_token)
    house.clock.forward(11)
    with pytest.raises(ServiceError) as caught:
        await rotate(second.refresh_token)
    assert caught.value.code == "RefreshTokenReuseException"
    assert await message_of(rotate(third.refresh_token)) == "Refresh Token has been revoked"
    assert await verify(house, third.access_token) == "revoked"


@pytest.mark.parametrize("again", [0, 1])
async def test_every_replaced_refresh_token_ends_its_family_and_garbage_does_not(house: House, again: int) -> None:
    rotation = RefreshTokenRotationType(feature="ENABLED", retry_grace_period_seconds=60)
    estate = await open_estate(house, flows=["ALLOW_USER_PASSWORD_AUTH"], refresh_token_rotation=rotation)
    await estate.confirmed("alice")
    family = [(await estate.password_sign_in("alice")).refresh_token or ""]

    async def rotate(token: str) -> AuthenticationResultType:
        request = GetTokensFromRefreshTokenRequest(refresh_token=token, client_id=estate.client_id)
        answer = await tokens.get_tokens_from_refresh_token(house.call(None), request)
        assert answer.authentication_result is not None
        return answer.authentication_result

    for _ in range(3):
        family.append((await rotate(family[-1])).refresh_token or "")
    assert len(set(family)) == 4
    head, first, _, *rest = family[0].split(".")
    mixed = ".".join([head, first, family[1].split(".")[2], *rest])
    assert await message_of(rotate(mixed)) == "Invalid Refresh Token"
    await rotate(family[-1])
    with pytest.raises(ServiceError) as caught:
        await rotate(family[again])
    assert caught.value.code == "RefreshTokenReuseException"
    for token in family:
        assert await message_of(rotate(token)) == "Refresh Token has been revoked"


async def test_a_replaced_refresh_token_revokes_its_family(house: House) -> None:
    rotation = RefreshTokenRotationType(feature="ENABLED", retry_grace_period_seconds=0)
    estate = await open_estate(house, flows=["ALLOW_USER_PASSWORD_AUTH"], refresh_token_rotation=rotation)
    await estate.confirmed("alice")
    first = newest = await estate.password_sign_in("alice")
    for _ in range(2):
        request = GetTokensFromRefreshTokenRequest(refresh_token=newest.refresh_token or "", client_id=estate.client_id)
        answer = await tokens.get_tokens_from_refresh_token(house.call(None), request)
        assert answer.authentication_result is not None
        newest = answer.authentication_result
    revoke = RevokeTokenRequest(token=first.refresh_token or "", client_id=estate.client_id)
    await tokens.revoke_token(house.call(None), revoke)
    assert await verify(house, newest.access_token) == "revoked"


async def test_parallel_rotations_leave_one_successor(house: House) -> None:
    rotation = RefreshTokenRotationType(feature="ENABLED", retry_grace_period_seconds=30)
    estate = await open_estate(house, flows=["ALLOW_USER_PASSWORD_AUTH"], refresh_token_rotation=rotation)
    await estate.confirmed("alice")
    first = await estate.password_sign_in("alice")
    request = GetTokensFromRefreshTokenRequest(refresh_token=first.refresh_token or "", client_id=estate.client_id)
    answers = await asyncio.gather(*(tokens.get_tokens_from_refresh_token(house.call(None), request) for _ in range(8)))
    fresh = {answer.authentication_result and answer.authentication_result.refresh_token for answer in answers}
    assert len(fresh) == 1
    assert fresh.isdisjoint({None, first.refresh_token})


async def test_rotated_signing_keys_sign_nobody_out(house: House) -> None:
    estate, result = await signed_in(house)
    old_kids = {claims_of_header(token) for token in (result.id_token, result.access_token)}
    await rotate_pool_keys(house.call(), estate.pool_id)
    await get_user(house, result.access_token)
    fresh = await refresh(estate, result.refresh_token)
    assert claims_of_header(fresh.access_token) not in old_kids
    await get_user(house, fresh.access_token)
    house.clock.forward(26 * 3600)
    await rotate_pool_keys(house.call(), estate.pool_id)
    keys = await house.services.signing.keys(estate.pool_id)
    assert keys is not None
    assert not any(kid.encode() in keys.jwks for kid in old_kids)


async def test_a_client_without_revocation_issues_no_origin_jti_but_its_sessions_still_end(house: House) -> None:
    estate = await open_estate(house, enable_token_revocation=False)
    await estate.confirmed("alice")
    result = await estate.password_sign_in("alice")
    assert "origin_jti" not in claims_of(result.access_token or "")
    await get_user(house, result.access_token)
    request = RevokeTokenRequest(token=result.refresh_token or "", client_id=estate.client_id)
    with pytest.raises(ServiceError) as caught:
        await tokens.revoke_token(house.call(None), request)
    assert caught.value.code == "UnsupportedOperationException"
    await admin_users.admin_user_global_sign_out(
        house.call(), AdminUserGlobalSignOutRequest(user_pool_id=estate.pool_id, username="alice")
    )
    assert await verify(house, result.access_token) == "signed_out"


@pytest.mark.parametrize("before", [True, False])
async def test_switching_a_clients_revocation_leaves_its_sessions_alive(house: House, before: bool) -> None:
    estate = await open_estate(house, enable_token_revocation=before)
    await estate.confirmed("alice")
    first = await estate.password_sign_in("alice")
    change = UpdateUserPoolClientRequest(
        user_pool_id=estate.pool_id,
        client_id=estate.client_id,
        explicit_auth_flows=FLOWS,  # type: ignore[arg-type]
        enable_token_revocation=not before,
    )
    await update_user_pool_client(house.call(), change)
    second = await refresh(estate, first.refresh_token)
    for result in (first, second):
        await get_user(house, result.access_token)
    await account.global_sign_out(house.call(None), GlobalSignOutRequest(access_token=second.access_token or ""))
    for result in (first, second):
        assert await verify(house, result.access_token) == "signed_out"


def claims_of_header(token: str | None) -> str:
    import base64
    import json

    head = (token or "").split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])
