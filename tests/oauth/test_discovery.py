"""What a pool publishes for verifiers: exactly the contract's members, under each form of issuer (tokens.md §5)."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from poolhouse.call import Call
from poolhouse.http.message import Request
from poolhouse.model.cognito_idp_model import CreateUserPoolRequest
from poolhouse.oauth.discovery import discovery
from poolhouse.userpools.operations.pools import create_user_pool
from tests.house import House


class NoBody:
    """The body of a GET."""

    async def read(self, limit: int | None = None) -> bytes:
        return b""

    async def stream(self) -> AsyncIterator[bytes]:
        yield b""

    async def wait_disconnect(self) -> None:
        raise NotImplementedError

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        raise NotImplementedError


async def published(house: House, pool_id: str, document: str, base: str | None = None) -> Any:
    plain = house.call(None)
    call = Call(house.services, now=plain.now, chance=plain.chance, request_id=plain.request_id, issuer_base=base)
    target = f"/{pool_id}/.well-known/{document}".encode()
    request = Request("GET", target, [], scheme="http", peer="127.0.0.1", received_at=0, body=NoBody())
    answer = await discovery(call, request)
    assert answer.status == 200
    headers = {name.lower(): value for name, value in answer.headers}
    assert headers[b"access-control-allow-origin"] == b"*"
    assert b"max-age" in headers[b"cache-control"]
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


async def pool(house: House, issuer: str | None = None) -> str:
    tags = None if issuer is None else {"poolhouse:issuer": issuer}
    made = await create_user_pool(house.call(), CreateUserPoolRequest(pool_name="p", user_pool_tags=tags))
    assert made.user_pool is not None
    return made.user_pool.id or ""


async def test_the_jwks_has_two_keys_of_exactly_these_members(house: House) -> None:
    keys = (await published(house, await pool(house), "jwks.json"))["keys"]
    assert len(keys) == 2
    for key in keys:
        assert list(key) == ["alg", "e", "kid", "kty", "n", "use"]
        assert (key["alg"], key["e"], key["kty"], key["use"]) == ("RS256", "AQAB", "RSA", "sig")
        assert len(key["kid"]) == 44
    assert keys[0]["kid"] != keys[1]["kid"]


@pytest.mark.parametrize(
    ("form", "base", "issuer"),
    [
        (None, None, "http://localhost:9229"),
        (None, "https://login.example.org", "http://localhost:9229"),
        ("host", None, "http://localhost:9229"),
        ("host", "https://login.example.org", "https://login.example.org"),
        ("aws", "https://login.example.org", "https://cognito-idp.eu-west-1.amazonaws.com"),
    ],
)
async def test_the_configuration_has_exactly_these_members_under_each_issuer(
    house: House, form: str | None, base: str | None, issuer: str
) -> None:
    pool_id = await pool(house, form)
    found = await published(house, pool_id, "openid-configuration", base)
    root = f"{issuer}/{pool_id}"
    assert list(found.items()) == [
        ("authorization_endpoint", f"{root}/authorize"),
        ("end_session_endpoint", f"{root}/logout"),
        ("id_token_signing_alg_values_supported", ["RS256"]),
        ("issuer", root),
        ("jwks_uri", f"{root}/.well-known/jwks.json"),
        ("response_types_supported", ["code", "token"]),
        ("revocation_endpoint", f"{root}/revoke"),
        ("scopes_supported", ["openid", "email", "phone", "profile"]),
        ("subject_types_supported", ["public"]),
        ("token_endpoint", f"{root}/token"),
        ("token_endpoint_auth_methods_supported", ["client_secret_basic", "client_secret_post"]),
        ("userinfo_endpoint", f"{root}/userInfo"),
    ]
