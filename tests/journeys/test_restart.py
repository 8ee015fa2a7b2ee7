"""What a person has is still there when the server comes back: their account, their session, their refusals."""

from collections.abc import Iterator

import pytest

from tests.clients.people import (
    TEMPORARY_PASSWORD,
    administrator,
    anonymous,
    call_api,
    confirmed_person,
    new_address,
    password_client,
)
from tests.server import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """The example stack, served."""
    with running_server(tmp_path_factory.mktemp("restart") / "state") as running:
        yield running


def test_a_restart_keeps_people_sessions_and_sign_outs(server: RunningServer) -> None:
    client_id = password_client(server)
    alive, ended = confirmed_person(server), confirmed_person(server)

    def sign_in(name: str, password: str) -> dict[str, str]:
        secret = {"USERNAME": name, "PASSWORD": password}
        flow = {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": secret}
        tokens: dict[str, str] = anonymous(server).initiate_auth(**flow)["AuthenticationResult"]
        return tokens

    kept, lost = sign_in(alive.email, alive.password), sign_in(ended.email, ended.password)
    anonymous(server).global_sign_out(AccessToken=lost["AccessToken"])
    pool_id = server.pool_id
    server.restart()
    assert server.pool_id == pool_id
    assert call_api(server.route("/val/foo"), kept["AccessToken"]).status == 200
    assert call_api(server.route("/val/foo"), lost["AccessToken"]).status == 401
    refresh = {"REFRESH_TOKEN": kept["RefreshToken"]}
    anonymous(server).initiate_auth(ClientId=client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters=refresh)
    sign_in(alive.email, alive.password)


def test_the_inbox_survives_a_restart(server: RunningServer) -> None:
    email = new_address()
    administrator(server).admin_create_user(
        UserPoolId=server.pool_id,
        Username=email,
        UserAttributes=[{"Name": "email", "Value": email}],
        TemporaryPassword=TEMPORARY_PASSWORD,
        DesiredDeliveryMediums=["EMAIL"],
    )
    server.restart()
    assert TEMPORARY_PASSWORD in server.inbox(email)[0].body
