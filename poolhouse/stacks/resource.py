"""What a resource type is to the engine: a table of properties and a handler.

Owns the interface between the engine and poolhouse/stacks/resources/. Knows no type.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from msgspec import Struct

from poolhouse.call import Call
from poolhouse.stacks.errors import Fault, Path
from poolhouse.stacks.schema import Property
from poolhouse.stacks.scope import Place
from poolhouse.stacks.template import JsonValue, Tree

Effect = tuple[str, str]
"""A notice (topic, key) that an operation's commit carried: what it touched, known even after a crash."""


class Resource(Struct, frozen=True):
    """A resource as it is deployed; `reference` is what Ref gives, `needs` the resources it was made after."""

    logical_id: str
    type: str
    physical_id: str
    reference: str
    properties: dict[str, JsonValue]
    attributes: dict[str, JsonValue]
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """What making or changing a resource gave; `reference` when Ref gives something else than the physical id."""

    physical_id: str
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Fragment:
    """A part of something served, by kind and name: parts of one name are merged in the order of the resources.

    `private` members are sealed before they are stored.
    """

    kind: str
    name: str
    document: Tree
    private: Tree = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler has at hand for one resource."""

    call: Call
    place: Place
    code_base: FilePath
    inline_base: FilePath | None
    logical_id: str

    def path(self, *steps: str | int) -> Path:
        """The place of one of the resource's properties in the template."""
        return ("Resources", self.logical_id, "Properties", *steps)

    def fault(self, message: str, *steps: str | int, advice: str = "") -> Fault:
        """A fault at one of the resource's properties."""
        return Fault(self.path(*steps), message, advice)

    def generated_name(self, limit: int) -> str:
        """The name of a resource that the template does not name: stack, logical id, and a stable suffix."""
        digest = hashlib.sha256(f"{self.place.stack_id}/{self.logical_id}".encode()).hexdigest()
        return f"{self.place.stack_name}-{self.logical_id}"[: limit - 13] + "-" + digest[:12]


class Handler:
    """What to do for a resource of one type. The defaults are those of a type that is served, not operated on.

    Properties are in their types (poolhouse/stacks/schema.py). Raises Fault or the operations' errors.
    """

    def examine(self, context: Context, properties: Tree) -> list[Fault]:
        """What is wrong with planned properties, before anything is done. They may hold UNKNOWN."""
        return []

    async def create(self, context: Context, properties: Tree) -> Made:
        """Make the resource. All writes go through `context.call.commit`, so that the journal knows of them."""
        raise NotImplementedError

    async def update(self, context: Context, current: Resource, properties: Tree) -> Made:
        """Bring the resource to these properties; also used to bring back the old ones. Must be repeatable."""
        raise NotImplementedError

    async def delete(self, context: Context, current: Resource) -> None:
        """Remove the resource; one that is already gone is no error."""

    def claim(self, effects: Sequence[Effect], properties: Tree) -> str | None:
        """The physical id that a creation's commits tell, when the deploy did not live to see its answer."""
        return None

    async def contents(self, context: Context, current: Resource) -> str:
        """What would be lost with the resource, in words ("3 users"); empty when nothing would."""
        return ""

    def fragments(self, context: Context, resource: Resource) -> Sequence[Fragment]:
        """What is served because of the resource."""
        return ()

    def folders(self, context: Context, resource: Resource) -> Sequence[str]:
        """Absolute folders that the resource is served from."""
        return ()

    def review(self, context: Context, resource: Resource, others: Iterable[Resource]) -> Sequence[Fault]:
        """Warnings about a resource that can be deployed, yet probably is not what was meant."""
        return ()


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One row of the table. `precious` says what a deletion would lose; such a resource is never deleted in passing.

    `volatile` attributes may change when the resource is updated in place.
    """

    name: str
    properties: Mapping[str, Property]
    handler: Handler
    attributes: frozenset[str] = frozenset()
    volatile: frozenset[str] = frozenset()
    precious: str = ""


ResourceTypes = Mapping[str, ResourceType]
