"""The AWS_PROXY event of a REST API, payload v1 (api-gateway.md section 3).

Owns its exact shape. Knows nothing of functions.
"""

import base64

import msgspec
from msgspec import UNSET, UnsetType

from poolhouse.gateway.exchange import Exchange, domain_prefix
from poolhouse.gateway.headers import decoded, passed_on
from poolhouse.gateway.model import Route, Stage
from poolhouse.http.message import RawHeaders


class _Identity(msgspec.Struct, rename="camel"):
    access_key: str | None = None
    account_id: str | None = None
    caller: str | None = None
    cognito_authentication_provider: str | None = None
    cognito_authentication_type: str | None = None
    cognito_identity_id: str | None = None
    cognito_identity_pool_id: str | None = None
    principal_org_id: str | None = None
    source_ip: str | None = None
    user: str | None = None
    user_agent: str | None = None
    user_arn: str | None = None


class _Authorizer(msgspec.Struct):
    claims: msgspec.Raw


class _RequestContext(msgspec.Struct, rename="camel", kw_only=True):
    account_id: str
    api_id: str
    authorizer: _Authorizer | UnsetType = UNSET
    deployment_id: str
    domain_name: str
    domain_prefix: str
    extended_request_id: str
    http_method: str
    identity: _Identity
    path: str
    protocol: str = "HTTP/1.1"
    request_id: str
    request_time: str
    request_time_epoch: int
    resource_id: str
    resource_path: str
    stage: str


class _Event(msgspec.Struct, rename="camel", kw_only=True):
    resource: str
    path: str
    http_method: str
    headers: dict[str, str] | None
    multi_value_headers: dict[str, list[str]] | None
    query_string_parameters: dict[str, str] | None
    multi_value_query_string_parameters: dict[str, list[str]] | None
    path_parameters: dict[str, str] | None
    stage_variables: dict[str, str] | None
    request_context: _RequestContext
    body: str | None
    is_base64_encoded: bool = msgspec.field(name="isBase64Encoded")


_encoder = msgspec.json.Encoder()


def lambda_event(exchange: Exchange, stage: Stage, route: Route, body: bytes) -> bytes:
    """The event as JSON."""
    lists = _grouped(passed_on(exchange))
    queries = exchange.queries
    binary = bool(body) and stage.binary.match(exchange.request.header(b"content-type"))
    return _encoder.encode(
        _Event(
            resource=route.resource_path,
            path=exchange.path,
            http_method=exchange.request.method,
            headers={name: values[-1] for name, values in lists.items()},
            multi_value_headers=lists,
            query_string_parameters={name: values[-1] for name, values in queries.items()} or None,
            multi_value_query_string_parameters=queries or None,
            path_parameters=dict(exchange.parameters) or None,
            stage_variables=dict(stage.variables) or None,
            request_context=_context(exchange, stage, route),
            body=_body_text(body, binary=binary),
            is_base64_encoded=binary,
        )
    )


def _context(exchange: Exchange, stage: Stage, route: Route) -> _RequestContext:
    host = exchange.host
    grant = exchange.grant
    return _RequestContext(
        account_id=stage.account,
        api_id=stage.api_id,
        authorizer=UNSET if grant is None else _Authorizer(grant.claims_json),
        deployment_id=stage.deployment_id,
        domain_name=host,
        domain_prefix=domain_prefix(host),
        extended_request_id=exchange.extended_id,
        http_method=exchange.request.method,
        identity=_Identity(source_ip=exchange.origin.source_ip, user_agent=exchange.request.header(b"user-agent")),
        path=exchange.full_path,
        request_id=exchange.request_id,
        request_time=exchange.request_time,
        request_time_epoch=int(exchange.received * 1000),
        resource_id=route.resource_id,
        resource_path=route.resource_path,
        stage=stage.name,
    )


def _grouped(headers: RawHeaders) -> dict[str, list[str]]:
    """Values by name; names that differ only in case are one, in the spelling that came first."""
    lists: dict[str, list[str]] = {}
    spelling: dict[bytes, str] = {}
    for name, value in headers:
        lowered = name.lower()
        spelled = spelling.get(lowered)
        if spelled is None:
            spelled = spelling[lowered] = name.decode("latin-1")
            lists[spelled] = [decoded(value)]
        else:
            lists[spelled].append(decoded(value))
    return lists


def _body_text(body: bytes, *, binary: bool) -> str | None:
    if not body:
        return None
    if binary:
        return base64.b64encode(body).decode()
    # What is not UTF-8 and not declared binary is damaged on the way, as it is on AWS.
    return body.decode("utf-8", "replace")
