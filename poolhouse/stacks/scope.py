"""The names of one deploy: parameters, pseudo parameters, conditions, mappings, exports and resources.

Owns what a name stands for while a stack is planned or deployed. Knows no resource type.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from poolhouse.stacks.errors import Fault, Path, nearest
from poolhouse.stacks.intrinsics import evaluate_condition
from poolhouse.stacks.parameters import Parameters
from poolhouse.stacks.template import LANGUAGE_EXTENSIONS, JsonValue, Template


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack lives: what the pseudo parameters say."""

    region: str
    account_id: str
    stack_name: str
    stack_id: str
    partition: str = "aws"

    def pseudo(self, name: str) -> JsonValue:
        """The value of a pseudo parameter; KeyError for an unknown one."""
        values: dict[str, JsonValue] = {
            "AWS::Region": self.region,
            "AWS::AccountId": self.account_id,
            "AWS::StackName": self.stack_name,
            "AWS::StackId": self.stack_id,
            "AWS::Partition": self.partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com",
            "AWS::NotificationARNs": [],
        }
        return values[name]


class ResourceNames:
    """What is known of the resources: their references and attributes. Absent ones are not part of this deploy."""

    def __init__(self, absent: Callable[[str], str]) -> None:
        self._absent = absent
        self._references: dict[str, str] = {}
        self._attributes: dict[str, Mapping[str, JsonValue]] = {}

    def put(self, logical_id: str, reference: str, attributes: Mapping[str, JsonValue]) -> None:
        self._references[logical_id] = reference
        self._attributes[logical_id] = attributes

    def ref(self, name: str, path: Path) -> JsonValue:
        if name not in self._references:
            raise Fault(path, self._absent(name))
        return self._references[name]

    def attribute(self, name: str, attribute: str, path: Path) -> JsonValue:
        attributes = self._attributes.get(name)
        if attributes is None:
            raise Fault(path, self._absent(name))
        if attribute not in attributes:
            raise Fault(path, f"{name} has no attribute {attribute}", nearest(attribute, attributes))
        return attributes[attribute]


@dataclass(slots=True)
class StackScope:
    """The Scope of one stack (poolhouse/stacks/intrinsics.py)."""

    template: Template
    parameters: Parameters
    place: Place
    exports: Mapping[str, str]
    names: ResourceNames = field(init=False)
    imports: set[str] = field(default_factory=set)
    _conditions: dict[str, bool | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.names = ResourceNames(self._why_absent)

    def _why_absent(self, name: str) -> str:
        if name in self.template.section("Resources"):
            return f"{name} is mentioned here, but its condition leaves it out of this deploy"
        return f"nothing here is named {name}"

    @property
    def language_extensions(self) -> bool:
        return LANGUAGE_EXTENSIONS in self.template.transforms

    def ref(self, name: str, path: Path) -> JsonValue:
        if name in self.parameters.values:
            value = self.parameters.values[name]
            return list(value) if isinstance(value, list) else value
        if name.startswith("AWS::"):
            try:
                return self.place.pseudo(name)
            except KeyError:
                raise Fault(path, f"unknown pseudo parameter {name}") from None
        return self.names.ref(name, path)

    def attribute(self, name: str, attribute: str, path: Path) -> JsonValue:
        return self.names.attribute(name, attribute, path)

    def condition(self, name: str, path: Path) -> bool:
        declared = self.template.section("Conditions")
        if name not in declared:
            raise Fault(path, f"there is no condition {name}", nearest(name, declared))
        if name in self._conditions:
            known = self._conditions[name]
            if known is None:
                raise Fault(path, f"the condition {name} depends on itself")
            return known
        self._conditions[name] = None
        try:
            self._conditions[name] = holds = evaluate_condition(declared[name], self, ("Conditions", name))
        except Fault:
            del self._conditions[name]
            raise
        return holds

    def condition_faults(self) -> list[Fault]:
        """What is wrong with the conditions, those that nothing asks for included."""
        faults = []
        for name in self.template.section("Conditions"):
            try:
                self.condition(name, ("Conditions", name))
            except Fault as fault:
                faults.append(fault)
        return faults

    def mapping(self, name: str, path: Path) -> JsonValue:
        declared = self.template.section("Mappings")
        if name not in declared:
            raise Fault(path, f"there is no mapping {name}", nearest(name, declared))
        return declared[name]

    def imported(self, name: str, path: Path) -> JsonValue:
        if name not in self.exports:
            raise Fault(path, f"no stack exports {name}", nearest(name, self.exports) or "deploy that stack first")
        self.imports.add(name)
        return self.exports[name]

    def zones(self, region: str) -> list[str]:
        return [f"{region or self.place.region}{letter}" for letter in "abc"]
