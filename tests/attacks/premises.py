"""A whole server in this process, on real sockets, with one pool, one client and an API behind the gateway.

The API has an open and two guarded resources, all answered by one upstream that says what has reached it.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from poolhouse.app import App, start_app
from poolhouse.config import Config
from poolhouse.crypto.master_key import from_file_or_new
from poolhouse.gateway.definition import ApiDefinition, StageDefinition
from poolhouse.http.limits import Limits
from poolhouse.http.message import Request, Response
from poolhouse.http.server import Server
from poolhouse.model.cognito_idp_model import (
    AdminCreateUserRequest,
    AdminSetUserPasswordRequest,
    CreateUserPoolClientRequest,
    CreateUserPoolRequest,
)
from poolhouse.opening import MASTER_KEY_FILE, operator_call
from poolhouse.stacks.resource import Fragment
from poolhouse.stacks.served import ServedStore
from poolhouse.storage import Batch
from poolhouse.userpools.operations.admin_create_user import admin_create_user
from poolhouse.userpools.operations.admin_users import admin_set_user_password
from poolhouse.userpools.operations.clients import create_user_pool_client
from poolhouse.userpools.operations.pools import create_user_pool
from tests.attacks.wire import Door
from tests.house import Clock

PASSWORD = "Tr0ub4dor&3-Aa"
TEMPORARY = "T3mp0rary!pass"
EMAIL = "alice@example.com"
FLOWS = [
    *("ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH"),
    "ALLOW_REFRESH_TOKEN_AUTH",
]


@dataclass
class Premises:
    """A running server and the doors to it."""

    app: App
    clock: Clock
    service: Door
    gateway: Door
    upstream: "Upstream"
    pool_id: str = ""
    client_id: str = ""

    async def found(self, **client: Any) -> None:
        """Make the pool and its client, and serve an API that this pool guards."""
        self.pool_id, self.client_id = await self.another_pool(**client)
        await self.deploy()

    async def deploy(self) -> None:
        """Serve the API from the database, as a stack would, on every node."""
        definition = msgspec.to_builtins(_api(self.pool_id, self.upstream.port))
        services = self.app.services
        batch = Batch()
        fragment = Fragment("api", definition["api_id"], definition)
        served = ServedStore(services.database, services.keyring)
        served.replace(batch, "stack", (), {("api", fragment.name): fragment}, int(self.clock() * 1000))
        await services.database.commit(batch)
        await self.deployed()

    async def deployed(self) -> None:
        """Wait until this node serves the API."""
        async with asyncio.timeout(10):
            while (await self.gateway.send("GET", "/v/guarded/x")).status != 401:
                await asyncio.sleep(0.02)

    async def found_by_operator(self, username: str) -> None:
        """The same, with one user, as the command line does it: a production server takes no made-up signature."""
        call = operator_call(self.app.services, clock=self.clock)
        pool = await create_user_pool(call, CreateUserPoolRequest(pool_name="people"))
        assert pool.user_pool is not None
        self.pool_id = pool.user_pool.id or ""
        made = await create_user_pool_client(
            call,
            CreateUserPoolClientRequest(
                user_pool_id=self.pool_id,
                client_name="app",
                explicit_auth_flows=FLOWS,  # type: ignore[arg-type]  # the members of the enum
            ),
        )
        assert made.user_pool_client is not None
        self.client_id = made.user_pool_client.client_id or ""
        await admin_create_user(
            call,
            AdminCreateUserRequest(user_pool_id=self.pool_id, username=username, message_action="SUPPRESS"),
        )
        await admin_set_user_password(
            call,
            AdminSetUserPasswordRequest(
                user_pool_id=self.pool_id, username=username, password=PASSWORD, permanent=True
            ),
        )

    async def another_pool(self, **client: Any) -> tuple[str, str]:
        pool = await self.service.admin(
            "CreateUserPool", PoolName="people", UsernameConfiguration={"CaseSensitive": False}
        )
        pool_id = pool["UserPool"]["Id"]
        made = await self.service.admin(
            "CreateUserPoolClient", UserPoolId=pool_id, ClientName="app", ExplicitAuthFlows=FLOWS, **client
        )
        return pool_id, made["UserPoolClient"]["ClientId"]

    async def user(self, username: str, password: str = PASSWORD, *, pool_id: str = "") -> None:
        """A confirmed user."""
        pool_id = pool_id or self.pool_id
        await self.service.admin("AdminCreateUser", UserPoolId=pool_id, Username=username, MessageAction="SUPPRESS")
        await self.service.admin(
            "AdminSetUserPassword", UserPoolId=pool_id, Username=username, Password=password, Permanent=True
        )

    async def sign_in(self, username: str, password: str = PASSWORD, *, client_id: str = "") -> dict[str, str]:
        """The tokens of a sign-in that must succeed."""
        reply = await self.initiate(username, password, client_id=client_id)
        assert reply.status == 200, reply
        tokens: dict[str, str] = reply.json()["AuthenticationResult"]
        return tokens

    async def initiate(self, username: str, password: str = PASSWORD, *, client_id: str = "") -> Any:
        parameters = {"USERNAME": username, "PASSWORD": password}
        return await self.service.call(
            "InitiateAuth",
            {
                "ClientId": client_id or self.client_id,
                "AuthFlow": "USER_PASSWORD_AUTH",
                "AuthParameters": parameters,
            },
        )

    async def visit(self, token: str, path: str = "/v/guarded/x") -> int:
        """The gateway's status for a token."""
        return (await self.gateway.send("GET", path, {"Authorization": token})).status


class Upstream:
    """Answers with the target and the headers that reached it."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._server = Server(self._answer, Limits())

    async def start(self) -> None:
        await self._server.listen("127.0.0.1", 0)

    async def stop(self) -> None:
        await self._server.stop(0)

    @property
    def port(self) -> int:
        return self._server.port

    async def _answer(self, request: Request) -> Response:
        target = request.target.decode("latin-1")
        self.seen.append(target)
        lines = [[name.decode("latin-1").lower(), value.decode("latin-1")] for name, value in request.headers]
        return Response(
            200, [(b"Content-Type", b"application/json")], json.dumps({"target": target, "headers": lines}).encode()
        )


def _api(pool_id: str, port: int) -> ApiDefinition:
    def upstream(path: str, parameter: str) -> dict[str, Any]:
        return {
            "responses": {},
            "x-amazon-apigateway-integration": {
                "type": "http_proxy",
                "httpMethod": "ANY",
                "uri": f"http://127.0.0.1:{port}{path}/{{{parameter}}}",
                "requestParameters": {f"integration.request.path.{parameter}": f"method.request.path.{parameter}"},
            },
        }

    guard: dict[str, Any] = {"security": [{"Users": []}]}
    scoped = {"security": [{"Users": ["aws.cognito.signin.user.admin"]}]}
    arn = f"arn:aws:cognito-idp:eu-west-1:000000000000:userpool/{pool_id}"
    body: dict[str, Any] = {
        "swagger": "2.0",
        "paths": {
            "/open/{proxy+}": {"x-amazon-apigateway-any-method": upstream("/open", "proxy")},
            "/guarded/{id}": {"x-amazon-apigateway-any-method": upstream("/guarded", "id") | guard},
            "/scoped/{id}": {"x-amazon-apigateway-any-method": upstream("/scoped", "id") | scoped},
            "/secrets/all": {"get": upstream("/secrets", "all") | guard},
            "/{proxy+}": {"get": upstream("/open", "proxy")},
        },
        "securityDefinitions": {
            "Users": {
                "type": "apiKey",
                "name": "Authorization",
                "in": "header",
                "x-amazon-apigateway-authtype": "cognito_user_pools",
                "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [arn]},
            }
        },
    }
    integration = body["paths"]["/secrets/all"]["get"]["x-amazon-apigateway-integration"]
    integration["uri"] = f"http://127.0.0.1:{port}/secrets/all"
    del integration["requestParameters"]
    return ApiDefinition(
        api_id="abcde12345",
        name="api",
        region="eu-west-1",
        account="000000000000",
        stages={"v": StageDefinition()},
        body=body,
    )


@asynccontextmanager
async def open_premises(
    database_url: str, state: Path, clock: Clock, *, upstream: Upstream | None = None, **settings: Any
) -> AsyncIterator[Premises]:
    """Start a server (by default a development one) on a database, in this process, on ports of its own."""
    state.mkdir(parents=True, exist_ok=True)
    from_file_or_new(state / MASTER_KEY_FILE)
    config = Config(
        **{
            "mode": "development",
            "state_dir": state,
            "database_url": database_url,
            "port": 0,
            "gateway_port": 0,
            "grace_seconds": 1.0,
            **settings,
        }
    )
    app = await start_app(config, {}, clock=clock)
    behind = upstream or Upstream()
    if upstream is None:
        await behind.start()
    service, gateway = Door(app.port), Door(app.gateway_port)
    try:
        yield Premises(app, clock, service, gateway, behind)
    finally:
        service.close()
        gateway.close()
        await asyncio.sleep(0)
        await app.stop()
        if upstream is None:
            await behind.stop()
