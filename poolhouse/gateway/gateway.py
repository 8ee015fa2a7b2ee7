"""The gateway's data plane: which API, stage and route a request means, whether it may, and who answers.

Owns the order of these steps (api-gateway.md section 1). Knows functions, pools and upstreams only through the
interfaces that it is given.
"""

import base64
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from os import urandom
from typing import assert_never

import msgspec

from poolhouse.gateway.answers import (
    NO_CUSTOMISATIONS,
    AnswerType,
    GatewayError,
    answer,
)
from poolhouse.gateway.authority import TokenAuthority
from poolhouse.gateway.authorizer import authorize
from poolhouse.gateway.exchange import Exchange, OriginReader, socket_origin
from poolhouse.gateway.http_proxy import call_upstream
from poolhouse.gateway.ids import Ids, RequestTimes
from poolhouse.gateway.lambda_proxy import FunctionInvoker, call_function
from poolhouse.gateway.mock import mock_answer
from poolhouse.gateway.model import Api, HttpUpstream, LambdaProxy, Mock, RequiredParameter, Route, Stage
from poolhouse.http.client import Client
from poolhouse.http.message import Request, Response

_PATH_FORM = "restapis"
_USER_REQUEST = "_user_request_"


class Gateway:
    """Answers requests for a set of APIs, which can be replaced while it does."""

    def __init__(
        self,
        authority: TokenAuthority,
        functions: FunctionInvoker,
        client: Client,
        *,
        clock: Callable[[], float] = time.time,
        random: Callable[[int], bytes] = urandom,
        origin: OriginReader = socket_origin,
    ) -> None:
        self._authority = authority
        self._functions = functions
        self._client = client
        self._clock = clock
        self._ids = Ids(random)
        self._times = RequestTimes()
        self._origin = origin
        self._apis: Mapping[str, Api] = {}
        self._default: Api | None = None
        self._by_stage: Mapping[str, Api] = {}

    def set_apis(self, apis: Iterable[Api], default: str | None = None) -> None:
        """Serve these APIs from the next request on; requests under way keep what they have begun with.

        `default` names the API of a request whose host and path name none; without it the only one, if there is
        but one, or the only one with a stage of the name that the path begins with.
        """
        found = {api.api_id: api for api in apis}
        only = next(iter(found.values())) if len(found) == 1 else None
        stages = Counter(stage for api in found.values() for stage in api.stages)
        self._default = only if default is None else found.get(default)
        self._by_stage = {stage: api for api in found.values() for stage in api.stages if stages[stage] == 1}
        self._apis = found

    async def handle(self, request: Request) -> Response:
        """Answer one request; the server's handler."""
        exchange = self._exchange(request)
        try:
            return await self._answer(exchange)
        except GatewayError as error:
            customisations = NO_CUSTOMISATIONS if exchange.stage is None else exchange.stage.customisations
            return answer(error, exchange, customisations)

    def protocol_error(self, status: int, reason: str) -> Response:
        """The answer to what never became a request; the server's `on_error`."""
        request_id, extended_id, _ = self._ids.next(self._clock())
        headers = [
            (b"Content-Type", b"application/json"),
            (b"x-amzn-RequestId", request_id.encode()),
            (b"x-amz-apigw-id", extended_id.encode()),
        ]
        text = "Internal server error" if status == 500 else reason[:1].upper() + reason[1:]
        return Response(status, headers, msgspec.json.encode({"message": text}))

    async def _answer(self, exchange: Exchange) -> Response:
        stage, route = self._resolve(exchange)
        if route.guard is not None:
            exchange.grant = await authorize(exchange, route, route.guard, self._authority)
        if route.required:
            _require(exchange, route.required)
        integration = route.integration
        match integration:
            case LambdaProxy():
                return await call_function(exchange, stage, route, integration, self._functions)
            case HttpUpstream():
                return await call_upstream(exchange, stage, integration, self._client)
            case Mock():
                return mock_answer(exchange, integration)
            case _:
                assert_never(integration)

    def _exchange(self, request: Request) -> Exchange:
        now = self._clock()
        return Exchange(
            request,
            self._ids.next(now),
            origin=self._origin(request),
            received=now,
            request_time=self._times.text(now),
        )

    # -- which API, stage, route

    def _resolve(self, exchange: Exchange) -> tuple[Stage, Route]:
        api, stage_name, rest = self._locate(exchange)
        stage = None if api is None else api.stages.get(stage_name)
        if stage is None:
            raise GatewayError(AnswerType.MISSING_AUTHENTICATION_TOKEN, "Forbidden", error_type="ForbiddenException")
        exchange.stage = stage
        exchange.full_path = f"/{stage_name}{rest}"
        # A slash doubled after the stage is dropped; inside the path it is kept.
        exchange.path = path = "/" + rest.lstrip("/")
        found = stage.router.find(path)
        route = None if found is None else found[0].route(exchange.request.method)
        if found is None or route is None:
            raise _not_found(exchange.request)
        exchange.route = route
        exchange.parameters = found[1]
        return stage, route

    def _locate(self, exchange: Exchange) -> tuple[Api | None, str, str]:
        """The API that a request means, the name of its stage, and the path after it."""
        path = exchange.request.path
        prefix, _, after = exchange.host.lower().partition(".")
        if after.startswith("execute-api."):
            return self._apis.get(prefix), *_split_stage(path)
        if path.startswith(f"/{_PATH_FORM}/"):
            pieces = path.split("/", 5)
            if len(pieces) >= 5 and pieces[4] == _USER_REQUEST:
                rest = f"/{pieces[5]}" if len(pieces) == 6 else ""
                return self._apis.get(pieces[2]), pieces[3], rest
        stage, rest = _split_stage(path)
        return self._default or self._by_stage.get(stage), stage, rest


def _split_stage(path: str) -> tuple[str, str]:
    """`/val/foo` is stage `val`, path `/foo`."""
    stage, slash, rest = path[1:].partition("/")
    return stage, slash + rest


def _not_found(request: Request) -> GatewayError:
    """What AWS says where there is no such method: nothing, or an Authorization header, that is no signature."""
    value = request.header(b"authorization")
    if not value or value.startswith("AWS4-HMAC-SHA256 "):
        return GatewayError(AnswerType.MISSING_AUTHENTICATION_TOKEN, "Missing Authentication Token")
    if "=" in value:
        scheme, blank, _ = value.partition(" ")
        scheme = scheme if blank else ""
        message = (
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
            "parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires "
            f"existence of either a 'X-Amz-Date' or a 'Date' header. Authorization={scheme}"
        )
    else:
        digest = base64.b64encode(hashlib.sha256(value.encode()).digest()).decode()
        message = (
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and "
            f"encoded with Base64): '{digest}'."
        )
    return GatewayError(AnswerType.INVALID_SIGNATURE, message, error_type="IncompleteSignatureException")


def _require(exchange: Exchange, required: tuple[RequiredParameter, ...]) -> None:
    missing = [parameter.name for parameter in required if not _present(exchange, parameter)]
    if missing:
        raise GatewayError(
            AnswerType.BAD_REQUEST_PARAMETERS, f"Missing required request parameters: [{', '.join(missing)}]"
        )


def _present(exchange: Exchange, parameter: RequiredParameter) -> bool:
    match parameter.place:
        case "header":
            return bool(exchange.request.header(parameter.name.lower().encode()))
        case "querystring":
            return parameter.name in exchange.queries
        case "path":
            return bool(exchange.parameters.get(parameter.name))
        case _:
            assert_never(parameter.place)
