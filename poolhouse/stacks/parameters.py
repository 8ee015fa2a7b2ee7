"""Template parameters: their declarations, and the values a deploy uses.

Owns types, constraints and defaults. Knows nothing of resources. Source: CloudFormation user guide, "Parameters".
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from poolhouse.stacks.errors import Fault, Path, nearest
from poolhouse.stacks.template import JsonValue, Template, Tree

MAX_PARAMETERS: Final = 200
MAX_VALUE: Final = 4096
_SCALARS = frozenset({"String", "Number"})
_LISTS = frozenset({"List<Number>", "List<String>", "CommaDelimitedList"})
TYPES = _SCALARS | _LISTS
_KEYS = frozenset(
    {
        *("Type", "Default", "Description", "ConstraintDescription", "NoEcho", "AllowedValues", "AllowedPattern"),
        *("MinLength", "MaxLength", "MinValue", "MaxValue"),
    }
)
MASK: Final = "****"
"""What CloudFormation shows for a parameter with NoEcho."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The values of one deploy: text for scalars, lists of text for lists."""

    values: Mapping[str, str | list[str]]
    hidden: frozenset[str]

    def shown(self) -> dict[str, str]:
        """The values as they may be printed and kept."""
        return {
            name: MASK if name in self.hidden else ",".join(value) if isinstance(value, list) else value
            for name, value in self.values.items()
        }

    def as_text(self) -> dict[str, str]:
        """The values as they were given: lists joined with commas."""
        return {name: ",".join(v) if isinstance(v, list) else v for name, v in self.values.items()}


def resolve_parameters(template: Template, given: Mapping[str, str]) -> Parameters:
    """The value of every parameter: what was given, else its default. Raises TemplateInvalid with every fault."""
    declared = template.section("Parameters")
    faults = [
        Fault(("Parameters",), f"the template has no parameter {name}", nearest(name, declared))
        for name in given
        if name not in declared
    ]
    if len(declared) > MAX_PARAMETERS:
        faults.append(Fault(("Parameters",), f"more than {MAX_PARAMETERS} parameters"))
    values: dict[str, str | list[str]] = {}
    hidden = set()
    for name, declaration in declared.items():
        path = ("Parameters", name)
        try:
            spec = _checked(declaration, name, path)
            values[name] = _value(name, spec, given.get(name), path)
        except Fault as fault:
            faults.append(fault)
            continue
        if spec.get("NoEcho") in (True, "true"):
            hidden.add(name)
    if faults:
        raise template.source.invalid(*faults)
    return Parameters(values, frozenset(hidden))


def _checked(declaration: JsonValue, name: str, path: Path) -> Tree:
    if not isinstance(declaration, dict):
        raise Fault(path, f"parameter {name} must be a mapping with a Type", "for example Type: String")
    for key in declaration:
        if key not in _KEYS:
            raise Fault((*path, key), f"unknown attribute {key} of parameter {name}", nearest(key, _KEYS))
    kind = declaration.get("Type")
    if isinstance(kind, str) and kind.startswith("AWS::"):
        raise Fault(
            (*path, "Type"),
            f"parameter {name}: the type {kind} is not supported, it names things outside of this installation",
            "use Type: String and give the value itself",
        )
    if kind not in TYPES:
        raise Fault((*path, "Type"), f"parameter {name}: unknown type {kind}", nearest(str(kind), TYPES))
    return declaration


def _value(name: str, spec: Tree, given: str | None, path: Path) -> str | list[str]:
    default = spec.get("Default")
    if given is None and default is None:
        raise Fault(path, f"parameter {name} has no default and was not given", f"give it: --parameter {name}=VALUE")
    if isinstance(default, dict | list):
        raise Fault((*path, "Default"), f"parameter {name}: the default must be a plain value")
    text = given if given is not None else _plain(default)
    # NoEcho: what the value was must not reach a terminal or a log through the error.
    shown = "" if spec.get("NoEcho") in (True, "true") else f" {text!r}"
    for complaint in _complaints(spec, text, path):
        description = spec.get("ConstraintDescription")
        advice = str(description) if description else complaint.advice
        place = (*path, "Default") if given is None and "Default" in spec else complaint.path
        raise Fault(place, f"parameter {name}: the value{shown} {complaint.message}", advice)
    if spec["Type"] in _LISTS:
        return [item.strip() for item in text.split(",")] if text else []
    return text


def _plain(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _complaints(spec: Tree, text: str, path: Path) -> Iterator[Fault]:
    kind = str(spec["Type"])
    items = [item.strip() for item in text.split(",")] if kind in _LISTS else [text]
    if len(text.encode()) > MAX_VALUE:
        yield Fault(path, f"is longer than {MAX_VALUE} bytes")
    if kind in ("Number", "List<Number>"):
        for item in items:
            if not _is_number(item):
                yield Fault(path, "is not a number")
                return
    if (allowed := spec.get("AllowedValues")) is not None:
        names = [_plain(one) for one in allowed] if isinstance(allowed, list) else []
        if any(item not in names for item in items):
            yield Fault((*path, "AllowedValues"), "is not allowed", "allowed: " + ", ".join(names))
    if (pattern := spec.get("AllowedPattern")) is not None:
        yield from _pattern_complaints(str(pattern), items, path)
    yield from _bound_complaints(spec, kind, text, items, path)


def _pattern_complaints(pattern: str, items: list[str], path: Path) -> Iterator[Fault]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        yield Fault((*path, "AllowedPattern"), f"cannot be checked: the AllowedPattern is broken ({error})")
        return
    if any(compiled.fullmatch(item) is None for item in items):
        yield Fault((*path, "AllowedPattern"), f"does not match the pattern {pattern}")


def _bound_complaints(spec: Tree, kind: str, text: str, items: list[str], path: Path) -> Iterator[Fault]:
    for key, low in (("MinLength", True), ("MaxLength", False)):
        bound = None if kind in ("Number", "List<Number>") else _bound(spec, key, path)
        if bound is not None and ((len(text) < bound) if low else (len(text) > bound)):
            yield Fault((*path, key), f"is {'shorter' if low else 'longer'} than {bound:g} characters")
    for key, low in (("MinValue", True), ("MaxValue", False)):
        bound = _bound(spec, key, path) if kind in ("Number", "List<Number>") else None
        if bound is not None and any((float(item) < bound) if low else (float(item) > bound) for item in items):
            yield Fault((*path, key), f"is {'less' if low else 'more'} than {bound:g}")


def _bound(spec: Tree, key: str, path: Path) -> float | None:
    value = spec.get(key)
    if value is None:
        return None
    if isinstance(value, bool | dict | list) or not _is_number(str(value)):
        raise Fault((*path, key), f"{key} must be a number")
    return float(value)


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?", text) is not None
