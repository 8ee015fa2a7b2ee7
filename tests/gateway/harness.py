"""A gateway on a real socket, with an authority and functions that are small but real implementations."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from poolhouse.gateway.authority import Refusal, TokenRefused, VerifiedToken
from poolhouse.gateway.compile import compile_api
from poolhouse.gateway.definition import ApiDefinition, StageDefinition
from poolhouse.gateway.exchange import OriginReader, socket_origin
from poolhouse.gateway.gateway import Gateway
from poolhouse.http.client import Client, ClientLimits
from poolhouse.http.message import Handler, Request, Response
from poolhouse.http.server import Limits, Server
from tests.http.wire import Peer, connected

POOL = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_Abcdefghi"
OTHER_POOL = "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/eu-west-1_Zzzzzzzzz"
FUNCTION = "arn:aws:lambda:eu-west-1:000000000000:function:foo"
NOW = 1_639_741_221.5  # Fri 17 Dec 2021 11:40:21.5 UTC
CLAIMS: dict[str, Any] = {
    "sub": "2d4e0d3c-0000-4000-8000-000000000001",
    "cognito:groups": ["admins"],
    "email_verified": True,
    "iss": "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Abcdefghi",
    "cognito:username": "someone",
    "aud": "client1",
    "token_use": "id",
    "auth_time": 1639741165,
    "exp": 1639744765,
    "iat": 1639741165,
    "email": "someone@example.com",
}
ACCESS: dict[str, Any] = {
    "sub": CLAIMS["sub"],
    "token_use": "access",
    "scope": "aws.cognito.signin.user.admin orders/read",
    "client_id": "client1",
    "username": "someone",
}


@dataclass
class Authority:
    """Knows tokens by heart; a token may be good but for its session."""

    tokens: dict[str, VerifiedToken | Refusal] = field(default_factory=dict)
    dead_sessions: set[str] = field(default_factory=set)
    asked: int = 0

    async def verify(self, token: str, *, live: bool) -> VerifiedToken:
        self.asked += 1
        known = self.tokens.get(token, Refusal.MALFORMED)
        if isinstance(known, Refusal):
            raise TokenRefused(known)
        if live and token in self.dead_sessions:
            raise TokenRefused(Refusal.SIGNED_OUT)
        return known


def verified(claims: dict[str, Any], pool: str = POOL) -> VerifiedToken:
    return VerifiedToken(pool_arn=pool, token_use=claims["token_use"], claims=claims, expires_at=1639744765)


def authority() -> Authority:
    return Authority(
        {
            "id": verified(CLAIMS),
            "access": verified(ACCESS),
            "foreign": verified(CLAIMS, OTHER_POOL),
            "expired": Refusal.EXPIRED,
            "forged": Refusal.BAD_SIGNATURE,
            "other-client": verified(CLAIMS | {"aud": "client2"}),
        }
    )


@dataclass
class Outcome:
    payload: bytes
    error: str | None = None


Function = Callable[[dict[str, Any]], Awaitable[Any]]


class Functions:
    """Runs coroutines as functions."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.events: list[dict[str, Any]] = []

    async def invoke(self, name_or_arn: str, payload: bytes, *, timeout: float | None = None) -> Outcome:
        assert name_or_arn == FUNCTION
        event = json.loads(payload)
        self.events.append(event)
        async with asyncio.timeout(timeout):
            result = await self.function(event)
        if isinstance(result, Outcome):
            return result
        return Outcome(result if isinstance(result, bytes) else json.dumps(result).encode())


async def hello(event: dict[str, Any]) -> Any:
    return {"statusCode": 200, "body": "hello"}


def proxy(timeout: int | None = None) -> dict[str, Any]:
    """An aws_proxy integration as SAM writes it."""
    uri = f"arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
    integration: dict[str, Any] = {"httpMethod": "POST", "type": "aws_proxy", "uri": uri}
    return integration if timeout is None else integration | {"timeoutInMillis": timeout}


def method(integration: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """One operation object."""
    return {"x-amazon-apigateway-integration": integration or proxy(), "responses": {}, **more}


def cognito(**authorizer: Any) -> dict[str, Any]:
    """One security definition as SAM writes it."""
    return {
        "type": "apiKey",
        "name": authorizer.pop("header", "Authorization"),
        "in": "header",
        "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [POOL], **authorizer},
    }


def document(paths: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A Swagger 2.0 document with the authorizer `Auth`."""
    return {
        "swagger": "2.0",
        "info": {"title": "t", "version": "1.0"},
        "securityDefinitions": {"Auth": cognito()},
        "paths": paths,
        **more,
    }


def guarded(*scopes: str) -> list[dict[str, list[str]]]:
    return [{"Auth": list(scopes)}]


def definition(body: dict[str, Any], **more: Any) -> ApiDefinition:
    fields: dict[str, Any] = {
        "api_id": "abc1234567",
        "name": "api",
        "region": "eu-west-1",
        "account": "000000000000",
        "stages": {"val": StageDefinition(variables=more.pop("variables", {}))},
        "body": body,
    }
    return ApiDefinition(**(fields | more))


@dataclass
class Running:
    gateway: Gateway
    server: Server
    authority: Authority
    functions: Functions
    client: Client

    @property
    def event(self) -> dict[str, Any]:
        """The last event that a function got."""
        return self.functions.events[-1]

    async def ask(
        self,
        target: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        host: str = "localhost:3000",
    ) -> tuple[int, dict[bytes, bytes], bytes]:
        async with connected(self.server.port) as peer:
            await send(peer, target, method=method, headers=headers, body=body, host=host)
            return await peer.answer()


async def send(
    peer: Peer,
    target: str,
    *,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    host: str = "localhost:3000",
) -> None:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    await peer.send("\r\n".join([*lines, "", ""]).encode() + body)


@asynccontextmanager
async def running(
    body: dict[str, Any],
    function: Function = hello,
    *,
    client_limits: ClientLimits | None = None,
    origin: OriginReader = socket_origin,
    **more: Any,
) -> AsyncIterator[Running]:
    """A gateway that serves one API."""
    known, functions, client = authority(), Functions(function), Client(client_limits)
    gateway = Gateway(known, functions, client, clock=lambda: NOW, origin=origin)
    gateway.set_apis([compile_api(definition(body, **more))])
    crashes: list[Exception] = []
    server = Server(
        gateway.handle, Limits(), on_error=gateway.protocol_error, on_crash=lambda _, crash: crashes.append(crash)
    )
    await server.listen("127.0.0.1", 0)
    try:
        yield Running(gateway, server, known, functions, client)
    finally:
        await server.stop(0.0)
        await client.close()
    assert crashes == []


@asynccontextmanager
async def upstream(handler: Handler) -> AsyncIterator[str]:
    """A real HTTP upstream; gives its base URL."""
    server = Server(handler, Limits(max_body=1 << 30), on_crash=lambda _r, _c: None)
    await server.listen("127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        await server.stop(0.0)


async def describe(request: Request) -> Response:
    """An upstream that says what it was asked."""
    body = await request.read()
    told = {
        "method": request.method,
        "target": request.target.decode(),
        "headers": [[name.decode(), value.decode()] for name, value in request.headers],
        "body": body.decode("latin-1"),
    }
    return Response(200, [(b"Content-Type", b"application/json")], json.dumps(told).encode())
