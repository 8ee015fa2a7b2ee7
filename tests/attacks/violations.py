"""Requests that break the service model's constraints, one each, made from the published model (botocore's copy).

Independent of our generated model: what is asked for here is what Amazon publishes. Knows no server.
"""

import base64
import copy
import itertools
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

_CLASSES = {
    r"\p{L}": "A-Za-z\u00c0-\u024f",
    r"\p{M}": "\u0300-\u036f",
    r"\p{S}": "$+<=>^`|~",
    r"\p{N}": "0-9",
    r"\p{P}": re.escape(string.punctuation),
    r"\p{Z}": " ",
}
_CANDIDATES = [
    *("a", "abcde", "aB3", "0123456789", "https://example.com/cb", "eu-west-1_Abcdefghi", "Zone/Area"),
    *("arn:aws:iam::000000000000:role/x", "arn:aws:lambda:eu-west-1:000000000000:function:f", "A-A.b", "12"),
    *("arn:aws:acm:us-east-1:000000000000:certificate/x", "arn:aws:cognito-idp:eu-west-1:000000000000:userpool/x"),
    *("ab" * 15, "some-client--1700000000000", "{####}", "{username} {####}", "x {##y##} z", "a@b.c", "+15551234567"),
]
MAX_DEPTH = 3


@dataclass(frozen=True)
class Violation:
    """A request that is wrong in one place. `phrase` is in the service's report; None for a wrong type."""

    operation: str
    place: str
    phrase: str | None
    body: dict[str, Any]
    secret: str | None = None
    """A sensitive value that no answer may repeat."""

    def __str__(self) -> str:
        return f"{self.operation} {self.place}: {self.phrase or 'wrong type'}"


def operation_model(name: str) -> OperationModel:
    """The published model of an operation."""
    return _model().operation_model(name)


def _model() -> Any:
    global _loaded
    if _loaded is None:
        _loaded = botocore.session.get_session().get_service_model("cognito-idp")
    return _loaded


_loaded: Any = None


def valid(shape: Shape | None, depth: int = 0) -> Any:
    """A value that satisfies every constraint of the shape, with required members alone."""
    if shape is None:
        return {}
    metadata = shape.metadata
    match shape.type_name:
        case "structure":
            assert isinstance(shape, StructureShape)
            return {name: valid(shape.members[name], depth + 1) for name in shape.required_members}
        case "list":
            assert isinstance(shape, ListShape)
            return [valid(shape.member, depth + 1) for _ in range(metadata.get("min", 0))]
        case "map":
            return {}
        case "string":
            return _valid_text(shape)
        case "integer" | "long":
            return metadata.get("min", 1)
        case "float" | "double" | "timestamp":
            return 1.5
        case "boolean":
            return True
        case "blob":
            return base64.b64encode(b"x" * metadata.get("min", 1)).decode()
        case other:
            raise AssertionError(other)


def _valid_text(shape: Shape) -> str:
    if getattr(shape, "enum", None):
        return str(shape.enum[0])
    low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 10_000)
    pattern = _python(shape.metadata.get("pattern"))
    for candidate in (*_CANDIDATES, "a" * max(low, 1), "A" * high if high < 200 else "a"):
        if low <= len(candidate) <= high and (pattern is None or pattern.fullmatch(candidate)):
            return str(candidate)
    raise AssertionError(f"no candidate fits {shape.name} {shape.metadata}")


def _python(pattern: str | None) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    for java, python in _CLASSES.items():
        pattern = pattern.replace(java, python)
    return re.compile(pattern)


def violations(operation: str) -> Iterator[Violation]:
    """One request for each constraint of each member of the operation's request, and for each wrong type."""
    shape = operation_model(operation).input_shape
    if shape is None:
        return
    base = valid(shape)
    for path, place, member, required in _members(shape, (), "", 0):
        if required:
            yield Violation(operation, place, "Member must not be null", _without(base, path))
        yield Violation(operation, place, None, _with(base, path, shape, _wrong_type(member)))
        for value, phrase in _broken(member):
            sensitive = _is_sensitive(shape, path) and isinstance(value, str) and len(value) >= 8
            body = _with(base, path, shape, value)
            yield Violation(operation, place, phrase, body, value if sensitive else None)


_Path = tuple[str | int, ...]


def _members(shape: Shape, path: _Path, place: str, depth: int) -> Iterator[tuple[_Path, str, Shape, bool]]:
    if depth >= MAX_DEPTH:
        return
    if isinstance(shape, StructureShape):
        for name, member in shape.members.items():
            at = f"{place}.{name[0].lower()}{name[1:]}".removeprefix(".")
            yield (*path, name), at, member, name in shape.required_members
            yield from _members(member, (*path, name), at, depth + 1)
    elif isinstance(shape, ListShape) and shape.member.type_name == "structure":
        yield from _members(shape.member, (*path, 0), f"{place}.1.member", depth)


def _broken(shape: Shape) -> Iterator[tuple[Any, str]]:
    """Values that break one constraint of the shape, and how the service words it."""
    low, high, pattern = (shape.metadata.get(name) for name in ("min", "max", "pattern"))
    kind = shape.type_name
    if kind in ("integer", "long"):
        if low is not None:
            yield low - 1, f"Member must have value greater than or equal to {low}"
        if high is not None and high < 2**31 - 1:
            yield high + 1, f"Member must have value less than or equal to {high}"
    elif kind == "string":
        if getattr(shape, "enum", None):
            yield "NO_SUCH_VALUE", "Member must satisfy enum value set: ["
        elif low:
            yield "", f"Member must have length greater than or equal to {low}"
        if high is not None and high <= 200_000 and not getattr(shape, "enum", None):
            yield "a" * (high + 1), f"Member must have length less than or equal to {high}"
        bad = None if pattern is None else _unfit(pattern, low or 0, high or 10_000)
        if bad is not None:
            yield bad, f"Member must satisfy regular expression pattern: {pattern}"
    elif kind == "list":
        assert isinstance(shape, ListShape)
        item = valid(shape.member)
        if low:
            yield [], f"Member must have length greater than or equal to {low}"
        if high is not None:
            yield [item] * (high + 1), f"Member must have length less than or equal to {high}"
    elif kind == "map":
        assert isinstance(shape, MapShape)
        high_key = shape.key.metadata.get("max")
        if high_key is not None and high_key < 100_000:
            yield {"k" * (high_key + 1): valid(shape.value)}, "Map keys must satisfy constraint: ["


def _unfit(pattern: str, low: int, high: int) -> str | None:
    compiled = _python(pattern)
    assert compiled is not None
    for candidate in ("   spaced out   ", "\u0007bell\u0007bell", " ", "\u0007", "é\u2028é", "\t\t\t\t\t\t\t\t"):
        text = (candidate * (low // len(candidate) + 1))[: max(low, min(high, 20))]
        if low <= len(text) <= high and not compiled.fullmatch(text):
            return text
    return None


def _wrong_type(shape: Shape) -> Any:
    match shape.type_name:
        case "structure" | "map":
            return ["a list"]
        case "list":
            return {"an": "object"}
        case "string":
            return {"an": "object"}
        case _:
            return ["a list"]


def _is_sensitive(shape: Shape, path: _Path) -> bool:
    if path[-1] == "ClientId":
        return False  # marked so in the published model, but it is in every token and in every page's source
    for step in path:
        if shape.metadata.get("sensitive"):
            return True
        shape = shape.member if isinstance(step, int) else shape.members[step]
    return bool(shape.metadata.get("sensitive"))


def _with(base: Any, path: _Path, shape: Shape, value: Any) -> dict[str, Any]:
    """`base` with `value` at `path`; what lies on the way is made valid."""
    body: dict[str, Any] = copy.deepcopy(base)
    at: Any = body
    for step, following in itertools.pairwise(path):
        inner = shape.member if isinstance(step, int) else shape.members[step]
        missing = len(at) == 0 if isinstance(step, int) else step not in at
        if missing and isinstance(step, int):
            at.append(valid(inner))
        elif missing or (isinstance(following, int) and not at[step]):
            at[step] = valid(inner)
        shape, at = inner, at[step]
    if isinstance(path[-1], int) and not at:
        at.append(value)
    else:
        at[path[-1]] = value
    return body


def _without(base: Any, path: _Path) -> dict[str, Any]:
    shape = base
    body: dict[str, Any] = copy.deepcopy(shape)
    at: Any = body
    for step in path[:-1]:
        if isinstance(at, dict):
            at = at.setdefault(str(step), [{}] if path[path.index(step) + 1 : path.index(step) + 2] == (0,) else {})
        elif not at:
            at.append({})
            at = at[0]
        else:
            at = at[0]
    at.pop(path[-1], None)
    return body
