"""`poolhouse serve`: the command's options. Processes and servers are in production.py and supervisor.py."""

from typing import Annotated

import typer

from poolhouse.cli.options import StateOption


def serve(
    workers: Annotated[
        int | None, typer.Option(help="Processes that serve; one uses one core.  [default: 1]", min=1, max=64)
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.  [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="The service's port.  [default: 9229]", min=0, max=65535)] = None,
    gateway_port: Annotated[
        int | None, typer.Option(help="The API gateway's port.  [default: 3000]", min=0, max=65535)
    ] = None,
    state: StateOption = None,
) -> None:
    """Serve in production, configured by POOLHOUSE_* variables (docs/configuration.md).

    Needs a master key. Waits for a database that is away, restarts workers that crash, and ends gracefully on
    SIGTERM. What it serves is deployed with `poolhouse deploy`.
    """
    from poolhouse.cli.production import serve_production

    serve_production({"workers": workers, "host": host, "port": port, "gateway_port": gateway_port, "state_dir": state})
