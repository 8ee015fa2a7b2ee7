"""The shape of a resource's properties: what a type takes, checked and brought into its types.

Owns kinds of values and what a change of a property means. Knows no resource type.
CloudFormation takes a number or a flag as text and a text as a number or flag; so does this.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, assert_never

from poolhouse.stacks.errors import Fault, Path, nearest
from poolhouse.stacks.intrinsics import is_unknown
from poolhouse.stacks.template import JsonValue, Tree


class Scalar(Enum):
    """Plain values."""

    TEXT = "a text"
    INTEGER = "a whole number"
    NUMBER = "a number"
    FLAG = "true or false"
    JSON = "a value"
    DOCUMENT = "a mapping"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of one kind."""

    of: "Kind"


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping with free keys."""

    of: "Kind"


@dataclass(frozen=True, slots=True)
class Shape:
    """A mapping with known members."""

    members: "Mapping[str, Kind]"
    required: frozenset[str] = frozenset()


Kind: TypeAlias = Scalar | Choice | Items | Entries | Shape


class Update(Enum):
    """What a changed property does to a resource that is already there."""

    IN_PLACE = "updated in place"
    REPLACE = "replaced"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a particular change does, and why it is refused if it is."""

    update: Update
    why: str = ""


Judge: TypeAlias = Callable[[JsonValue, JsonValue], Verdict]
"""From the old and the new value of a property to what the change does."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a resource type. `unheeded` says why it has no effect here, as a warning to whoever sets it."""

    kind: Kind
    required: bool = False
    update: Update | Judge = Update.IN_PLACE
    unheeded: str = ""

    def judge(self, old: JsonValue, new: JsonValue) -> Verdict:
        """What changing the value from `old` to `new` does."""
        return Verdict(self.update) if isinstance(self.update, Update) else self.update(old, new)


TAGS = Items(Shape({"Key": Scalar.TEXT, "Value": Scalar.TEXT}, frozenset({"Key", "Value"})))
"""The list form of tags."""


@dataclass(slots=True)
class Check:
    """One pass over a resource's properties; collects every fault."""

    type_name: str
    faults: list[Fault] = field(default_factory=list)

    def properties(self, given: Tree, known: Mapping[str, Property], path: Path) -> Tree:
        """The properties in their types. Faults: unknown ones, missing required ones, wrong kinds."""
        shape = Shape(
            {name: one.kind for name, one in known.items()},
            frozenset(name for name, one in known.items() if one.required),
        )
        return self._shape(given, shape, path)

    def _complain(self, path: Path, message: str, advice: str = "") -> None:
        self.faults.append(Fault(path, message, advice))

    def value(self, value: JsonValue, kind: Kind, path: Path) -> JsonValue:
        """A value in its kind's type; None, with a fault noted, when it cannot be."""
        if is_unknown(value):
            return value
        match kind:
            case Scalar():
                converted = _CONVERT[kind](value)
                wanted = kind.value
            case Choice(words):
                converted = value if value in words else None
                wanted = "one of " + ", ".join(words)
            case Items(of):
                converted = self._items(value, of, path) if isinstance(value, list) else None
                wanted = "a list"
            case Entries(of):
                converted = self._entries(value, of, path) if isinstance(value, dict) else None
                wanted = "a mapping"
            case Shape():
                converted = self._shape(value, kind, path) if isinstance(value, dict) else None
                wanted = "a mapping"
            case _:
                assert_never(kind)
        if converted is None and kind is not Scalar.JSON:
            names = [str(step) for step in path if isinstance(step, int) or not step.startswith("Fn::")]
            self._complain(path, f"{'.'.join(names[3:])} of {self.type_name} must be {wanted}")
        return converted

    def _items(self, value: list[JsonValue], of: Kind, path: Path) -> JsonValue:
        return [self.value(item, of, (*path, place)) for place, item in enumerate(value)]

    def _entries(self, value: Tree, of: Kind, path: Path) -> JsonValue:
        return {key: self.value(item, of, (*path, key)) for key, item in value.items()}

    def _shape(self, given: Tree, shape: Shape, path: Path) -> Tree:
        checked: Tree = {}
        for name, value in given.items():
            kind = shape.members.get(name)
            if kind is None:
                advice = nearest(name, shape.members)
                self._complain((*path, name), f"unknown property {name} of {self.type_name}", advice)
            elif value is not None:
                checked[name] = self.value(value, kind, (*path, name))
        for name in sorted(shape.required - given.keys()):
            inner = ".".join(str(step) for step in path[3:])
            where = f"{inner} of {self.type_name}" if inner else self.type_name
            self._complain(path, f"{where} needs the property {name}")
        return checked


def _text(value: JsonValue) -> JsonValue:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def _integer(value: JsonValue) -> JsonValue:
    number = _number(value)
    return int(number) if isinstance(number, int | float) and number == int(number) else None


def _number(value: JsonValue) -> JsonValue:
    if isinstance(value, str) and len(value) <= 30:
        try:
            value = float(value) if any(sign in value for sign in ".eE") else int(value)
        except ValueError:
            return None
        return value if abs(value) < 2**63 else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _flag(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value.lower())
    return value if isinstance(value, bool) else None


_CONVERT: dict[Scalar, Callable[[JsonValue], JsonValue]] = {
    Scalar.TEXT: _text,
    Scalar.INTEGER: _integer,
    Scalar.NUMBER: _number,
    Scalar.FLAG: _flag,
    Scalar.JSON: lambda value: value,
    Scalar.DOCUMENT: lambda value: value if isinstance(value, dict) else None,
}
