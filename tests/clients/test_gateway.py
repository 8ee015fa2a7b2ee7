"""Who reaches a guarded route, and that nobody does once their session is over, whichever way it ended."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.clients.people import Person, call_api, confirmed_person, password_client
from tests.server import RunningServer

UNAUTHORIZED = '{"message":"Unauthorized"}'

Tokens = Mapping[str, str]
End = Callable[[Any, Any, RunningServer, Person, Tokens], object]


@pytest.fixture(scope="module")
def client_id(server: RunningServer) -> str:
    return password_client(server)


def sign_in(public: Any, client_id: str, person: Person) -> Tokens:
    answer = public.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=client_id,
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
    )
    return {**answer["AuthenticationResult"], "ClientId": client_id}


def where(server: RunningServer, person: Person) -> dict[str, str]:
    return {"UserPoolId": server.pool_id, "Username": person.email}


ENDS: dict[str, End] = {
    "GlobalSignOut": lambda public, admin, server, person, tokens: public.global_sign_out(
        AccessToken=tokens["AccessToken"]
    ),
    "RevokeToken": lambda public, admin, server, person, tokens: public.revoke_token(
        Token=tokens["RefreshToken"], ClientId=tokens["ClientId"]
    ),
    "AdminUserGlobalSignOut": lambda public, admin, server, person, tokens: admin.admin_user_global_sign_out(
        **where(server, person)
    ),
    "AdminDisableUser": lambda public, admin, server, person, tokens: admin.admin_disable_user(**where(server, person)),
    "AdminDeleteUser": lambda public, admin, server, person, tokens: admin.admin_delete_user(**where(server, person)),
    "DeleteUser": lambda public, admin, server, person, tokens: public.delete_user(AccessToken=tokens["AccessToken"]),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_session_that_has_ended_is_refused_at_once(
    server: RunningServer, admin: Any, public: Any, client_id: str, end: str
) -> None:
    person = confirmed_person(server)
    tokens = sign_in(public, client_id, person)
    route = server.route("/val/foo")
    for token in (tokens["AccessToken"], tokens["IdToken"]):
        assert call_api(route, token).status == 200
        assert call_api(route, f"Bearer {token}").status == 200
    ENDS[end](public, admin, server, person, tokens)
    for token in (tokens["AccessToken"], tokens["IdToken"]):
        refused = call_api(route, token)
        assert (refused.status, refused.body) == (401, UNAUTHORIZED)
        assert refused.headers["x-amzn-errortype"] == "UnauthorizedException"


def test_the_function_is_told_the_caller_s_claims(server: RunningServer, public: Any, client_id: str) -> None:
    person = confirmed_person(server)
    answer = call_api(server.route("/val/foo"), sign_in(public, client_id, person)["IdToken"])
    assert person.email in answer.body


@pytest.mark.parametrize("token", [None, "", "nonsense", "Bearer", "a.b.c"])
def test_without_a_token_nobody_passes(server: RunningServer, token: str | None) -> None:
    refused = call_api(server.route("/val/foo"), token)
    assert (refused.status, refused.body) == (401, UNAUTHORIZED)


def test_a_refresh_token_opens_nothing(server: RunningServer, public: Any, client_id: str) -> None:
    tokens = sign_in(public, client_id, confirmed_person(server))
    assert call_api(server.route("/val/foo"), tokens["RefreshToken"]).status == 401


def test_a_foreign_pool_s_token_is_refused(server: RunningServer, admin: Any, public: Any) -> None:
    pool_id = admin.create_user_pool(PoolName="foreign", UsernameAttributes=["email"])["UserPool"]["Id"]
    person = confirmed_person(server, pool_id=pool_id)
    tokens = sign_in(public, password_client(server, pool_id), person)
    assert call_api(server.route("/val/foo"), tokens["AccessToken"]).status == 401


def test_other_sessions_live_on_when_one_is_revoked(
    server: RunningServer, admin: Any, public: Any, client_id: str
) -> None:
    person = confirmed_person(server)
    first, second = sign_in(public, client_id, person), sign_in(public, client_id, person)
    public.revoke_token(Token=first["RefreshToken"], ClientId=client_id)
    assert call_api(server.route("/val/foo"), first["AccessToken"]).status == 401
    assert call_api(server.route("/val/foo"), second["AccessToken"]).status == 200
