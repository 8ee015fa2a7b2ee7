"""Deploying a template with its progress told, for `up` and `deploy`.

Owns the words of progress. What a deploy does is the deployer's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from poolhouse.cli.failures import Refused
from poolhouse.cli.installation import Installation
from poolhouse.cli.terminal import Paint, Terminal, columns, paint

if TYPE_CHECKING:
    from poolhouse.stacks.changeset import Change
    from poolhouse.stacks.execution import ResourceEvent
    from poolhouse.stacks.state import StackState

_WORDS = {
    "CREATE_COMPLETE": ("+", "created", Paint.GREEN),
    "UPDATE_COMPLETE": ("~", "updated", Paint.CYAN),
    "DELETE_COMPLETE": ("-", "deleted", Paint.YELLOW),
    "CREATE_FAILED": ("✗", "not created", Paint.RED),
    "UPDATE_FAILED": ("✗", "not updated", Paint.RED),
    "DELETE_FAILED": ("✗", "not deleted", Paint.RED),
}


@dataclass(frozen=True, slots=True)
class Deployment:
    """What is to be deployed."""

    template: Path
    stack: str
    parameters: dict[str, str] = field(default_factory=dict)
    allow_delete_pools: bool = False


def parse_parameters(given: Sequence[str] | None) -> dict[str, str]:
    """`Key=Value` texts as a mapping. Raises Refused."""
    parameters: dict[str, str] = {}
    for text in given or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise Refused(f"--parameter {text}: write it as Key=Value")
        parameters[key] = value
    return parameters


class Progress:
    """Tells what a deploy is going to do and what it does."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.announced = False

    def announce(self, changes: "Sequence[Change]") -> None:
        """The change set, before anything is done."""
        self.announced = True
        for change in changes:
            self._terminal.event("change", {"action": change.action.name, **_fields(change)})

    def report(self, event: "ResourceEvent") -> None:
        """One step of one resource."""
        self._terminal.event("resource", msgspec.to_builtins(event))
        known = _WORDS.get(event.status)
        if known is None:
            return
        sign, word, colour = known
        reason = f": {event.reason}" if event.reason else ""
        said = f"  {sign} {event.logical_id}  {event.type}  {word}{reason}"
        # An id is welcome where there is room for it: in a narrow terminal it would break every line.
        physical_id = event.physical_id or ""
        fits = physical_id and len(said) + 2 + len(physical_id) <= columns()
        where = f"  {paint(physical_id, Paint.DIM)}" if fits else ""
        self._terminal.line(said.replace(sign, paint(sign, colour), 1) + where)


def _fields(change: "Change") -> dict[str, object]:
    return {"logical_id": change.logical_id, "type": change.type, "properties": change.properties}


async def deploy(installation: Installation, wanted: Deployment, terminal: Terminal) -> "StackState":
    """Deploy, telling the progress and the warnings. Raises StackError, Unavailable."""
    from poolhouse.stacks.drafting import DeployRequest, read_template

    config = installation.config
    request = DeployRequest(
        stack_name=wanted.stack,
        template_text=read_template(wanted.template),
        template_name=str(wanted.template),
        code_base=wanted.template.parent,
        account_id=config.account_id,
        region=config.region,
        parameters=wanted.parameters,
        allow_delete_pools=wanted.allow_delete_pools,
    )
    progress = Progress(terminal)
    deployer = installation.deployer()
    terminal.line(f"{paint('Stack', Paint.BOLD)} {wanted.stack} from {wanted.template}")
    state = await deployer.deploy(installation.call(), request, report=progress.report, announce=progress.announce)
    if not progress.announced:
        terminal.line("  = unchanged")
    for warning in state.warnings:
        terminal.event("warning", {"message": warning})
        terminal.line(f"  {paint('!', Paint.YELLOW)} {warning}")
    return state
