"""`poolhouse deploy`, `describe` and `delete`: stacks without a server in this process.

Running servers of the installation notice by themselves.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from poolhouse.cli.options import STACK, OutputOption, ParameterOption, StackOption, StateOption, YesOption
from poolhouse.cli.terminal import Output, Paint, Terminal, paint

if TYPE_CHECKING:
    from poolhouse.cli.installation import Installation
    from poolhouse.stacks.state import StackState

PoolsToo = Annotated[bool, typer.Option("--allow-delete-pools", help="Delete user pools too, with all their users.")]
LastsOf = Annotated[
    bool, typer.Option("--allow-delete-pools", help="Delete the stack's user pools too, with all their users.")
]


def deploy(
    template: Annotated[Path, typer.Argument(help="A SAM or CloudFormation template.", metavar="TEMPLATE")],
    stack: StackOption = STACK,
    parameter: ParameterOption = None,
    allow_delete_pools: PoolsToo = False,
    state: StateOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy a template: all of it, or nothing.

    Running servers of the installation switch over by themselves. A failed deploy is rolled back.
    """
    from poolhouse.cli.deploying import Deployment, parse_parameters
    from poolhouse.cli.deploying import deploy as carry_out
    from poolhouse.cli.installation import open_installation, run
    from poolhouse.cli.record import find_config

    terminal = Terminal(output)
    wanted = Deployment(template, stack, parse_parameters(parameter), allow_delete_pools)

    async def errand() -> None:
        async with open_installation(find_config(os.environ, state)) as installation:
            deployed = await carry_out(installation, wanted, terminal)
            terminal.event("deployed", _summary(deployed))
            _show_outputs(terminal, deployed)

    run(errand())


def describe(
    stack: Annotated[str | None, typer.Argument(help="The stack's name; not needed where there is one.")] = None,
    state: StateOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Show a stack: its outputs, its resources, what was warned of."""
    from poolhouse.cli.installation import run, with_installation

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        found = await _find(installation, stack)
        terminal.document(_summary(found))
        _show(terminal, found)

    run(with_installation(state, errand))


def delete(
    stack: Annotated[str, typer.Argument(help="The stack's name.")],
    yes: YesOption = False,
    allow_delete_pools: LastsOf = False,
    state: StateOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Delete a stack and its resources. User pools go only when that is allowed explicitly."""
    from poolhouse.cli.asking import confirm
    from poolhouse.cli.deploying import Progress
    from poolhouse.cli.installation import run, with_installation

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        found = await _find(installation, stack)
        loss = " and every user in it" if allow_delete_pools else ""
        confirm(f"Delete stack {found.name} with {len(found.resources)} resources{loss}?", yes=yes)
        await installation.deployer().delete(
            installation.call(),
            found.name,
            allow_delete_pools=allow_delete_pools,
            report=Progress(terminal).report,
        )
        terminal.event("deleted", {"stack": found.name})
        terminal.line(f"deleted {found.name}")

    run(with_installation(state, errand))


async def _find(installation: "Installation", name: str | None) -> "StackState":
    """The stack of that name, or the only one. Raises StackNotFound, Refused."""
    from poolhouse.cli.failures import Refused

    deployer = installation.deployer()
    if name is not None:
        return await deployer.describe(name)
    found = await deployer.list_stacks()
    if not found:
        raise Refused("no stack is deployed; `poolhouse up TEMPLATE` or `poolhouse deploy TEMPLATE` deploys one")
    if len(found) > 1:
        raise Refused(f"there are several stacks, name one: {', '.join(one.name for one in found)}")
    return found[0]


def _summary(state: "StackState") -> dict[str, object]:
    return {
        "name": state.name,
        "stack_id": state.stack_id,
        "status": state.status,
        "reason": state.reason,
        "region": state.region,
        "account_id": state.account_id,
        "description": state.description,
        "parameters": state.parameters,
        "outputs": {
            name: {"value": one.value, "description": one.description, "export_name": one.export_name}
            for name, one in state.outputs.items()
        },
        "resources": [
            {"logical_id": one.logical_id, "type": one.type, "physical_id": one.physical_id}
            for one in state.resources.values()
        ],
        "warnings": list(state.warnings),
    }


def _show(terminal: Terminal, state: "StackState") -> None:
    terminal.line(f"{paint(state.name, Paint.BOLD)}  {state.status}  {state.region}")
    if state.reason:
        terminal.line(f"  {state.reason}")
    if state.description:
        terminal.line(f"  {state.description.strip()}")
    _show_outputs(terminal, state)
    rows = [(one.logical_id, one.type, one.physical_id) for one in state.resources.values()]
    terminal.table(("Resource", "Type", "Id"), rows)
    for warning in state.warnings:
        terminal.line(f"{paint('!', Paint.YELLOW)} {warning}")


def _show_outputs(terminal: Terminal, state: "StackState") -> None:
    if state.outputs:
        rows = [(name, one.value, one.description) for name, one in state.outputs.items()]
        terminal.table(("Output", "Value", "Description"), rows)
