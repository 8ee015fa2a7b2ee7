"""Requests made by hand for the front, and a small set of operations to call."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from poolhouse.http.message import BodyTooLarge, ClientVanished, Request, Response
from poolhouse.model.catalogue import model, target
from poolhouse.model.cognito_idp_model import (
    AdminGetUserRequest,
    AdminGetUserResponse,
    GetUserRequest,
    GetUserResponse,
    InitiateAuthRequest,
    InitiateAuthResponse,
    InvalidParameterException,
    UserNotFoundException,
)
from poolhouse.model.errors import MissingAuthenticationTokenException, ServiceError
from poolhouse.model.shape import Operation, Shape
from poolhouse.model.sts_model import (
    AssumedRoleUser,
    AssumeRoleWithWebIdentityRequest,
    AssumeRoleWithWebIdentityResponse,
    Credentials,
    GetCallerIdentityResponse,
    IDPRejectedClaimException,
)
from poolhouse.wire.envelope import Cors
from poolhouse.wire.front import AwsFront

REQUEST_ID = "6f1ed002-ab5c-4f6d-9d0b-1f0d1c1f0a3e"
IDP = "AWSCognitoIdentityProviderService"
JSON = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded"


@dataclass
class Body:
    """A body that has arrived, or the exception that its arrival ended in."""

    content: bytes = b""
    failure: Exception | None = None

    async def read(self, limit: int | None = None) -> bytes:
        if self.failure is not None:
            raise self.failure
        if limit is not None and len(self.content) > limit:
            raise BodyTooLarge
        return self.content

    async def stream(self) -> AsyncIterator[bytes]:
        yield self.content

    async def wait_disconnect(self) -> None:
        raise ClientVanished

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        del callback


@dataclass(frozen=True)
class Called:
    """What the operations get for a call: what the front said about the request."""

    request_id: str
    operation: str
    principal: str | None


@dataclass(frozen=True)
class Bound:
    operation: Operation
    run: Any


async def initiate_auth(call: Called, request: InitiateAuthRequest) -> InitiateAuthResponse:
    parameters = request.auth_parameters or {}
    if parameters.get("USERNAME") == "boom":
        raise KeyError("alice@example.com")
    if parameters.get("USERNAME") == "slow":
        await asyncio.sleep(60)
    if parameters.get("USERNAME") == "reason":
        raise InvalidParameterException("Line one\r\nline two – é", reason_code="Because")
    return InitiateAuthResponse(challenge_name="PASSWORD_VERIFIER", challenge_parameters=parameters)


async def get_user(call: Called, request: GetUserRequest) -> GetUserResponse:
    return GetUserResponse(username=call.principal or "anonymous", user_attributes=[])


async def admin_get_user(call: Called, request: AdminGetUserRequest) -> AdminGetUserResponse:
    if request.username == "nobody":
        raise UserNotFoundException("User does not exist.")
    return AdminGetUserResponse(username=request.username, user_create_date=1700000000.123, enabled=True)


async def admin_delete_user(call: Called, request: Shape) -> None:
    return None


async def assume_role(call: Called, request: AssumeRoleWithWebIdentityRequest) -> AssumeRoleWithWebIdentityResponse:
    if request.web_identity_token == "rejected":
        raise IDPRejectedClaimException("a < b & c")
    return AssumeRoleWithWebIdentityResponse(
        credentials=Credentials(
            access_key_id="ASIA", secret_access_key="s/+", session_token="t", expiration=1741082707.9
        ),
        assumed_role_user=AssumedRoleUser(assumed_role_id="AROA:x", arn="arn:aws:sts::1:assumed-role/r/x"),
        audience=request.policy_arns[0].arn if request.policy_arns else None,
        packed_policy_size=request.duration_seconds,
    )


async def caller_identity(call: Called, request: Shape) -> GetCallerIdentityResponse:
    return GetCallerIdentityResponse(arn=call.principal)


async def verify(request: Request, body: bytes, operation: Operation, parameters: Shape | None) -> str:
    if request.header(b"authorization") is None:
        raise MissingAuthenticationTokenException("Missing Authentication Token")
    return "arn:aws:iam::000000000000:user/ops"


def operations() -> dict[str, Bound]:
    idp, sts = model("cognito-idp").operations, model("sts").operations
    built = [
        Bound(idp["InitiateAuth"], initiate_auth),
        Bound(idp["GetUser"], get_user),
        Bound(idp["AdminGetUser"], admin_get_user),
        Bound(idp["AdminDeleteUser"], admin_delete_user),
        Bound(sts["AssumeRoleWithWebIdentity"], assume_role),
        Bound(sts["GetCallerIdentity"], caller_identity),
    ]
    return {target(bound.operation): bound for bound in built}


@dataclass
class Observed:
    """Every answer that the front told its observer of."""

    answers: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def __call__(
        self, request: Request, request_id: str, operation: Operation | None, error: ServiceError | None
    ) -> None:
        name = operation.name if operation is not None else None
        self.answers.append((request_id, name, error.code if error is not None else None))


def front(
    *, time_limit: float = 30.0, cors: Cors | None = None, observe: Observed | None = None
) -> AwsFront[Called, str]:
    return AwsFront(
        operations(),
        lambda request, request_id, operation, principal: Called(request_id, operation.name, principal),
        verify,
        time_limit=time_limit,
        cors=cors,
        request_ids=lambda: REQUEST_ID,
        observe=observe,
    )


def make_request(
    method: str = "POST",
    path: str = "/",
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    failure: Exception | None = None,
) -> Request:
    lines = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return Request(
        method, path.encode(), lines, scheme="http", peer="127.0.0.1", received_at=0.0, body=Body(body, failure)
    )


def call_json(operation: str, body: object, **headers: str) -> Request:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    lines = {"Content-Type": JSON, "X-Amz-Target": f"{IDP}.{operation}"}
    return make_request(
        headers=lines | {name.replace("_", "-"): value for name, value in headers.items()}, body=content
    )


def call_form(form: str, **headers: str) -> Request:
    return make_request(headers={"Content-Type": FORM} | headers, body=form.encode())


def headers_of(response: Response) -> dict[str, str]:
    return {name.decode(): value.decode("latin-1") for name, value in response.headers}


def json_of(response: Response) -> object:
    assert isinstance(response.body, bytes)
    return msgspec.json.decode(response.body)


def text_of(response: Response) -> str:
    assert isinstance(response.body, bytes)
    return response.body.decode()
