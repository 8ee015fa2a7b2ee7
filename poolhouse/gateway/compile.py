"""Makes an API ready to serve: every check and every lookup that can be done before a request is done here.

Owns the reading of paths, security and gateway responses; integrations are read by `compile_integration`.
What it does not understand and what would matter to security is refused, never skipped.
"""

import hashlib
import re

import msgspec

from poolhouse.gateway.answers import AnswerType, Customisations, Customised
from poolhouse.gateway.compile_integration import read_integration
from poolhouse.gateway.definition import ApiDefinition, ApiInvalid, StageDefinition
from poolhouse.gateway.document import Part
from poolhouse.gateway.model import (
    Api,
    BinaryTypes,
    CognitoAuthorizer,
    Guard,
    Mode,
    RequiredParameter,
    Resource,
    Route,
    Stage,
)
from poolhouse.gateway.routes import Router
from poolhouse.gateway.templates import read_template
from poolhouse.gateway.values import read_value

_METHODS = ("get", "head", "post", "put", "delete", "patch", "options")
_ANY = "x-amazon-apigateway-any-method"
_REFUSED = {
    "x-amazon-apigateway-policy": "resource policies are not supported yet: without it the API would be open",
}
_STAGE_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")
_MAX_EXPRESSION = 1024


def compile_api(definition: ApiDefinition) -> Api:
    """An API ready to serve. Raises ApiInvalid."""
    body = Part(dict(definition.body), "")
    for name, why in _REFUSED.items():
        if not body[name].absent:
            raise body[name].wrong(why)
    stages = {name: _stage(definition, body, name, stage) for name, stage in definition.stages.items()}
    return Api(definition.api_id, definition.name, stages)


def _stage(definition: ApiDefinition, body: Part, name: str, stage: StageDefinition) -> Stage:
    if _STAGE_NAME.fullmatch(name) is None:
        raise ApiInvalid(f"stage {name}", "a stage name has letters, digits, - and _ only")
    digest = hashlib.sha256(msgspec.json.encode([definition.body, stage], order="sorted"))
    resources = _Resources(definition, body, stage).read()
    return Stage(
        api_id=definition.api_id,
        account=definition.account,
        region=definition.region,
        name=name,
        deployment_id=stage.deployment_id or _short_id(digest.digest()),
        variables=dict(stage.variables),
        router=Router(resources),
        binary=_binary_types(body["x-amazon-apigateway-binary-media-types"]),
        customisations=_customisations(body["x-amazon-apigateway-gateway-responses"]),
    )


class _Resources:
    """Reads the paths of a document for one stage."""

    def __init__(self, definition: ApiDefinition, body: Part, stage: StageDefinition) -> None:
        self._definition = definition
        self._body = body
        self._stage = stage
        definitions = body["securityDefinitions"]
        self._schemes = body["components"]["securitySchemes"] if definitions.absent else definitions
        self._authorizers: dict[str, CognitoAuthorizer] = {}

    def read(self) -> list[Resource]:
        """Every path that has a method."""
        resources = []
        for path, item in self._body["paths"].members():
            routes = {}
            for member, operation in item.members():
                if member in _METHODS or member == _ANY:
                    method = "ANY" if member == _ANY else member.upper()
                    routes[method] = self._route(path, method, item, operation)
            if routes:
                resources.append(Resource(path, routes))
        return resources

    def _route(self, path: str, method: str, item: Part, operation: Part) -> Route:
        seed = f"{self._definition.api_id}{path}".encode()
        return Route(
            method=method,
            resource_path=path,
            resource_id=_short_id(hashlib.sha256(seed).digest()),
            guard=self._guard(operation),
            required=self._required(item, operation),
            integration=read_integration(operation["x-amazon-apigateway-integration"], self._stage.variables),
        )

    # -- security

    def _guard(self, operation: Part) -> Guard | None:
        own = operation["x-amazon-apigateway-auth"]["type"]
        if own.text_or("NONE").upper() != "NONE":
            raise own.wrong(f"the authentication type {own.text()} is not supported yet: use a security requirement")
        security = operation["security"]
        if security.absent:
            security = self._body["security"]
        guards = [
            self._use(name, scopes)
            for requirement in security.elements()
            for name, scopes in requirement.members()
            if not self._is_open(name, scopes)
        ]
        if len(guards) > 1:
            raise security.wrong("a method has one authorizer")
        return guards[0] if guards else None

    def _is_open(self, name: str, scopes: Part) -> bool:
        """SAM writes `NONE`, which no definition has, for a method without an authorizer."""
        if not self._schemes[name].absent:
            return False
        if name == "NONE":
            return True
        raise scopes.wrong(f"there is no security definition {name}")

    def _use(self, name: str, scopes: Part) -> Guard:
        if name not in self._authorizers:
            self._authorizers[name] = _authorizer(name, self._schemes[name])
        return Guard(
            authorizer=self._authorizers[name],
            scopes=frozenset(scope.text() for scope in scopes.elements()),
            mode=Mode(self._definition.mode),
        )

    # -- request validation

    def _required(self, item: Part, operation: Part) -> tuple[RequiredParameter, ...]:
        named = operation["x-amazon-apigateway-request-validator"]
        if named.absent:
            named = self._body["x-amazon-apigateway-request-validator"]
        if named.absent:
            return ()
        validator = self._body["x-amazon-apigateway-request-validators"][named.text()]
        if validator.absent:
            raise named.wrong(f"there is no request validator {named.text()}")
        if validator["validateRequestBody"].flag() and self._has_model(operation):
            raise named.wrong("request bodies cannot be validated against a model yet")
        if not validator["validateRequestParameters"].flag():
            return ()
        parameters = item["parameters"].elements() + operation["parameters"].elements()
        return tuple(found for parameter in parameters if (found := _required_parameter(parameter)) is not None)

    def _has_model(self, operation: Part) -> bool:
        in_body = any(parameter["in"].value == "body" for parameter in operation["parameters"].elements())
        return in_body or not operation["requestBody"].absent


def _required_parameter(parameter: Part) -> RequiredParameter | None:
    if not parameter["required"].flag():
        return None
    match parameter["in"].value:
        case "header":
            return RequiredParameter("header", parameter["name"].text())
        case "query":
            return RequiredParameter("querystring", parameter["name"].text())
        case "path":
            return RequiredParameter("path", parameter["name"].text())
        case _:
            return None


def _authorizer(name: str, scheme: Part) -> CognitoAuthorizer:
    kind = scheme["x-amazon-apigateway-authtype"].text_or("").lower()
    authorizer = scheme["x-amazon-apigateway-authorizer"]
    if not kind and authorizer.absent:
        raise scheme.wrong("API keys are not supported yet: without the check the API would be open")
    if authorizer.absent or authorizer["type"].text_or(kind).lower() != "cognito_user_pools":
        raise scheme.wrong(
            f"the authorizer type {authorizer['type'].text_or(kind or 'none')} is not supported yet: "
            "use cognito_user_pools"
        )
    providers = frozenset(arn.text() for arn in authorizer["providerARNs"].elements())
    if not providers:
        raise authorizer["providerARNs"].wrong("name at least one user pool")
    if scheme["in"].text_or("header") != "header":
        raise scheme["in"].wrong("a token comes in a header")
    return CognitoAuthorizer(
        name=name,
        header=scheme["name"].text_or("Authorization").lower().encode("ascii", "replace"),
        providers=providers,
        audience=_expression(authorizer["identityValidationExpression"]),
    )


def _expression(part: Part) -> re.Pattern[str] | None:
    if part.absent or not part.text():
        return None
    source = part.text()
    if len(source) > _MAX_EXPRESSION:
        raise part.wrong(f"the expression is longer than {_MAX_EXPRESSION} characters")
    try:
        return re.compile(source)
    except re.error as error:
        raise part.wrong(f"not a regular expression: {error}") from None


def _binary_types(part: Part) -> BinaryTypes:
    return BinaryTypes(frozenset(kind.text().replace("~1", "/").lower() for kind in part.elements()))


def _customisations(part: Part) -> Customisations:
    found: dict[AnswerType, Customised] = {}
    for name, custom in part.members():
        try:
            kind = AnswerType(name)
        except ValueError:
            raise custom.wrong(f"there is no gateway response type {name}") from None
        found[kind] = _customised(custom)
    return found


def _customised(custom: Part) -> Customised:
    headers = []
    for name, expression in custom["responseParameters"].members():
        prefix = "gatewayresponse.header."
        if not name.startswith(prefix):
            raise expression.wrong(f"only {prefix}<name> can be set")
        headers.append(
            (expression.header_name(name.removeprefix(prefix)), read_value(expression.text(), expression.where))
        )
    template, content_type = read_template(custom["responseTemplates"])
    status = custom["statusCode"].answer_status_or(0)
    return Customised(status or None, tuple(headers), template, content_type)


def _short_id(digest: bytes) -> str:
    """Six characters of [a-z0-9], as API Gateway's ids for resources and deployments are."""
    number = int.from_bytes(digest[:8], "big")
    characters = []
    for _ in range(6):
        number, rest = divmod(number, 36)
        characters.append("0123456789abcdefghijklmnopqrstuvwxyz"[rest])
    return "".join(characters)
