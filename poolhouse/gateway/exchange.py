"""One request on its way through the gateway: what is known of it so far, and the variables it offers.

Owns these facts. Knows nothing of how routes are found, callers authorised or integrations called.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from poolhouse.gateway.authority import VerifiedToken, claim_text
from poolhouse.http.message import Request

if TYPE_CHECKING:
    from poolhouse.gateway.model import Route, Stage


class Origin:
    """Where a request came from, as the listener or a trusted proxy in front of it says."""

    __slots__ = ("port", "scheme", "source_ip")

    def __init__(self, source_ip: str, scheme: str, port: str) -> None:
        self.source_ip = source_ip
        self.scheme = scheme
        self.port = port


OriginReader = Callable[[Request], Origin]


def socket_origin(request: Request) -> Origin:
    """The origin when no proxy is trusted: the socket's other end, the Host header's port."""
    _, colon, port = (request.header(b"host") or "").rpartition(":")
    if not colon or not port.isdigit():
        port = "443" if request.scheme == "https" else "80"
    return Origin(request.peer, request.scheme, port)


class Exchange:
    """One request's facts; `stage` and `route` are known once they are found."""

    __slots__ = (
        "_queries",
        "extended_id",
        "full_path",
        "grant",
        "origin",
        "parameters",
        "path",
        "received",
        "request",
        "request_id",
        "request_time",
        "route",
        "stage",
        "trace_root",
    )

    def __init__(
        self, request: Request, ids: tuple[str, str, str], *, origin: Origin, received: float, request_time: str
    ) -> None:
        self.request = request
        self.request_id, self.extended_id, self.trace_root = ids
        self.origin = origin
        self.received = received
        """Epoch seconds."""
        self.request_time = request_time
        self.full_path = request.path
        """Path as asked, stage included."""
        self.path = request.path
        """Path below the stage, undecoded."""
        self.parameters: Mapping[str, str] = {}
        """Path parameters, undecoded."""
        self.stage: Stage | None = None
        self.route: Route | None = None
        self.grant: VerifiedToken | None = None
        self._queries: dict[str, list[str]] | None = None

    @property
    def host(self) -> str:
        """The Host header."""
        return self.request.header(b"host") or ""

    @property
    def queries(self) -> dict[str, list[str]]:
        """Decoded query parameters: all values of each, in order."""
        if self._queries is None:
            self._queries = read_query(self.request.query)
        return self._queries

    def lookup(self, name: str) -> str:
        """A `context.` or `stageVariables.` variable by its full name; empty if it has no value."""
        area, _, rest = name.partition(".")
        if area == "stageVariables":
            return "" if self.stage is None else self.stage.variables.get(rest, "")
        if rest.startswith("authorizer.claims."):
            claim = rest.removeprefix("authorizer.claims.")
            if self.grant is None or claim not in self.grant.claims:
                return ""
            return claim_text(claim, self.grant.claims[claim])
        variable = _CONTEXT.get(rest)
        return "" if variable is None else variable(self)


def read_query(query: str) -> dict[str, list[str]]:
    """Decode a query string; `+` is a blank (api-gateway.md section 3)."""
    found: dict[str, list[str]] = {}
    for pair in query.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            found.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return found


def _of_stage(read: "Callable[[Stage], str]") -> Callable[[Exchange], str]:
    return lambda exchange: "" if exchange.stage is None else read(exchange.stage)


def _of_route(read: "Callable[[Route], str]") -> Callable[[Exchange], str]:
    return lambda exchange: "" if exchange.route is None else read(exchange.route)


_CONTEXT: dict[str, Callable[[Exchange], str]] = {
    "requestId": lambda exchange: exchange.request_id,
    "extendedRequestId": lambda exchange: exchange.extended_id,
    "xrayTraceId": lambda exchange: exchange.trace_root,
    "httpMethod": lambda exchange: exchange.request.method,
    "path": lambda exchange: exchange.full_path,
    "protocol": lambda _: "HTTP/1.1",
    "requestTime": lambda exchange: exchange.request_time,
    "requestTimeEpoch": lambda exchange: str(int(exchange.received * 1000)),
    "domainName": lambda exchange: exchange.host,
    "domainPrefix": lambda exchange: domain_prefix(exchange.host),
    "identity.sourceIp": lambda exchange: exchange.origin.source_ip,
    "identity.userAgent": lambda exchange: exchange.request.header(b"user-agent") or "",
    "apiId": _of_stage(lambda stage: stage.api_id),
    "accountId": _of_stage(lambda stage: stage.account),
    "deploymentId": _of_stage(lambda stage: stage.deployment_id),
    "stage": _of_stage(lambda stage: stage.name),
    "resourceId": _of_route(lambda route: route.resource_id),
    "resourcePath": _of_route(lambda route: route.resource_path),
}


def domain_prefix(host: str) -> str:
    """First label of a host name."""
    return host.partition(":")[0].partition(".")[0]
