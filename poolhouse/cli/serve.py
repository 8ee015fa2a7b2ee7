"""`poolhouse serve`: the command's options. Processes and servers are in production.py and supervisor.py."""

from pathlib import Path

import click

from poolhouse.cli.options import PORT, Command, Number, output_option, state_option
from poolhouse.cli.terminal import Output, Terminal


@click.command(cls=Command, examples=("--workers 4",))
@click.option(
    "--workers",
    cls=Number,
    type=click.IntRange(1, 64),
    metavar="NUMBER",
    help="Processes that serve; one uses one core (default 1).",
)
@click.option("--host", metavar="ADDRESS", help="The address to listen on (default 127.0.0.1).")
@click.option("--port", cls=Number, type=PORT, metavar="PORT", help="The service's port (default 9229).")
@click.option("--gateway-port", cls=Number, type=PORT, metavar="PORT", help="The API gateway's port (default 3000).")
@state_option
@output_option
def serve(
    workers: int | None,
    host: str | None,
    port: int | None,
    gateway_port: int | None,
    state: Path | None,
    output: Output,
) -> None:
    """Serve in production, configured by POOLHOUSE_* variables (docs/configuration.md).

    Needs a master key. Waits for a database that is away, restarts workers that crash, and ends gracefully on
    SIGTERM. What it serves is deployed with `poolhouse deploy`.
    """
    from poolhouse.cli.production import serve_production

    overrides = {"workers": workers, "host": host, "port": port, "gateway_port": gateway_port, "state_dir": state}
    serve_production(overrides, Terminal(output))
