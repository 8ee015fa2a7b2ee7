"""COGNITO_USER_POOLS: who may call a method with which token (the decision table of api-gateway.md section 2).

Owns the decision. What makes a token good is the `TokenAuthority`'s business.
"""

from poolhouse.gateway.answers import GatewayError, unauthorized
from poolhouse.gateway.authority import Refusal, TokenAuthority, TokenRefused, VerifiedToken
from poolhouse.gateway.exchange import Exchange
from poolhouse.gateway.model import Guard, Mode, Route
from poolhouse.telemetry.log import get_logger

_log = get_logger(__name__)


async def authorize(exchange: Exchange, route: Route, guard: Guard, authority: TokenAuthority) -> VerifiedToken:
    """The caller's token, if it opens this route.

    Raises GatewayError 401, which tells the caller nothing but that a token has expired; the cause is logged.
    """
    try:
        token = _read_token(exchange.request.header_values(guard.authorizer.header))
        verified = await authority.verify(token, live=guard.mode is Mode.SESSION)
        _check(verified, guard)
    except TokenRefused as refused:
        raise _refusal(exchange, route, guard, refused.reason) from None
    if verified.token_use == "access" and not guard.scopes and not route.noticed:
        route.noticed = True
        _log.warning(
            "access_token_accepted_without_scopes",
            api=exchange.lookup("context.apiId"),
            route=f"{route.method} {route.resource_path}",
            hint="API Gateway takes only ID tokens on a method without scopes; mode `aws` does the same",
        )
    return verified


def _read_token(values: list[str]) -> str:
    """The token of a header's value: bare, or after `Bearer ` and exactly one blank.

    DEVIATION: a repeated token header is refused: nobody knows which one AWS verifies, and what is behind the gateway
    might believe another one than was verified.
    """
    if len(values) > 1:
        raise TokenRefused(Refusal.MALFORMED)
    value = values[0] if values else ""
    if not value:
        raise TokenRefused(Refusal.MISSING)
    token = value[7:] if value[:7].lower() == "bearer " else value
    if not token or " " in token or "\t" in token:
        raise TokenRefused(Refusal.MALFORMED)
    return token


def _check(token: VerifiedToken, guard: Guard) -> None:
    authorizer = guard.authorizer
    if token.pool_arn not in authorizer.providers:
        raise TokenRefused(Refusal.WRONG_POOL)
    if guard.scopes:
        if token.token_use != "access":
            raise TokenRefused(Refusal.WRONG_USE)
        if guard.scopes.isdisjoint(token.scopes):
            raise TokenRefused(Refusal.NO_SCOPE)
    elif token.token_use != "id" and not (token.token_use == "access" and guard.mode is Mode.SESSION):
        raise TokenRefused(Refusal.WRONG_USE)
    if authorizer.audience is not None:
        audience = token.audience
        # The expression is the template author's and `aud` the pool's own client id: neither is a stranger's.
        if audience is None or authorizer.audience.fullmatch(audience) is None:
            raise TokenRefused(Refusal.AUDIENCE)


def _refusal(exchange: Exchange, route: Route, guard: Guard, reason: Refusal) -> GatewayError:
    _log.info(
        "gateway_refused",
        reason=reason.value,
        api=exchange.lookup("context.apiId"),
        stage=exchange.lookup("context.stage"),
        route=f"{route.method} {route.resource_path}",
        authorizer=guard.authorizer.name,
        request_id=exchange.request_id,
    )
    if reason is Refusal.EXPIRED:
        return unauthorized("The incoming token has expired")
    return unauthorized()
