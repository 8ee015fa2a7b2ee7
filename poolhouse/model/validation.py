"""The door of every request: JSON text in, a valid request out, or the service's own words for what is wrong.

Owns decoding and the constraint report (operations.md VALID, wire.md section 1). Knows nothing of HTTP.
"""

from typing import TypeAlias

import msgspec

from poolhouse.model.coercion import JsonValue, build, coerce
from poolhouse.model.errors import SerializationException
from poolhouse.model.rules import Rule, rule_of
from poolhouse.model.shape import Operation, Service, Shape

# Bounds for a report about a body that is wrong in thousands of places or in one enormous value.
# DEVIATION: a validation report lists at most 100 violations and repeats at most 1,024 characters of a value.
_MAX_VIOLATIONS = 100
_MAX_VALUE = 1024

_encoder = msgspec.json.Encoder()
_Decoder: TypeAlias = msgspec.json.Decoder[Shape]


class RequestDecoder:
    """Decodes and checks the requests of one operation.

    The fast path is one typed decode that also checks every constraint; it never accepts what the rules refuse.
    Only what it refuses is walked by the rules, which have the last word.
    """

    __slots__ = ("_decoder", "_operation", "_service")

    def __init__(self, operation: Operation, service: Service) -> None:
        self._operation = operation
        self._service = service
        # Made at the first request: reading the annotations of all operations would take most of a server's start.
        self._decoder: _Decoder | None = None

    def decode(self, body: bytes) -> Shape:
        """The request in `body`; an empty body counts as {}.

        Raises SerializationException, or the service's validation error with the whole report.
        """
        decoder = self._decoder
        if decoder is None:
            decoder = self._decoder = msgspec.json.Decoder(self._operation.request)
        try:
            request = decoder.decode(body or b"{}")
        except msgspec.ValidationError:
            request = self._decode_by_rules(body or b"{}")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise SerializationException from None
        if b"\\u" in body:
            _refuse_unstorable(body)
        return request

    def check(self, request: Shape) -> None:
        """Hold a request made in this process to the same constraints. Raises as `decode`."""
        self.decode(_encoder.encode(request))

    def _decode_by_rules(self, body: bytes) -> Shape:
        try:
            value: JsonValue = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise SerializationException from None
        return self.read(value)

    def read(self, value: JsonValue) -> Shape:
        """The request in an already parsed JSON value. Raises as `decode`."""
        rule = rule_of(self._operation.request)
        if isinstance(value, list):
            raise SerializationException("Start of list found where not expected")
        if not isinstance(value, dict):
            raise SerializationException
        members = coerce(rule, value)
        violations = Report().walk(rule, members, "").violations
        if violations:
            noun = "error" if len(violations) == 1 else "errors"
            raise self._service.validation_error(
                f"{len(violations)} validation {noun} detected: {'; '.join(violations)}"
            )
        request = build(rule, members)
        assert isinstance(request, Shape)
        return request


def _refuse_unstorable(body: bytes) -> None:
    """Refuse U+0000 and lone surrogates, which JSON can write and neither UTF-8 nor PostgreSQL's text can hold.

    DEVIATION: U+0000 and lone surrogates are refused; what the service does with them is not known. Most patterns of
    the model exclude them anyway.
    """
    lowered = body.lower()
    if b"\\u0000" not in lowered and b"\\ud" not in lowered:
        return
    if not _is_storable(msgspec.json.decode(body)):
        raise SerializationException


def _is_storable(value: JsonValue) -> bool:
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, list):
        return all(_is_storable(item) for item in value)
    if isinstance(value, dict):
        return all(_is_storable(key) and _is_storable(item) for key, item in value.items())
    return True


class Report:
    """Collects violations in the model's order; the service's own order is that of a hash set."""

    __slots__ = ("violations",)

    def __init__(self) -> None:
        self.violations: list[str] = []

    def walk(self, rule: Rule, value: object, path: str) -> "Report":
        """Add what is wrong with `value`, which has the right types, at `path`."""
        if len(self.violations) >= _MAX_VIOLATIONS:
            return self
        for constraint in broken(rule, value):
            self._add(rule, value, path, constraint)
        if isinstance(value, dict) and rule.kind == "structure":
            self._structure(rule, value, path)
        elif isinstance(value, dict) and rule.kind == "map":
            self._map(rule, value, path)
        elif isinstance(value, list):
            self._list(rule, value, path)
        return self

    def _add(self, rule: Rule, value: object, path: str, constraint: str) -> None:
        if len(self.violations) < _MAX_VIOLATIONS:
            self.violations.append(f"Value{_shown(rule, value)} at '{path}' failed to satisfy constraint: {constraint}")

    def _structure(self, rule: Rule, value: dict[str, object], path: str) -> None:
        for member in rule.members:
            item = value.get(member.wire)
            at = f"{path}.{member.path}" if path else member.path
            if item is not None:
                self.walk(member.rule, item, at)
            elif member.required:
                self._add(member.rule, None, at, "Member must not be null")

    def _list(self, rule: Rule, value: list[object], path: str) -> None:
        element = rule.element
        assert element is not None
        if element.kind in _CONTAINERS:
            for number, item in enumerate(value, 1):
                self._contained(element, item, f"{path}.{number}.member")
        elif phrase := _phrase(element, value):
            self._add(rule, value, path, f"Member must satisfy constraint: [{phrase}]")

    def _map(self, rule: Rule, value: dict[str, object], path: str) -> None:
        key, element = rule.key, rule.element
        assert key is not None
        assert element is not None
        if phrase := _phrase(key, list(value)):
            self._add(rule, value, path, f"Map keys must satisfy constraint: [{phrase}]")
        if element.kind in _CONTAINERS:
            for name, item in value.items():
                self._contained(element, item, f"{path}.{name[:_MAX_VALUE]}.member")
        elif phrase := _phrase(element, list(value.values())):
            self._add(rule, value, path, f"Map value must satisfy constraint: [{phrase}]")

    def _contained(self, element: Rule, item: object, path: str) -> None:
        if item is None:
            self._add(element, None, path, "Member must not be null")
        else:
            self.walk(element, item, path)


_CONTAINERS = ("structure", "list", "map")


def broken(rule: Rule, value: object) -> list[str]:
    """The constraints of `rule` itself that `value` breaks, each in the service's words."""
    measure = "value" if rule.kind == "integer" else "length"
    size = _size(value)
    found = []
    if size is not None and rule.low is not None and size < rule.low:
        found.append(f"Member must have {measure} greater than or equal to {rule.low}")
    if size is not None and rule.high is not None and size > rule.high:
        found.append(f"Member must have {measure} less than or equal to {rule.high}")
    if isinstance(value, str) and rule.kind == "string":
        if not rule.matches(value):
            found.append(f"Member must satisfy regular expression pattern: {rule.pattern}")
        if rule.enum and value not in rule.enum:
            found.append(f"Member must satisfy enum value set: [{', '.join(rule.enum)}]")
    return found


def _size(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    return len(value) if isinstance(value, str | bytes | list | dict) else None


def _phrase(element: Rule, items: list[object]) -> str:
    """All constraints of a list's or map's scalars if any of `items` breaks one, else nothing.

    The order is the one observed: largest, smallest, pattern (aws/aws-sdk-java-v2#5528).
    """
    has_null = any(item is None for item in items)
    if not has_null and not any(item is not None and broken(element, item) for item in items):
        return ""
    measure = "value" if element.kind == "integer" else "length"
    parts = []
    if element.high is not None:
        parts.append(f"Member must have {measure} less than or equal to {element.high}")
    if element.low is not None:
        parts.append(f"Member must have {measure} greater than or equal to {element.low}")
    if element.pattern is not None:
        parts.append(f"Member must satisfy regular expression pattern: {element.pattern}")
    if element.enum:
        parts.append(f"Member must satisfy enum value set: [{', '.join(element.enum)}]")
    if has_null:
        parts.append("Member must not be null")
    return ", ".join(parts)


def _shown(rule: Rule, value: object) -> str:
    """How a report quotes a value; nothing where it is or may hold something sensitive."""
    if _is_hidden(rule):
        return ""
    if value is None:
        return " null"
    text = _text(value)
    return f" '{text if len(text) <= _MAX_VALUE else text[:_MAX_VALUE] + '…'}'"


def _is_hidden(rule: Rule) -> bool:
    if rule.sensitive or rule.kind == "blob":
        return True
    if rule.kind == "structure":
        return any(_is_hidden(member.rule) for member in rule.members)
    return any(_is_hidden(part) for part in (rule.element, rule.key) if part is not None)


def _text(value: object) -> str:
    """As Java's toString writes it. Bounded work: only the first items of a long list can be shown."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(_text(item) for item in value[:_MAX_VALUE])}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}={_text(item)}' for key, item in list(value.items())[:_MAX_VALUE])}}}"
    return str(value)
