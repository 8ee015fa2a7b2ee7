"""Carrying out a change set, and taking it back.

Owns the steps, the events that tell of them, the rollback and the deletions that follow a success.
Knows handlers only by their interface.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from poolhouse.stacks.changeset import Action, ChangeSet, Planned, context_of
from poolhouse.stacks.errors import Fault, StackBusy
from poolhouse.stacks.intrinsics import evaluate
from poolhouse.stacks.journal import JournaledCall, Progress
from poolhouse.stacks.resource import Context, Handler, Made, Resource, ResourceTypes
from poolhouse.stacks.schema import Check
from poolhouse.stacks.scope import StackScope
from poolhouse.stacks.state import Entry
from poolhouse.stacks.template import Tree
from poolhouse.storage.database import Unavailable
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ResourceEvent:
    """Something that happened to a resource; statuses are CloudFormation's."""

    logical_id: str
    type: str
    status: str
    physical_id: str | None = None
    reason: str = ""


Report = Callable[[ResourceEvent], None]


class StepFailed(Exception):
    """A resource could not be made or changed; `cause` is what its handler raised."""

    def __init__(self, logical_id: str, type_name: str, cause: Exception) -> None:
        super().__init__(f"{logical_id}: {cause}")
        self.logical_id = logical_id
        self.type_name = type_name
        self.cause = cause


class Execution:
    """One deploy's steps."""

    def __init__(self, progress: Progress, types: ResourceTypes, context: Context, report: Report) -> None:
        self._progress = progress
        self._types = types
        self._plain = context
        self._report = report
        call = JournaledCall(context.call, progress)
        self._context = Context(call, context.place, context.code_base, context.inline_base, context.logical_id)

    async def run(self, changes: ChangeSet, scope: StackScope, deployed: Mapping[str, Resource]) -> dict[str, Resource]:
        """Make and change resources in order; the new resources by logical id. Raises StepFailed, StackBusy."""
        resources: dict[str, Resource] = {}
        for planned in changes.planned:
            old = deployed.get(planned.change.logical_id)
            try:
                resource = await self._step(planned, old, scope)
            except (StackBusy, Unavailable):
                raise
            except Exception as error:
                # The boundary of the handlers: whatever one raises, the stack has to be rolled back.
                change = planned.change
                self._tell(change.logical_id, change.type, _failed(change.action), None, describe(error))
                raise StepFailed(change.logical_id, change.type, error) from error
            scope.names.put(resource.logical_id, resource.reference, resource.attributes)
            resources[resource.logical_id] = resource
        return resources

    async def _step(self, planned: Planned, old: Resource | None, scope: StackScope) -> Resource:
        change = planned.change
        context = context_of(self._context, change.logical_id)
        properties = _final_properties(planned, scope, context)
        action = change.action
        if action is Action.MODIFY and old is not None and old.properties == properties:
            action = Action.KEEP  # what was only known now turned out as before
        if action is Action.KEEP and old is not None:
            return _resource(planned, properties, Made(old.physical_id, old.attributes, old.reference))
        creating = old is None or action is not Action.MODIFY
        self._tell(change.logical_id, change.type, "CREATE_IN_PROGRESS" if creating else "UPDATE_IN_PROGRESS", None)
        kind = "create" if creating else "update"
        self._progress.open_entry(Entry(change.logical_id, change.type, kind, properties))
        handler = planned.type.handler
        if old is None or creating:
            made = await handler.create(context, properties)
        else:
            made = await handler.update(context, old, properties)
        resource = _resource(planned, properties, made)
        self._progress.close_entry(resource)
        status = "CREATE_COMPLETE" if creating else "UPDATE_COMPLETE"
        self._tell(change.logical_id, change.type, status, resource.physical_id)
        return resource

    async def roll_back(self, deployed: Mapping[str, Resource]) -> list[str]:
        """Take back every entry of the journal, the last first; what had to be left, in words.

        Raises whatever a handler raises: the entries not yet taken back stay in the journal for the next try.
        """
        left: list[str] = []
        while entries := self._progress.entries:
            entry = entries[-1]
            if entry.kind == "create":
                left += await self._unmake(entry)
            elif (old := deployed.get(entry.logical_id)) is not None:
                await self._restore(entry, old)
            self._progress.drop_entry()
        return left

    async def _unmake(self, entry: Entry) -> list[str]:
        kind = self._types[entry.type]
        # The plain call: a deletion is repeatable, and its notices must not look like the creation's.
        context = context_of(self._plain, entry.logical_id)
        resource = entry.made
        if resource is None:
            physical_id = kind.handler.claim(entry.effects, entry.properties)
            if physical_id is None:
                return []
            resource = Resource(entry.logical_id, entry.type, physical_id, physical_id, entry.properties, {})
        if kind.precious and (contents := await kind.handler.contents(context, resource)):
            return [f"{entry.logical_id} ({resource.physical_id}) was left behind, it already has {contents}"]
        self._tell(entry.logical_id, entry.type, "DELETE_IN_PROGRESS", resource.physical_id, "rolling back")
        await kind.handler.delete(context, resource)
        self._tell(entry.logical_id, entry.type, "DELETE_COMPLETE", resource.physical_id, "rolled back")
        return []

    async def _restore(self, entry: Entry, old: Resource) -> None:
        context = context_of(self._plain, entry.logical_id)
        self._tell(entry.logical_id, entry.type, "UPDATE_IN_PROGRESS", old.physical_id, "rolling back")
        changed = entry.made or old
        await self._types[entry.type].handler.update(context, changed, old.properties)
        self._tell(entry.logical_id, entry.type, "UPDATE_COMPLETE", old.physical_id, "rolled back")

    async def delete(self, resources: tuple[Resource, ...]) -> tuple[list[Resource], list[str]]:
        """Delete resources in order; those that could not be, and why."""
        remaining: list[Resource] = []
        reasons: list[str] = []
        for resource in resources:
            context = context_of(self._plain, resource.logical_id)
            kind = self._types.get(resource.type)
            self._tell(resource.logical_id, resource.type, "DELETE_IN_PROGRESS", resource.physical_id)
            try:
                await (Handler() if kind is None else kind.handler).delete(context, resource)
            except (StackBusy, Unavailable):
                raise
            except Exception as error:  # noqa: BLE001
                # The boundary of the handlers: one that cannot be deleted must not keep the others from it.
                remaining.append(resource)
                reasons.append(f"{resource.logical_id} ({resource.physical_id}) was not deleted: {describe(error)}")
                self._tell(resource.logical_id, resource.type, "DELETE_FAILED", resource.physical_id, describe(error))
            else:
                self._tell(resource.logical_id, resource.type, "DELETE_COMPLETE", resource.physical_id)
        return remaining, reasons

    def _tell(self, logical_id: str, type_name: str, status: str, physical_id: str | None, reason: str = "") -> None:
        log.debug(
            "stack_resource",
            stack_name=self._plain.place.stack_name,
            logical_id=logical_id,
            type=type_name,
            status=status,
            physical_id=physical_id,
        )
        self._report(ResourceEvent(logical_id, type_name, status, physical_id, reason))


def _final_properties(planned: Planned, scope: StackScope, context: Context) -> Tree:
    """The properties with everything known that earlier resources brought. Raises Fault."""
    value = evaluate(planned.raw, scope, context.path())
    check = Check(planned.type.name)
    properties = check.properties(value if isinstance(value, dict) else {}, planned.type.properties, context.path())
    check.faults += [] if check.faults else planned.type.handler.examine(context, properties)
    if check.faults:
        raise check.faults[0]
    return properties


def _resource(planned: Planned, properties: Tree, made: Made) -> Resource:
    return Resource(
        logical_id=planned.change.logical_id,
        type=planned.type.name,
        physical_id=made.physical_id,
        reference=made.reference if made.reference is not None else made.physical_id,
        properties=properties,
        attributes=dict(made.attributes),
        deletion_policy=planned.deletion_policy,
        replace_policy=planned.replace_policy,
        needs=planned.needs,
    )


def _failed(action: Action) -> str:
    return "UPDATE_FAILED" if action is Action.MODIFY else "CREATE_FAILED"


def describe(error: Exception) -> str:
    """An error in one line: the service's code and words where it is one of the service's."""
    code = getattr(error, "code", None)
    text = error.message if isinstance(error, Fault) else str(error)
    name = code if isinstance(code, str) else "" if isinstance(error, Fault) else type(error).__name__
    return " ".join(f"{name}: {text}".split()) if name else text
