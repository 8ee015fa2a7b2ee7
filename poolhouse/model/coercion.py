"""From plain JSON values to a structure: the types the JSON protocol accepts, and the words it refuses others with.

Owns type conversion. Knows nothing of constraints (validation.py) and of text.
"""

import binascii
from typing import TypeAlias, assert_never

from poolhouse.model.errors import SerializationException
from poolhouse.model.rules import Rule

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"

_ARTICLES = {"string": "a String", "integer": "an Integer", "number": "a Double", "boolean": "a Boolean"}


def coerce(rule: Rule, value: JsonValue) -> dict[str, object]:
    """The members of a JSON object in the types of `rule`: blobs as bytes, whole numbers as int, nulls left out.

    Wrong types are found before any constraint is looked at. Raises SerializationException.
    """
    if not isinstance(value, dict):
        raise _unexpected(value)
    members: dict[str, object] = {}
    for member in rule.members:
        item = value.get(member.wire)
        if item is not None:
            members[member.wire] = _coerce(member.rule, item)
    return members


def build(rule: Rule, value: object) -> object:
    """The value of `rule`'s type out of what `coerce` made, which must satisfy every constraint."""
    if rule.kind == "structure" and isinstance(value, dict):
        assert rule.shape is not None
        return rule.shape(
            **{
                member.attribute: build(member.rule, value[member.wire])
                for member in rule.members
                if member.wire in value
            }
        )
    if rule.kind == "list" and isinstance(value, list) and rule.element is not None:
        return [build(rule.element, item) for item in value]
    if rule.kind == "map" and isinstance(value, dict) and rule.element is not None:
        return {key: build(rule.element, item) for key, item in value.items()}
    return value


def _coerce(rule: Rule, value: JsonValue) -> object:
    match rule.kind:
        case "document":
            return value
        case "structure":
            return coerce(rule, value)
        case "list":
            assert rule.element is not None
            if not isinstance(value, list):
                raise _unexpected(value)
            return [None if item is None else _coerce(rule.element, item) for item in value]
        case "map":
            assert rule.element is not None
            if not isinstance(value, dict):
                raise _unexpected(value)
            # A null value is as absent as a null member: browsers send {"DEVICE_KEY": null} when they have none.
            return {key: _coerce(rule.element, item) for key, item in value.items() if item is not None}
        case "string" | "integer" | "number" | "boolean" | "blob":
            return _scalar(rule, value)
        case _:
            assert_never(rule.kind)


def _scalar(rule: Rule, value: JsonValue) -> object:
    if isinstance(value, list):
        raise SerializationException("Start of list found where not expected")
    if isinstance(value, dict):
        raise SerializationException("Start of structure or map found where not expected.")
    if isinstance(value, bool):
        if rule.kind == "boolean":
            return value
    elif isinstance(value, str):
        if rule.kind == "string":
            return value
        if rule.kind == "blob":
            return _blob(value)
    elif isinstance(value, int | float) and rule.kind in ("integer", "number"):
        return float(value) if rule.kind == "number" else _integer(rule, value)
    target = _ARTICLES.get(rule.kind, "a Blob")
    raise SerializationException(f"{_token(value)} can not be converted to {target}")


def _integer(rule: Rule, value: float) -> int:
    """A fraction is cut off, as the service's parser does; outside the width there is no such integer."""
    whole = int(value)
    limit = 2 ** (rule.bits - 1)
    if not -limit <= whole < limit:
        raise SerializationException
    return whole


def _blob(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise SerializationException from None


def _token(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    return "STRING_VALUE" if isinstance(value, str) else "NUMBER_VALUE"


def _unexpected(value: JsonValue) -> SerializationException:
    """A list, map or structure was expected; the words are those seen for a wrongly typed list (wire.md section 1)."""
    del value
    return SerializationException("Unexpected field type")
