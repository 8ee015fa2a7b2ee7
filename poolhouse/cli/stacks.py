"""`poolhouse deploy`, `describe` and `delete`: stacks without a server in this process.

Running servers of the installation notice by themselves.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from poolhouse.cli.options import (
    Command,
    output_option,
    parameter_option,
    stack_option,
    state_option,
    template_argument,
    yes_option,
)
from poolhouse.cli.terminal import Output, Paint, Terminal, paint

if TYPE_CHECKING:
    from poolhouse.cli.installation import Installation
    from poolhouse.stacks.state import StackState

_pools_too = click.option(
    "--allow-delete-pools", is_flag=True, help="Delete user pools that leave the stack, with all their users."
)


@click.command(cls=Command, examples=("template.yaml", "template.yaml --parameter Env=test --output json"))
@template_argument
@stack_option
@parameter_option
@_pools_too
@state_option
@output_option
def deploy(
    template: Path,
    stack: str,
    parameter: tuple[str, ...],
    allow_delete_pools: bool,
    state: Path | None,
    output: Output,
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


@click.command(cls=Command, examples=("", "poolhouse --output json"))
@click.argument("stack", required=False)
@state_option
@output_option
def describe(stack: str | None, state: Path | None, output: Output) -> None:
    """Show a stack: its outputs, its resources, what was warned of."""
    from poolhouse.cli.installation import run, with_installation

    terminal = Terminal(output)

    async def errand(installation: "Installation") -> None:
        found = await _find(installation, stack)
        terminal.document(_summary(found))
        _show(terminal, found)

    run(with_installation(state, errand))


@click.command(cls=Command, examples=("poolhouse", "poolhouse --yes --allow-delete-pools"))
@click.argument("stack")
@yes_option
@_pools_too
@state_option
@output_option
def delete(stack: str, yes: bool, allow_delete_pools: bool, state: Path | None, output: Output) -> None:
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
    from poolhouse.stacks.resources.tags import tags_of

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
            {
                "logical_id": one.logical_id,
                "type": one.type,
                "physical_id": one.physical_id,
                "tags": tags_of(one.properties),
            }
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
