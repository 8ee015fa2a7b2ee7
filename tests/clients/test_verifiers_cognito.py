"""Libraries made for Cognito that are told where the keys are: cognitojwt, and fastapi-cognito in an application."""

from collections.abc import Iterator
from typing import Any

import cognitojwt
import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from fastapi_cognito import CognitoAuth, CognitoSettings, CognitoToken
from pydantic import BaseModel

from tests.clients.tokens import Issued, altered
from tests.server import RunningServer


@pytest.fixture(autouse=True)
def _where_the_keys_are(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_COGNITO_JWKS_PATH", server.jwks_url)


def refused_by_cognitojwt(issued: Issued, foreign: Issued) -> list[tuple[str, str, str]]:
    return [
        (issued.id, "somebody-else", "Token was not issued for this client id audience"),
        (altered(issued.access), issued.client_id, "Signature verification failed"),
        (foreign.id, foreign.client_id, "Public key not found in jwks.json"),
    ]


def test_cognitojwt_accepts(server: RunningServer, issued: Issued, foreign: Issued) -> None:
    place = server.region, server.pool_id
    for token, use in ((issued.id, "id"), (issued.access, "access")):
        assert cognitojwt.decode(token, *place, app_client_id=issued.client_id)["token_use"] == use
    for token, client_id, why in refused_by_cognitojwt(issued, foreign):
        with pytest.raises(cognitojwt.CognitoJWTException, match=why):
            cognitojwt.decode(token, *place, app_client_id=client_id)


async def test_cognitojwt_accepts_without_blocking(server: RunningServer, issued: Issued, foreign: Issued) -> None:
    place = server.region, server.pool_id
    for token, use in ((issued.id, "id"), (issued.access, "access")):
        claims = await cognitojwt.decode_async(token, *place, app_client_id=issued.client_id)
        assert claims["token_use"] == use
    for token, client_id, why in refused_by_cognitojwt(issued, foreign):
        with pytest.raises(cognitojwt.CognitoJWTException, match=why):
            await cognitojwt.decode_async(token, *place, app_client_id=client_id)


class IdToken(BaseModel):
    """What the application reads of an ID token; the library's own model is that of an access token."""

    token_use: str
    email: str


@pytest.fixture(scope="module")
def application(server: RunningServer, issued: Issued) -> Iterator[TestClient]:
    pool = {
        "region": server.region,
        "userpool_id": server.pool_id,
        "app_client_id": issued.client_id,
        "jwks_url": server.jwks_url,
    }
    settings = CognitoSettings(
        check_expiration=True, jwt_header_name="Authorization", jwt_header_prefix="Bearer", userpools={"pool": pool}
    )
    app = FastAPI()
    by_access = CognitoAuth(settings=settings)
    by_id = CognitoAuth(settings=settings, custom_model=IdToken)

    @app.get("/username")
    def username(token: CognitoToken = Depends(by_access.auth_required)) -> str:  # noqa: B008  # FastAPI's way
        name: str = token.username
        return name

    @app.get("/email")
    def email(token: IdToken = Depends(by_id.auth_required)) -> str:  # noqa: B008
        return token.email

    with TestClient(app) as client:
        yield client


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_fastapi_cognito_lets_a_genuine_token_in(
    application: TestClient, issued: Issued, admin: Any, server: RunningServer
) -> None:
    username = admin.admin_get_user(UserPoolId=server.pool_id, Username=issued.person.email)["Username"]
    assert application.get("/username", headers=bearer(issued.access)).json() == username
    assert application.get("/email", headers=bearer(issued.id)).json() == issued.person.email


def test_fastapi_cognito_keeps_the_others_out(application: TestClient, issued: Issued, foreign: Issued) -> None:
    assert application.get("/username").status_code == 401
    for token in (altered(issued.access), foreign.access):
        assert application.get("/username", headers=bearer(token)).status_code == 401
