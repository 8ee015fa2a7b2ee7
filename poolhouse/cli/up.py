"""`poolhouse up`: the command's options. What it does is in development.py, which brings the server along."""

from pathlib import Path
from typing import Annotated

import typer

from poolhouse.cli.options import STACK, OutputOption, ParameterOption, StackOption, StateOption
from poolhouse.cli.terminal import Output


def up(
    template: Annotated[Path, typer.Argument(help="A SAM or CloudFormation template.", metavar="TEMPLATE")],
    stack: StackOption = STACK,
    parameter: ParameterOption = None,
    port: Annotated[
        int | None, typer.Option(help="The service's port; 0 takes a free one.  [default: 9229]", min=0, max=65535)
    ] = None,
    gateway_port: Annotated[
        int | None, typer.Option(help="The API gateway's port; 0 takes a free one.  [default: 3000]", min=0, max=65535)
    ] = None,
    state: StateOption = None,
    tls: Annotated[
        bool, typer.Option("--tls", help="Serve HTTPS, with a certificate of a development authority.")
    ] = False,
    region: Annotated[
        str | None, typer.Option(help="The AWS region to be.  [default: eu-west-1]", metavar="REGION")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch/--no-watch", help="Deploy again when the template changes.")] = True,
    output: OutputOption = Output.TEXT,
) -> None:
    """Deploy a template and serve it on this machine, for development.

    Users, sessions and keys stay in the state folder and survive a restart. Ctrl-C ends it.
    """
    from poolhouse.cli.deploying import Deployment, parse_parameters
    from poolhouse.cli.development import Development, serve_development
    from poolhouse.cli.processes import run_on_uvloop
    from poolhouse.cli.terminal import Terminal

    wanted = Development(
        deployment=Deployment(template, stack, parse_parameters(parameter)),
        overrides={
            "port": port,
            "gateway_port": gateway_port,
            "state_dir": state,
            "tls": tls or None,
            "region": region,
        },
        watch=watch,
    )
    run_on_uvloop(serve_development(wanted, Terminal(output)))
