"""The Query protocol of sts: a form or a query string in, XML out (wire.md section 5, identity-pools.md section 8).

Owns reading of parameters and the XML envelope. Knows nothing of what operations do.
"""

from collections.abc import Mapping
from typing import Generic
from urllib.parse import parse_qsl

from poolhouse.http.message import Request, Response
from poolhouse.model.catalogue import model, target
from poolhouse.model.coercion import JsonValue
from poolhouse.model.errors import SerializationException, ServiceError
from poolhouse.model.rules import Rule, rule_of
from poolhouse.model.shape import Operation, Shape
from poolhouse.wire.dispatch import Dispatcher, Route
from poolhouse.wire.envelope import error_headers
from poolhouse.wire.registry import BoundOperation, CallT, PrincipalT
from poolhouse.wire.xml import element, escape, structure

FORM_TYPE = "application/x-www-form-urlencoded"
XML_TYPE = (b"Content-Type", b"text/xml")

_MAX_FIELDS = 1000
_MAX_LIST = 1000

# The same causes have older names and other statuses in this protocol (AWS "Common Errors" of the Query services).
_CODES = {
    "SerializationException": ("MalformedInput", 400),
    "MissingAuthenticationTokenException": ("MissingAuthenticationToken", 403),
    "IncompleteSignatureException": ("IncompleteSignature", 400),
    "InvalidSignatureException": ("SignatureDoesNotMatch", 403),
    "UnrecognizedClientException": ("InvalidClientTokenId", 403),
    "AccessDeniedException": ("AccessDenied", 403),
    "InternalErrorException": ("InternalFailure", 500),
}


class MissingAction(ServiceError):
    """The form names no action."""

    code = "MissingAction"


class InvalidAction(ServiceError):
    """No such action in this version of the API."""

    code = "InvalidAction"


class Question(Generic[CallT]):
    """A request of the Query protocol, read: its route, and its parameters by name."""

    __slots__ = ("parameters", "route")

    def __init__(self, route: Route[CallT], parameters: dict[str, str]) -> None:
        self.route = route
        self.parameters = parameters

    @property
    def operation(self) -> Operation:
        """The operation asked for."""
        return self.route.operation

    def decode(self, _body: bytes) -> Shape:
        """The request Struct. Raises the service's errors."""
        rule = rule_of(self.operation.request)
        return self.route.decoder.read(_structure(rule, _Tree(self.parameters), ""))


class QueryFront(Generic[CallT, PrincipalT]):
    """Reads and answers requests of the Query protocol."""

    def __init__(
        self, registry: Mapping[str, BoundOperation[CallT]], dispatcher: Dispatcher[CallT, PrincipalT]
    ) -> None:
        self._registry = registry
        self._dispatcher = dispatcher
        self._routes: dict[str, Route[CallT]] = {}

    def read(self, request: Request, body: bytes) -> Question[CallT]:
        """What `request` asks for. Raises MissingAction, InvalidAction, SerializationException."""
        parameters = _parameters(request.query.encode("latin-1") if request.method == "GET" else body)
        action = parameters.get("Action")
        if not action:
            raise MissingAction("The request is missing an action or a required parameter.")
        sts = model("sts")
        version = parameters.get("Version", sts.service.api_version)
        operation = sts.operations.get(action)
        if operation is None or version != sts.service.api_version:
            raise InvalidAction(f"Could not find operation {action[:128]} for version {version[:32] or 'NO_VERSION'}")
        route = self._routes.get(action)
        if route is None:
            route = self._routes[action] = Route(operation, sts.service, self._registry.get(target(operation)))
        return Question(route, parameters)

    async def answer(self, question: Question[CallT], request: Request, body: bytes, request_id: str) -> Response:
        """Run the operation and wrap its answer in XML. Raises ServiceError."""
        result = await self._dispatcher.run(question.route, request, body, request_id, question.decode)
        name = question.operation.name
        inner = "" if result is None else structure(rule_of(type(result)), result)
        metadata = element("ResponseMetadata", element("RequestId", request_id))
        namespace = question.route.service.xml_namespace
        text = f'<{name}Response xmlns="{namespace}">{element(f"{name}Result", inner)}{metadata}</{name}Response>'
        return Response(200, [XML_TYPE, (b"x-amzn-RequestId", request_id.encode())], text.encode())


def xml_refusal(error: ServiceError, request_id: str, cors: tuple[tuple[bytes, bytes], ...]) -> Response:
    """An error in the envelope of the Query protocol."""
    code, status = _CODES.get(error.code, (error.code, error.status))
    fault = "Receiver" if status >= 500 else "Sender"
    message = element("Message", escape(error.message))
    body = element("Error", element("Type", fault) + element("Code", code) + message)
    namespace = model("sts").service.xml_namespace
    identity = element("RequestId", request_id)
    text = f'<ErrorResponse xmlns="{namespace}">{body}{identity}</ErrorResponse>'
    return Response(status, [XML_TYPE, *error_headers(code, error.message, request_id), *cors], text.encode())


def _parameters(form: bytes) -> dict[str, str]:
    """The fields of a form by name; of a repeated one the last."""
    try:
        fields = parse_qsl(form.decode("ascii"), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError:  # also UnicodeDecodeError, and too many fields
        raise SerializationException from None
    if any("\0" in name or "\0" in value for name, value in fields):
        raise SerializationException
    return dict(fields)


class _Tree:
    """The fields of a form, and which names have fields below them."""

    def __init__(self, fields: dict[str, str]) -> None:
        self.fields = fields
        self._branches = {name[: position + 1] for name in fields for position in _dots(name)}

    def has_below(self, prefix: str) -> bool:
        """Whether any field's name starts with `prefix`, which ends in a dot."""
        return prefix in self._branches


def _dots(name: str) -> list[int]:
    return [position for position, character in enumerate(name[:256]) if character == "."]


def _structure(rule: Rule, tree: _Tree, prefix: str) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for member in rule.members:
        value = _value(member.rule, tree, f"{prefix}{member.wire}")
        if value is not None:
            found[member.wire] = value
    return found


def _value(rule: Rule, tree: _Tree, name: str) -> JsonValue:
    if rule.kind == "structure":
        return _structure(rule, tree, f"{name}.") if tree.has_below(f"{name}.") else None
    if rule.kind == "list":
        return _list(rule, tree, name)
    text = tree.fields.get(name)
    if text is None:
        return None
    if rule.kind == "integer":
        return _integer(text)
    if rule.kind == "boolean":
        return _boolean(text)
    return text


def _list(rule: Rule, tree: _Tree, name: str) -> JsonValue:
    """`Name.member.1`, `Name.member.2`, …; numbering ends at the first gap. `Name=` alone is an empty list."""
    assert rule.element is not None
    if not tree.has_below(f"{name}.member."):
        return [] if tree.fields.get(name) == "" else None
    items: list[JsonValue] = []
    for number in range(1, _MAX_LIST + 1):
        item = _value(rule.element, tree, f"{name}.member.{number}")
        if item is None:
            break
        items.append(item)
    return items


def _integer(text: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
        raise SerializationException("Unexpected field type")
    return int(text)


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise SerializationException("Unexpected field type")
    return text == "true"
