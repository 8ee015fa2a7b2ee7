"""`poolhouse up`: the command's options. What it does is in development.py, which brings the server along."""

from pathlib import Path

import click

from poolhouse.cli.options import (
    PORT,
    Command,
    Number,
    output_option,
    parameter_option,
    stack_option,
    state_option,
    template_argument,
)
from poolhouse.cli.terminal import Output


@click.command(
    cls=Command, examples=("template.yaml", "template.yaml --parameter Env=test --port 9230", "template.yaml --tls")
)
@template_argument
@stack_option
@parameter_option
@click.option(
    "--port", cls=Number, type=PORT, metavar="PORT", help="The service's port; 0 takes a free one (default 9229)."
)
@click.option(
    "--gateway-port",
    cls=Number,
    type=PORT,
    metavar="PORT",
    help="The API gateway's port; 0 takes a free one (default 3000).",
)
@state_option
@click.option("--tls", is_flag=True, help="Serve HTTPS, with a certificate of a development authority.")
@click.option("--region", metavar="REGION", help="The AWS region to be (default eu-west-1).")
@click.option("--watch/--no-watch", default=True, help="Deploy again when the template changes (default), or not.")
@output_option
def up(
    template: Path,
    stack: str,
    parameter: tuple[str, ...],
    port: int | None,
    gateway_port: int | None,
    state: Path | None,
    tls: bool,
    region: str | None,
    watch: bool,
    output: Output,
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
