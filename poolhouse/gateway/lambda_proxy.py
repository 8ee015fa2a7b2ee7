"""The AWS_PROXY integration: one event to a function, its result to the caller.

Owns the limits and the failures of the call. Knows functions only as a `FunctionInvoker`.
"""

from typing import Protocol

from poolhouse.functions.spec import FunctionNotFound, PayloadTooLarge, TooManyInvocations
from poolhouse.gateway.answers import AnswerType, GatewayError, internal_error
from poolhouse.gateway.exchange import Exchange
from poolhouse.gateway.headers import own_headers
from poolhouse.gateway.lambda_event import lambda_event
from poolhouse.gateway.lambda_result import lambda_answer
from poolhouse.gateway.model import LambdaProxy, Route, Stage
from poolhouse.http.message import BodyTooLarge, Response
from poolhouse.telemetry.log import get_logger

_log = get_logger(__name__)

BODY_LIMIT = 10 * 1024 * 1024
"""Bytes of a request that the gateway takes at all (api-gateway.md section 4)."""
RESULT_LIMIT = 6 * 1024 * 1024


class Outcome(Protocol):
    """What a call came to."""

    @property
    def payload(self) -> bytes:
        """The result, as JSON."""
        ...

    @property
    def error(self) -> str | None:
        """Set when the function failed."""
        ...


class FunctionInvoker(Protocol):
    """Who runs functions."""

    async def invoke(self, name_or_arn: str, payload: bytes, *, timeout: float | None = None) -> Outcome:  # noqa: ASYNC109
        """Call a function and wait, at most `timeout` seconds.

        Raises FunctionNotFound, TooManyInvocations, PayloadTooLarge, TimeoutError.
        """
        ...


async def call_function(
    exchange: Exchange, stage: Stage, route: Route, integration: LambdaProxy, functions: FunctionInvoker
) -> Response:
    """Answer with what the function says. Raises GatewayError."""
    try:
        body = await exchange.request.read(BODY_LIMIT)
    except BodyTooLarge:
        raise GatewayError(
            AnswerType.REQUEST_TOO_LARGE, f"HTTP content length exceeded {BODY_LIMIT} bytes.", plain=True
        ) from None
    event = lambda_event(exchange, stage, route, body)
    outcome = await _invoke(exchange, integration, functions, event)
    if outcome.error is not None or len(outcome.payload) > RESULT_LIMIT:
        cause = "function_error" if outcome.error is not None else "result_too_large"
        _log.warning(
            "gateway_function_failed", cause=cause, function=integration.function_arn, request_id=exchange.request_id
        )
        raise internal_error()
    accept = (exchange.request.header(b"accept") or "").partition(",")[0]
    try:
        answer = lambda_answer(outcome.payload, accepts_binary=stage.binary.match(accept))
    except GatewayError:
        _log.warning(
            "gateway_function_failed",
            cause="malformed_result",
            function=integration.function_arn,
            request_id=exchange.request_id,
            hint="a result is an object of statusCode, headers, multiValueHeaders, body, isBase64Encoded only",
        )
        raise
    answer.headers += own_headers(exchange)
    return answer


async def _invoke(exchange: Exchange, integration: LambdaProxy, functions: FunctionInvoker, event: bytes) -> Outcome:
    function = integration.function_arn
    try:
        return await functions.invoke(function, event, timeout=integration.timeout)
    except TimeoutError:
        _log.warning("gateway_integration_timeout", function=function, request_id=exchange.request_id)
        raise GatewayError(AnswerType.INTEGRATION_TIMEOUT, "Endpoint request timed out") from None
    except PayloadTooLarge:
        raise GatewayError(AnswerType.REQUEST_TOO_LARGE, "Request Too Long") from None
    except (FunctionNotFound, TooManyInvocations) as failure:
        _log.warning(
            "gateway_function_failed",
            cause=type(failure).__name__,
            function=function,
            request_id=exchange.request_id,
        )
        raise internal_error(AnswerType.API_CONFIGURATION_ERROR, 500) from None
