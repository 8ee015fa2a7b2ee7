"""A change set: what deploying a template will do to each resource, decided before anything is done.

Owns the comparison of planned with deployed properties and the refusals. Touches nothing, knows no type.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from poolhouse.stacks.errors import DeployRefused, Fault, Path, nearest
from poolhouse.stacks.intrinsics import UNKNOWN, evaluate
from poolhouse.stacks.references import dependencies, in_order
from poolhouse.stacks.resource import Context, Resource, ResourceType, ResourceTypes
from poolhouse.stacks.schema import Check, Update
from poolhouse.stacks.scope import StackScope
from poolhouse.stacks.template import JsonValue, Template, Tree

POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")


class Action(Enum):
    """What a deploy does to a resource; the value is the sign that a terminal shows."""

    ADD = "+"
    MODIFY = "~"
    REPLACE = "±"
    KEEP = "="
    REMOVE = "-"
    RETAIN = "o"


_WORDS = {
    Action.ADD: "added",
    Action.MODIFY: "updated in place",
    Action.REPLACE: "replaced",
    Action.KEEP: "unchanged",
    Action.REMOVE: "removed",
    Action.RETAIN: "left as it is, no longer part of the stack",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a change set; `properties` are the names that differ."""

    action: Action
    logical_id: str
    type: str
    physical_id: str | None
    properties: tuple[str, ...] = ()

    def __str__(self) -> str:
        detail = f" ({', '.join(self.properties)})" if self.properties else ""
        return f"{self.action.value} {self.logical_id} {self.type}: {_WORDS[self.action]}{detail}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A resource of the template, its properties as far as they are known before the deploy."""

    change: Change
    type: ResourceType
    raw: JsonValue
    properties: Tree
    deletion_policy: str
    replace_policy: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Resources in the order in which they are made, and those that leave, in the order in which they are deleted."""

    planned: tuple[Planned, ...]
    leaving: tuple[tuple[Change, Resource], ...]

    def changes(self) -> list[Change]:
        """Every line, unchanged resources included."""
        return [one.change for one in self.planned] + [change for change, _ in self.leaving]


class Planner:
    """Makes the change set of one deploy."""

    def __init__(
        self, scope: StackScope, types: ResourceTypes, deployed: Mapping[str, Resource], context: Context
    ) -> None:
        self._scope = scope
        self._template: Template = scope.template
        self._types = types
        self._deployed = deployed
        self._context = context
        self._faults: list[Fault] = []
        self._refusals: list[Fault] = []

    def plan(self, *, allow_loss: bool) -> ChangeSet:
        """The change set. Raises TemplateInvalid with every fault, or DeployRefused."""
        edges = dependencies(self._template)
        order = in_order(edges, self._template.source)
        present = [name for name in order if self._is_present(name)]
        planned = [one for name in present if (one := self._plan(name, tuple(edges[name]), set(present)))]
        if self._faults:
            raise self._template.source.invalid(*self._faults)
        leaving = self._leaving(set(present), allow_loss=allow_loss)
        if self._refusals:
            raise DeployRefused([self._template.source.problem(fault) for fault in self._refusals])
        return ChangeSet(tuple(planned), tuple(leaving))

    def _entry(self, logical_id: str) -> Tree:
        entry = self._template.section("Resources")[logical_id]
        assert isinstance(entry, dict), "parse_template checked it"
        return entry

    def _is_present(self, logical_id: str) -> bool:
        condition = self._entry(logical_id).get("Condition")
        path: Path = ("Resources", logical_id, "Condition")
        try:
            return condition is None or self._scope.condition(str(condition), path)
        except Fault as fault:
            self._faults.append(fault)
            return False

    def _plan(self, logical_id: str, needs: tuple[str, ...], present: set[str]) -> Planned | None:
        entry = self._entry(logical_id)
        path: Path = ("Resources", logical_id)
        kind = self._types.get(str(entry["Type"]))
        if kind is None:
            self._faults.append(unknown_type(str(entry["Type"]), self._types, (*path, "Type")))
            self._scope.names.put(logical_id, f"{UNKNOWN}{logical_id}", _AnyAttribute(logical_id))
            return None
        properties = self._properties(kind, entry.get("Properties") or {}, path)
        if properties is None:
            self._scope.names.put(logical_id, f"{UNKNOWN}{logical_id}", _AnyAttribute(logical_id))
            return None
        change = self._compare(kind, logical_id, properties)
        self._announce(kind, change)
        return Planned(
            change,
            kind,
            entry.get("Properties") or {},
            properties,
            self._policy(entry, "DeletionPolicy", path),
            self._policy(entry, "UpdateReplacePolicy", path),
            tuple(name for name in needs if name in present),
        )

    def _properties(self, kind: ResourceType, raw: JsonValue, path: Path) -> Tree | None:
        """The planned properties in their types; None, with faults noted, when they cannot be had."""
        inner = (*path, "Properties")
        try:
            value = evaluate(raw, self._scope, inner)
        except Fault as fault:
            self._faults.append(fault)
            return None
        self._faults += (faults := list(_dynamic(value, inner)))
        if faults:
            return None
        check = Check(kind.name)
        properties = check.properties(value if isinstance(value, dict) else {}, kind.properties, inner)
        if not check.faults:
            context = context_of(self._context, str(path[1]))
            check.faults += kind.handler.examine(context, properties)
        self._faults += check.faults
        return None if check.faults else properties

    def _policy(self, entry: Tree, name: str, path: Path) -> str:
        policy = entry.get(name, "Delete")
        if isinstance(policy, dict) and self._scope.language_extensions:
            try:
                policy = evaluate(policy, self._scope, (*path, name)) or "Delete"
            except Fault as fault:
                self._faults.append(fault)
                return "Delete"
        policy = str(policy)
        if policy not in POLICIES:
            self._faults.append(Fault((*path, name), f"unknown {name} {policy}", nearest(policy, POLICIES)))
        return policy

    def _compare(self, kind: ResourceType, logical_id: str, properties: Tree) -> Change:
        old = self._deployed.get(logical_id)
        if old is None:
            return Change(Action.ADD, logical_id, kind.name, None)
        if old.type != kind.name:
            message = f"{logical_id} is deployed as {old.type} and cannot become {kind.name}"
            self._refusals.append(Fault(("Resources", logical_id, "Type"), message, "give it another name"))
            return Change(Action.KEEP, logical_id, old.type, old.physical_id)
        changed = tuple(name for name in kind.properties if old.properties.get(name) != properties.get(name))
        action = Action.MODIFY if changed else Action.KEEP
        for name in changed:
            path: Path = ("Resources", logical_id, "Properties", name)
            verdict = kind.properties[name].judge(old.properties.get(name), properties.get(name))
            if verdict.update is Update.REFUSED or (verdict.update is Update.REPLACE and kind.precious):
                why = verdict.why or f"changing {name} of {logical_id} would need another {kind.name.split('::')[-1]}"
                lost = f", and {kind.precious} would be lost" if kind.precious else ""
                self._refusals.append(Fault(path, f"{why}{lost}", "restore the old value, or add a new resource"))
            elif verdict.update is Update.REPLACE:
                action = Action.REPLACE
        return Change(action, logical_id, kind.name, old.physical_id, changed)

    def _announce(self, kind: ResourceType, change: Change) -> None:
        """Tell later resources what they may know of this one."""
        old = self._deployed.get(change.logical_id)
        if old is None or change.action in (Action.ADD, Action.REPLACE):
            known: dict[str, JsonValue] = {}
            reference = f"{UNKNOWN}{change.logical_id}"
        else:
            reference = old.reference
            unsure = kind.volatile if change.action is Action.MODIFY else frozenset()
            known = {name: value for name, value in old.attributes.items() if name not in unsure}
        later: dict[str, JsonValue] = {name: f"{UNKNOWN}{change.logical_id}.{name}" for name in kind.attributes}
        self._scope.names.put(change.logical_id, reference, {**later, **known})

    def _leaving(self, present: set[str], *, allow_loss: bool) -> list[tuple[Change, Resource]]:
        leaving = [old for name, old in self._deployed.items() if name not in present]
        result = []
        for old in deletion_order(leaving):
            retained = old.deletion_policy.startswith("Retain")
            action = Action.RETAIN if retained else Action.REMOVE
            kind = self._types.get(old.type)
            if action is Action.REMOVE and kind is not None and kind.precious and not allow_loss:
                self._refusals.append(
                    Fault(
                        ("Resources",),
                        f"{old.logical_id} ({old.physical_id}) is no longer in the template; "
                        f"deleting it would lose {kind.precious}",
                        "put it back, deploy it once with DeletionPolicy: Retain, or allow the deletion explicitly",
                    )
                )
            result.append((Change(action, old.logical_id, old.type, old.physical_id), old))
        return result


def _dynamic(value: JsonValue, path: Path) -> Iterator[Fault]:
    """A fault for each dynamic reference: its text must not be taken for the value that it stands for."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _dynamic(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _dynamic(inner, (*path, place))
    elif isinstance(value, str) and "{{resolve:" in value:
        yield Fault(path, "dynamic references ({{resolve:…}}) are not supported", "use a parameter with NoEcho: true")


class _AnyAttribute(dict[str, JsonValue]):
    """Attributes of a resource that could not be planned: its own fault is told once, not again by whoever uses it."""

    def __init__(self, logical_id: str) -> None:
        super().__init__()
        self._logical_id = logical_id

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> JsonValue:
        return f"{UNKNOWN}{self._logical_id}.{name}"


def context_of(context: Context, logical_id: str) -> Context:
    """The same circumstances for another resource."""
    return Context(context.call, context.place, context.code_base, context.inline_base, logical_id)


def unknown_type(name: str, types: ResourceTypes, path: Path) -> Fault:
    """The fault for a resource type that this release does not have."""
    close = nearest(name, types, likeness=0.85)
    advice = close if close.startswith("did") else "provided: " + ", ".join(sorted(types))
    return Fault(path, f"the resource type {name} is not provided", advice)


def deletion_order(resources: Iterable[Resource]) -> list[Resource]:
    """Resources so that each goes before what it needed."""
    remaining = {resource.logical_id: resource for resource in resources}
    ordered: list[Resource] = []
    while remaining:
        needed = {name for resource in remaining.values() for name in resource.needs}
        free = [resource for name, resource in remaining.items() if name not in needed] or list(remaining.values())
        for resource in free:
            del remaining[resource.logical_id]
        ordered += free
    return ordered
