"""A worker process: serves until it is told to end, or until its supervisor is gone.

`python -m poolhouse.cli.worker FD`, FD being its end of the supervisor's socket pair. Never started by hand.
"""

import asyncio
import os
import socket
import sys

from poolhouse.cli import lean
from poolhouse.cli.failures import explain
from poolhouse.cli.processes import run_on_uvloop
from poolhouse.cli.production import serve_until_asked
from poolhouse.cli.stopping import Stopping
from poolhouse.cli.supervisor import EXIT_HOPELESS
from poolhouse.cli.terminal import complain
from poolhouse.config import Config, load_config
from poolhouse.hardening import shield_process
from poolhouse.telemetry.log import configure_logging, get_logger

__all__ = ["lean", "main"]

log = get_logger(__name__)


async def _work(tie: socket.socket) -> None:
    config = load_config(os.environ)
    configure_logging(config.log_format, config.log_level)
    stopping = Stopping()
    tie.setblocking(False)
    following = asyncio.create_task(_follow(tie, stopping))

    async def on_ready(_: Config) -> None:
        await asyncio.get_running_loop().sock_sendall(tie, b"r")

    try:
        await serve_until_asked(config, stopping, on_ready)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _follow(tie: socket.socket, stopping: Stopping) -> None:
    """The supervisor never writes: whatever arrives is the end of it, however it died."""
    await asyncio.get_running_loop().sock_recv(tie, 1)
    log.warning("supervisor_gone")
    stopping.ask()


def main(arguments: list[str]) -> int:
    """Serve; the exit status tells the supervisor whether to start another."""
    shield_process()  # the functions of the other workers run already
    tie = socket.socket(fileno=int(arguments[0]))
    tie.set_inheritable(False)
    try:
        run_on_uvloop(_work(tie))
    except Exception as error:
        told = explain(error)
        if told is None:
            raise
        complain(told)
        return EXIT_HOPELESS
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
