"""Identity policies: reading a document strictly, and deciding what it allows.

Source: IAM User Guide, "Policy evaluation logic" and "IAM JSON policy elements reference". Knows neither keys nor
requests: who asks and from where comes in as the context.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal

import msgspec

from poolhouse.access.condition import Condition, compile_condition
from poolhouse.access.context import KNOWN_KEYS
from poolhouse.access.pattern import ArnPattern, Context, MalformedPolicy, Pattern, Token, Wildcard, tokenize

MAX_DOCUMENT = 6144
"""Characters, as AWS allows for a managed policy."""

FULL_ACCESS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
"""The document of an administrator who may do everything."""

_Texts = str | list[str]
_Scalar = str | bool | int | float


class _StatementElement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    effect: Literal["Allow", "Deny"]
    sid: str | None = None
    action: _Texts | None = None
    not_action: _Texts | None = None
    resource: _Texts | None = None
    not_resource: _Texts | None = None
    condition: dict[str, dict[str, _Scalar | list[_Scalar]]] | None = None


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="pascal"):
    statement: _StatementElement | list[_StatementElement]
    # What AWS takes when it is left out, and under which policy variables are plain text.
    version: Literal["2008-10-17", "2012-10-17"] = "2008-10-17"
    id: str | None = None


class Decision(Enum):
    """What policies say of one action on one resource."""

    ALLOWED = auto()
    DENIED = auto()
    """By a statement that says so."""
    UNMENTIONED = auto()
    """No statement allows it, which denies it too."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement, compiled."""

    allow: bool
    actions: tuple[Pattern, ...]
    actions_negated: bool
    resources: tuple[Pattern | ArnPattern, ...]
    resources_negated: bool
    conditions: tuple[Condition, ...]

    @property
    def unconditional(self) -> bool:
        """Whether it says the same whatever the context."""
        return not self.conditions and all(pattern.fixed for pattern in (*self.actions, *self.resources))

    def applies(self, action: str, resource: str, context: Context) -> bool:
        """Whether the statement speaks of this action, on this resource, under these circumstances."""
        return (
            any(pattern.matches(action, context) for pattern in self.actions) is not self.actions_negated
            and any(pattern.matches(resource, context) for pattern in self.resources) is not self.resources_negated
            and all(condition.holds(context) for condition in self.conditions)
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """A compiled document."""

    statements: tuple[Statement, ...]
    unconditional: bool
    """Whether it decides the same whatever the context, which then need not be gathered."""


def parse_policy(document: str) -> Policy:
    """Read a policy document (JSON text). Raises MalformedPolicy for anything that is not wholly understood."""
    if len(document) > MAX_DOCUMENT:
        raise MalformedPolicy(f"the document is longer than {MAX_DOCUMENT} characters")
    try:
        parsed = msgspec.json.decode(document, type=_Document)
    except msgspec.DecodeError as error:
        raise MalformedPolicy(str(error)) from error
    elements = parsed.statement if isinstance(parsed.statement, list) else [parsed.statement]
    variables = parsed.version == "2012-10-17"
    statements = tuple(_compile_statement(element, variables) for element in elements)
    return Policy(statements, all(statement.unconditional for statement in statements))


def evaluate(policies: Iterable[Policy], action: str, resource: str, context: Context) -> Decision:
    """Decide: an explicit denial wins, then an allowance, else nothing is allowed.

    `action` is `service:Operation`, `resource` an ARN, or `*` for an operation that has none.
    """
    allowed = False
    for policy in policies:
        for statement in policy.statements:
            if allowed and statement.allow:
                continue
            if statement.applies(action, resource, context):
                if not statement.allow:
                    return Decision.DENIED
                allowed = True
    return Decision.ALLOWED if allowed else Decision.UNMENTIONED


def _compile_statement(element: _StatementElement, variables: bool) -> Statement:
    actions = _exactly_one(element.action, element.not_action, "Action")
    resources = _exactly_one(element.resource, element.not_resource, "Resource")
    conditions = [
        compile_condition(name, key, _texts_of(values), KNOWN_KEYS, variables=variables)
        for name, keys in (element.condition or {}).items()
        for key, values in keys.items()
    ]
    return Statement(
        allow=element.effect == "Allow",
        actions=tuple(_compile_action(text) for text in actions),
        actions_negated=element.not_action is not None,
        resources=tuple(_compile_resource(text, variables) for text in resources),
        resources_negated=element.not_resource is not None,
        conditions=tuple(conditions),
    )


def _exactly_one(positive: _Texts | None, negative: _Texts | None, name: str) -> Sequence[str]:
    if (positive is None) == (negative is None):
        raise MalformedPolicy(f"a statement must have either {name} or Not{name}")
    given = positive if positive is not None else negative
    texts = [given] if isinstance(given, str) else given or []
    if not texts:
        raise MalformedPolicy(f"{name} must name at least one")
    return texts


def _compile_action(text: str) -> Pattern:
    if text != "*" and not all(text.partition(":")):
        raise MalformedPolicy(f"the action '{text}' must be '*' or 'service:Operation'")
    return Pattern(tokenize(text, KNOWN_KEYS, wildcards=True, variables=False), ignore_case=True)


def _compile_resource(text: str, variables: bool) -> Pattern | ArnPattern:
    tokens: list[Token] = tokenize(text, KNOWN_KEYS, wildcards=True, variables=variables)
    if tokens == [Wildcard.ANY]:
        return Pattern(tokens)
    try:
        return ArnPattern(tokens)
    except MalformedPolicy as error:
        raise MalformedPolicy(f"the resource '{text}': {error}") from error


def _texts_of(values: _Scalar | list[_Scalar]) -> list[str]:
    listed = values if isinstance(values, list) else [values]
    if not listed:
        raise MalformedPolicy("a condition must have at least one value")
    return [("true" if value else "false") if isinstance(value, bool) else str(value) for value in listed]
