"""The constraints of a shape as data: what each member must be, read once from the generated annotations.

Owns the reading of annotations. Knows nothing of JSON, of messages and of any service.
"""

import re
import types
from dataclasses import dataclass, replace
from functools import cache
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from poolhouse.model.shape import Shape

Kind = Literal["string", "integer", "number", "boolean", "blob", "document", "list", "map", "structure"]

_SCALARS: dict[object, Kind] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    bytes: "blob",
    object: "document",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """What one value must be. `low` and `high` bound a length or, of an integer, the value."""

    kind: Kind
    low: int | None = None
    high: int | None = None
    pattern: str | None = None
    """The pattern as the model writes it, for messages."""
    expression: str | None = None
    """The same in Python, anchored at both ends; None if every string matches."""
    enum: tuple[str, ...] = ()
    sensitive: bool = False
    timestamp: bool = False
    bits: int = 32
    element: "Rule | None" = None
    """Of a list's elements or a map's values."""
    key: "Rule | None" = None
    shape: type[Shape] | None = None
    members: "tuple[Member, ...]" = ()

    def matches(self, text: str) -> bool:
        """Whether the whole of `text` satisfies the pattern."""
        return self.expression is None or re.search(self.expression, text) is not None


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a structure."""

    attribute: str
    wire: str
    required: bool
    rule: Rule

    @property
    def path(self) -> str:
        """The member's name in a report: the wire's, with a small first letter."""
        return self.wire[:1].lower() + self.wire[1:]


@cache
def rule_of(shape: type[Shape]) -> Rule:
    """The rule of a whole structure, its members in the model's order."""
    hints = get_type_hints(shape, include_extras=True)
    members = tuple(
        Member(field.name, field.encode_name, field.required, _rule(hints[field.name]))
        for field in msgspec.structs.fields(shape)
    )
    return Rule("structure", shape=shape, members=members)


def _rule(hint: object) -> Rule:
    metas: list[msgspec.Meta] = []
    while get_origin(hint) in (Annotated, Union, types.UnionType):
        if get_origin(hint) is Annotated:
            metas += [meta for meta in get_args(hint)[1:] if isinstance(meta, msgspec.Meta)]
            hint = get_args(hint)[0]
        else:
            hint = next(part for part in get_args(hint) if part is not types.NoneType)
    return _with_constraints(hint, metas)


def _with_constraints(hint: object, metas: list[msgspec.Meta]) -> Rule:
    extra: dict[str, object] = {}
    low = high = None
    expression: str | None = None
    for meta in metas:
        extra.update(meta.extra or {})
        low = _first(meta.min_length, meta.ge, low)
        high = _first(meta.max_length, meta.le, high)
        expression = meta.pattern or expression
    bits = 64 if extra.get("bits") == 64 else 32
    base = _base(hint)
    if base.kind == "integer":
        # the width of an integer is no constraint of the model
        low = None if low == -(2 ** (bits - 1)) else low
        high = None if high == 2 ** (bits - 1) - 1 else high
    pattern, full = extra.get("pattern"), extra.get("full")
    rule = replace(
        base,
        low=low,
        high=high,
        pattern=pattern if isinstance(pattern, str) else None,
        expression=full if isinstance(full, str) else expression,
        timestamp=bool(extra.get("timestamp")),
        bits=bits,
    )
    return _sensitive(rule) if extra.get("sensitive") else rule


def _sensitive(rule: Rule) -> Rule:
    """The rule with all that is within it marked."""
    members = tuple(replace(member, rule=_sensitive(member.rule)) for member in rule.members)
    return replace(rule, sensitive=True, members=members)


def _base(hint: object) -> Rule:
    """The rule of a type without its constraints."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return Rule("string", enum=arguments)
    if origin is list:
        return Rule("list", element=_rule(arguments[0]))
    if origin is dict:
        return Rule("map", key=_rule(arguments[0]), element=_rule(arguments[1]))
    if isinstance(hint, type) and issubclass(hint, Shape):
        return rule_of(hint)
    return Rule(_SCALARS[hint])


def _first(*candidates: float | None) -> int | None:
    return next((int(candidate) for candidate in candidates if candidate is not None), None)
