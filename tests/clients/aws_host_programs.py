"""Python programs as they are written for Cognito at AWS: nothing in them names another endpoint or another key.

Each is run in a process of its own, because proxy and trust come from the environment:
`python -m tests.clients.aws_host_programs NAME`, with its arguments as JSON on standard input. It prints its answer.
"""

import json
import sys
from collections.abc import Callable
from typing import Any


def flask_cognito_lib(region: str, pool_id: str, client_id: str, access: list[str], ids: list[str]) -> dict[str, Any]:
    """A Flask application with two guarded pages: the statuses that the tokens get."""
    from flask import Flask, Response, request
    from flask_cognito_lib import CognitoAuth
    from flask_cognito_lib.decorators import auth_required
    from flask_cognito_lib.exceptions import AuthorisationRequiredError, CognitoError, TokenVerifyError

    app = Flask("application")
    app.config.update(
        SECRET_KEY="the application's own",
        AWS_REGION=region,
        AWS_COGNITO_USER_POOL_ID=pool_id,
        AWS_COGNITO_USER_POOL_CLIENT_ID=client_id,
        AWS_COGNITO_DOMAIN="https://auth.example.com",
        AWS_COGNITO_REDIRECT_URL="https://app.example.com/back",
        AWS_COGNITO_LOGOUT_URL="https://app.example.com/",
    )
    auth = CognitoAuth(app)

    @app.get("/access")
    @auth_required()
    def by_access_token() -> Response:
        return Response("yours")

    @app.get("/id")
    def by_id_token() -> str:
        email: str = auth.verify_id_token(request.cookies["id"], leeway=0)["email"]
        return email

    @app.errorhandler(AuthorisationRequiredError)
    @app.errorhandler(TokenVerifyError)
    @app.errorhandler(CognitoError)
    def refused(error: Exception) -> tuple[str, int]:
        return type(error).__name__, 401

    def ask(path: str, cookie: str, token: str) -> list[Any]:
        browser = app.test_client()
        browser.set_cookie(cookie, token)
        answer = browser.get(path)
        return [answer.status_code, answer.text]

    return {
        "access": [ask("/access", "cognito_access_token", token) for token in access],
        "ids": [ask("/id", "id", token) for token in ids],
    }


def cognitojwt(region: str, pool_id: str, client_id: str, tokens: list[str]) -> list[str]:
    """What it says of each token."""
    import cognitojwt as library

    def check(token: str) -> str:
        try:
            use: str = library.decode(token, region, pool_id, app_client_id=client_id)["token_use"]
        except library.CognitoJWTException as refused:
            return str(refused)
        return use

    return [check(token) for token in tokens]


def pycognito(region: str, pool_id: str, client_id: str, username: str, password: str) -> dict[str, Any]:
    """Sign in by SRP, which checks the tokens too, and use the access token."""
    from pycognito import Cognito

    person = Cognito(pool_id, client_id, user_pool_region=region, username=username)
    person.authenticate(password)
    return {"iss": person.id_claims["iss"], "email": person.get_user().email}


def boto3(region: str, pool_id: str, client_id: str, username: str, password: str) -> dict[str, Any]:
    """Sign in by SRP, ask who that is with the access token, and look it up as an administrator."""
    import boto3 as library
    from pycognito.aws_srp import AWSSRP

    client = library.client("cognito-idp", region_name=region)
    srp = AWSSRP(username, password, pool_id, client_id, client=client)
    tokens = srp.authenticate_user()["AuthenticationResult"]
    mine = client.get_user(AccessToken=tokens["AccessToken"])["Username"]
    looked_up = client.admin_get_user(UserPoolId=pool_id, Username=username)["Username"]
    return {"mine": mine, "looked_up": looked_up}


PROGRAMS: dict[str, Callable[..., Any]] = {
    program.__name__: program for program in (flask_cognito_lib, cognitojwt, pycognito, boto3)
}

if __name__ == "__main__":
    json.dump(PROGRAMS[sys.argv[1]](**json.load(sys.stdin)), sys.stdout)
