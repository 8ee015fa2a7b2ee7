"""Deploying, describing and deleting stacks: the public face of this room.

Owns the order of a deploy: recover, plan, take the stack, act, switch what is served, clean up. Knows no type.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from poolhouse.call import Call
from poolhouse.stacks.changeset import Action, Change, context_of, deletion_order
from poolhouse.stacks.drafting import DeployRequest, Draft, check_name, draft, outputs_of
from poolhouse.stacks.errors import (
    CannotServe,
    DeployFailed,
    DeployRefused,
    Fault,
    Problem,
    StackBusy,
    StackError,
    StackNotFound,
    TemplateInvalid,
)
from poolhouse.stacks.execution import Execution, Report, ResourceEvent, StepFailed, describe
from poolhouse.stacks.journal import Progress, check_free
from poolhouse.stacks.resource import Context, Fragment, Resource, ResourceTypes
from poolhouse.stacks.scope import Place
from poolhouse.stacks.served import Key, ServedStore, merge
from poolhouse.stacks.state import Sealer, StackState, StackStore
from poolhouse.stacks.template import Tree
from poolhouse.storage.database import Batch, Database, Unavailable
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

Announce = Callable[[Sequence[Change]], None]
Rehearse = Callable[[Mapping[Key, Tree]], Awaitable[None]]
"""Tries what is about to be served, by kind and name, before it is; whatever it raises takes the deploy back.

CannotServe tells which piece it is about.
"""
_COMPLETE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE"})
CLEANING = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
DELETING = "DELETE_IN_PROGRESS"


def _silent(_: object) -> None:
    return None


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a finished execution leaves to be stored."""

    resources: dict[str, Resource]
    served: dict[Key, Fragment]
    owners: dict[Key, str]
    """The resource that each piece served is about: the first that gives a part of it."""
    folders: tuple[str, ...]
    warnings: tuple[str, ...]


class Deployer:
    """Stacks of one installation. `inline_base` is where code that a template holds itself (ZipFile) is laid out."""

    def __init__(
        self,
        database: Database,
        sealer: Sealer,
        types: ResourceTypes,
        clock: Callable[[], float],
        inline_base: Path | None = None,
        rehearse: Rehearse | None = None,
    ) -> None:
        self._store = StackStore(database, sealer)
        self._served = ServedStore(database, sealer)
        self._types = types
        self._clock = clock
        self._inline_base = inline_base
        self._rehearse = rehearse

    async def describe(self, stack_name: str) -> StackState:
        """A stack as it is. Raises StackNotFound, Unavailable."""
        state = await self._store.load(stack_name)
        if state is None:
            raise StackNotFound(stack_name)
        return state

    async def list_stacks(self) -> list[StackState]:
        """Every stack, by name."""
        return [state async for state in self._store.all()]

    async def preview(self, call: Call, request: DeployRequest) -> list[Change]:
        """What deploying would do. Raises TemplateInvalid, DeployRefused; changes nothing."""
        check_name(request.stack_name)
        state = await self._store.load(request.stack_name)
        plan = await self._draft(call, request, state or self._blank(call, request))
        return plan.changes.changes()

    async def deploy(
        self, call: Call, request: DeployRequest, *, report: Report = _silent, announce: Announce = _silent
    ) -> StackState:
        """Bring a stack to a template: all of it, or none.

        An unchanged stack is answered at once, without parsing the template. Raises TemplateInvalid and
        DeployRefused (nothing done), StackBusy, DeployFailed (taken back), Unavailable (the next deploy finishes).
        """
        check_name(request.stack_name)
        state = await self._store.load(request.stack_name)
        if state is not None and self._is_current(state, request):
            return state
        if state is not None:
            state = await self._recovered(call, state, report)
        known = state or self._blank(call, request)
        plan = await self._draft(call, request, known)
        announce(plan.changes.changes())
        progress = self._progress(call, known)
        updating = bool(known.resources)
        await progress.begin("UPDATE_IN_PROGRESS" if updating else "CREATE_IN_PROGRESS", fresh=state is None)
        try:
            return await self._carry_out(call, request, plan, progress, report, updating=updating)
        finally:
            progress.release()

    async def delete(
        self, call: Call, stack_name: str, *, allow_delete_pools: bool = False, report: Report = _silent
    ) -> None:
        """Delete a stack and its resources. Raises StackNotFound, StackBusy, DeployRefused, DeployFailed."""
        state = await self.describe(stack_name)
        recovered = await self._recovered(call, state, report)
        if recovered is None:
            return
        await self._check_deletion(recovered, allow_delete_pools=allow_delete_pools)
        progress = self._progress(call, recovered)
        await progress.begin(DELETING, fresh=False)
        try:
            await self._delete(call, progress, report)
        finally:
            progress.release()

    # -- before ------------------------------------------------------------------------------------------------

    def _is_current(self, state: StackState, request: DeployRequest) -> bool:
        return (
            state.status in _COMPLETE
            and state.digest == request.digest(self._inline_base)
            and not state.cleanup
            and all(Path(folder).is_dir() for folder in state.folders)
        )

    def _blank(self, call: Call, request: DeployRequest) -> StackState:
        now_ms = int(self._clock() * 1000)
        arn = f"arn:aws:cloudformation:{request.region}:{request.account_id}:stack/{request.stack_name}"
        return StackState(
            name=request.stack_name,
            stack_id=f"{arn}/{call.new_uuid()}",
            status="REVIEW_IN_PROGRESS",
            version=1,
            created_at=now_ms,
            modified_at=now_ms,
            region=request.region,
            account_id=request.account_id,
            template_name=request.template_name,
        )

    async def _draft(self, call: Call, request: DeployRequest, state: StackState) -> Draft:
        if (state.region, state.account_id) != (request.region, request.account_id):
            message = f"stack {state.name} was deployed in {state.region} for account {state.account_id}"
            raise DeployRefused([Problem(request.template_name, 0, message, "deploy it there, or under another name")])
        others = [other async for other in self._store.all() if other.name != state.name]
        place = _place(state)
        return await draft(request, place, state, others, self._types, call, self._inline_base)

    def _progress(self, call: Call, state: StackState) -> Progress:
        return Progress(self._store, state, call, self._clock, uuid.UUID(bytes=call.chance.randbytes(16)).hex)

    def _execution(self, call: Call, progress: Progress, code_base: Path, report: Report) -> Execution:
        context = Context(call, _place(progress.state), code_base, self._inline_base, "")
        return Execution(progress, self._types, context, report)

    # -- recovery ----------------------------------------------------------------------------------------------

    async def _recovered(self, call: Call, state: StackState, report: Report) -> StackState | None:
        """The stack after what a dead deploy had begun was finished or taken back; None when it was being deleted."""
        if state.journal is None and not state.cleanup:
            return state
        check_free(state, self._clock())
        log.info("stack_recovery", stack_name=state.name, status=state.status)
        progress = self._progress(call, state)
        await progress.begin(state.status, fresh=False)
        try:
            if state.status.startswith("DELETE"):
                await self._delete(call, progress, report)
                return None
            if progress.entries:
                await self._roll_back(call, progress, report, "the deploy before this one was interrupted")
            elif state.status.endswith("IN_PROGRESS") and state.status != CLEANING:
                await progress.save(status=_rolled_back(state), journal=None)
            if progress.state.cleanup:
                await self._clean_up(call, progress, report)
            return progress.state
        finally:
            progress.release()

    async def _roll_back(self, call: Call, progress: Progress, report: Report, reason: str) -> None:
        """Take the journal back. Raises DeployFailed when even that fails; the journal stays for the next deploy."""
        state = progress.state
        execution = self._execution(call, progress, Path(), report)
        try:
            left = await execution.roll_back(state.resources)
        except (Unavailable, StackError):
            raise
        except Exception as error:
            # The boundary of the handlers, as in Execution.run.
            status = "UPDATE_ROLLBACK_FAILED" if state.resources else "ROLLBACK_FAILED"
            await progress.abandon(status, describe(error))
            problem = Problem(state.template_name or state.name, 0, describe(error))
            raise DeployFailed(problem, restored=False) from error
        warnings = (*state.warnings, *left)
        await progress.save(status=_rolled_back(state), journal=None, reason=reason, warnings=warnings)
        report(_stack_event(progress.state))

    # -- carrying out ------------------------------------------------------------------------------------------

    async def _carry_out(
        self, call: Call, request: DeployRequest, plan: Draft, progress: Progress, report: Report, *, updating: bool
    ) -> StackState:
        execution = self._execution(call, progress, request.code_base.absolute(), report)
        before = progress.state.resources
        try:
            resources = await execution.run(plan.changes, plan.scope, before)
            outcome = self._outcome(call, request, plan, resources)
            await self._try_out(outcome)
            await self._switch(request, plan, progress, outcome, updating=updating)
        except (Unavailable, StackBusy):
            # Nothing can be taken back: the journal tells the next deploy, or another has done so already.
            raise
        except Exception as error:
            # The boundary of handlers and of whoever serves, again: what was begun has to be taken back.
            problem = _problem(error, plan)
            await self._roll_back(call, progress, report, problem.message)
            raise DeployFailed(problem, restored=True) from error
        if progress.state.cleanup:
            await self._clean_up(call, progress, report)
        log.info("stack_deployed", stack_name=progress.state.name, status=progress.state.status)
        report(_stack_event(progress.state))
        return progress.state

    async def _try_out(self, outcome: _Outcome) -> None:
        """Rehearse the new documents. Raises Fault."""
        if self._rehearse is None:
            return
        documents = {key: {**one.document, **one.private} for key, one in outcome.served.items()}
        try:
            await self._rehearse(documents)
        except Unavailable:
            raise
        except CannotServe as error:
            logical_id = outcome.owners[error.kind, error.name]
            path = ("Resources", logical_id, "Properties", *error.steps)
            raise Fault(path, f"{logical_id} cannot be served: {error.message}") from error
        except Exception as error:
            # The boundary to whoever serves: why it could not is its own affair, the stack is taken back.
            raise Fault(("Resources",), describe(error)) from error

    def _outcome(self, call: Call, request: DeployRequest, plan: Draft, resources: dict[str, Resource]) -> _Outcome:
        context = Context(call, plan.scope.place, request.code_base.absolute(), self._inline_base, "")
        fragments: list[Fragment] = []
        folders: dict[str, None] = {}
        faults: list[Fault] = []
        owners: dict[Key, str] = {}
        for resource in resources.values():
            kind = self._types[resource.type]
            own = context_of(context, resource.logical_id)
            parts = kind.handler.fragments(own, resource)
            fragments += parts
            for part in parts:
                owners.setdefault((part.kind, part.name), resource.logical_id)
            folders.update(dict.fromkeys(kind.handler.folders(own, resource)))
            faults += kind.handler.review(own, resource, resources.values())
            faults += [
                own.fault(f"{name} of {kind.name} has no effect here: {one.unheeded}", name)
                for name, one in kind.properties.items()
                if one.unheeded and name in resource.properties
            ]
        problems = sorted((plan.template.source.problem(fault) for fault in faults), key=lambda one: one.line)
        return _Outcome(resources, merge(fragments), owners, tuple(folders), tuple(str(one) for one in problems))

    async def _switch(
        self, request: DeployRequest, plan: Draft, progress: Progress, outcome: _Outcome, *, updating: bool
    ) -> None:
        """Store the new stack and serve its pieces, in one batch."""
        state = progress.state
        leaving = [old for change, old in plan.changes.leaving if change.action is Action.REMOVE]
        replaced = [
            state.resources[one.change.logical_id]
            for one in plan.changes.planned
            if one.change.action is Action.REPLACE and not one.replace_policy.startswith("Retain")
        ]
        cleanup = (*leaving, *deletion_order(replaced))
        complete = "UPDATE_COMPLETE" if updating else "CREATE_COMPLETE"
        batch = Batch()
        self._served.replace(batch, state.name, state.served, outcome.served, int(self._clock() * 1000))
        await progress.save(
            batch,
            status=CLEANING if cleanup else complete,
            description=plan.template.description,
            template_name=request.template_name,
            parameters=plan.scope.parameters.shown(),
            resources=outcome.resources,
            outputs=outputs_of(plan.template, plan.scope),
            imports=tuple(sorted(plan.scope.imports)),
            warnings=outcome.warnings,
            folders=outcome.folders,
            served=tuple(outcome.served),
            cleanup=cleanup,
            digest=request.digest(self._inline_base),
            reason="",
            journal=progress.idle_journal() if cleanup else None,
        )

    async def _clean_up(self, call: Call, progress: Progress, report: Report) -> None:
        """Delete what is no longer part of the stack. What cannot be deleted is tried again with the next deploy."""
        execution = self._execution(call, progress, Path(), report)
        state = progress.state
        remaining, reasons = await execution.delete(state.cleanup)
        status = "UPDATE_COMPLETE" if state.status == CLEANING else state.status
        warnings = (*state.warnings, *reasons)
        await progress.save(status=status, cleanup=tuple(remaining), warnings=warnings, journal=None)

    # -- deleting ----------------------------------------------------------------------------------------------

    async def _check_deletion(self, state: StackState, *, allow_delete_pools: bool) -> None:
        problems = []
        for resource in state.resources.values():
            kind = self._types.get(resource.type)
            kept = resource.deletion_policy.startswith("Retain")
            if kind is not None and kind.precious and not kept and not allow_delete_pools:
                message = f"deleting {resource.logical_id} ({resource.physical_id}) would lose {kind.precious}"
                problems.append(Problem(state.name, 0, message, "allow the deletion explicitly"))
        exports = state.exports()
        async for other in self._store.all():
            for name in exports.keys() & set(other.imports):
                message = f"stack {other.name} imports {name}"
                problems.append(Problem(state.name, 0, message, "delete that stack first"))
        if problems:
            raise DeployRefused(problems)

    async def _delete(self, call: Call, progress: Progress, report: Report) -> None:
        state = progress.state
        if state.served:
            batch = Batch()
            self._served.replace(batch, state.name, state.served, {}, int(self._clock() * 1000))
            await progress.save(batch, served=())
        execution = self._execution(call, progress, Path(), report)
        # What a deploy had left to be deleted goes with the stack; a retained resource stays.
        leaving = [old for old in state.resources.values() if not old.deletion_policy.startswith("Retain")]
        order = (*deletion_order(leaving), *state.cleanup)
        remaining, reasons = await execution.delete(order)
        if remaining:
            kept: Mapping[str, Resource] = {resource.logical_id: resource for resource in remaining}
            await progress.save(resources=dict(kept), cleanup=())
            await progress.abandon("DELETE_FAILED", "; ".join(reasons))
            raise DeployFailed(Problem(state.name, 0, "; ".join(reasons)), restored=False)
        await progress.forget()


def _stack_event(state: StackState) -> ResourceEvent:
    return ResourceEvent(state.name, "AWS::CloudFormation::Stack", state.status, state.stack_id, state.reason)


def _place(state: StackState) -> Place:
    return Place(state.region, state.account_id, state.name, state.stack_id, _partition(state.region))


def _partition(region: str) -> str:
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _rolled_back(state: StackState) -> str:
    return "UPDATE_ROLLBACK_COMPLETE" if state.resources else "ROLLBACK_COMPLETE"


def _problem(error: Exception, plan: Draft) -> Problem:
    """The failure at the line that caused it."""
    source = plan.template.source
    if isinstance(error, Fault):
        return source.problem(error)
    if isinstance(error, TemplateInvalid):
        return error.problems[0]
    if not isinstance(error, StepFailed):
        return Problem(source.name, 0, describe(error))
    if isinstance(error.cause, Fault) and error.cause.path:
        return source.problem(error.cause)
    path = ("Resources", error.logical_id)
    return source.problem(Fault(path, f"{error.logical_id} ({error.type_name}): {describe(error.cause)}"))
