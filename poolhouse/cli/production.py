"""A production server from start to end: checks, ports, one process or a supervisor with workers, the database awaited.

Owns what is refused before anything is started. The server itself is app.py's.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from poolhouse.access.principals import require_loopback
from poolhouse.cli.failures import Refused
from poolhouse.cli.https import check_certificate
from poolhouse.cli.ports import HeldPort, port_trouble
from poolhouse.cli.processes import run_on_uvloop
from poolhouse.cli.record import forget_record
from poolhouse.cli.stopping import Stopping
from poolhouse.cli.terminal import Terminal
from poolhouse.config import PREFIX, Config, load_config
from poolhouse.hardening import shield_process
from poolhouse.opening import find_master_key
from poolhouse.storage import Unavailable
from poolhouse.telemetry.log import configure_logging, get_logger

if TYPE_CHECKING:
    from poolhouse.app import App

log = get_logger(__name__)

RETRY_SECONDS = 2.0
"""Between tries to reach a database that is away."""
OnReady = Callable[[Config], Awaitable[None]]
"""Told the configuration with the ports that were given for 0."""
_URLS = ("sqlite:///", "postgresql://", "postgres://")


def serve_production(overrides: Mapping[str, object], terminal: Terminal) -> None:
    """Serve until told to end. Raises what explain() knows."""
    shield_process()  # the supervisor of workers has the same environment as they
    config = load_config(os.environ, **overrides)
    configure_logging(config.log_format, config.log_level)
    check_production(config, os.environ)
    if config.mode == "production":
        forget_record(config.state_dir)
    if config.workers == 1:
        run_on_uvloop(_serve_alone(config, terminal))
        return
    from poolhouse.cli.supervisor import supervise

    # Held for the workers, also while none of them lives; another server on these ports is noticed here.
    with (
        HeldPort(config.host, config.port, f"{PREFIX}PORT", shared=True) as service,
        HeldPort(config.host, config.gateway_port, f"{PREFIX}GATEWAY_PORT", shared=True) as gateway,
    ):
        config = load_config(os.environ, **{**overrides, "port": service.port, "gateway_port": gateway.port})
        asyncio.run(supervise(config, lambda: tell_ready(config, terminal)))


def check_production(config: Config, environment: Mapping[str, str]) -> None:
    """Refuse what no waiting will cure: no master key, a malformed database URL, a bare development server."""
    if config.mode == "development":
        require_loopback(config.host)
    find_master_key(config, environment)
    if not config.database.startswith(_URLS):
        raise Refused(f"{PREFIX}DATABASE_URL: must start with sqlite:/// or postgresql:// (see docs/configuration.md)")
    check_certificate(config)


def tell_ready(config: Config, terminal: Terminal) -> None:
    """Tell a script that requests are answered now; people read the log."""
    ports = {"port": config.port, "gateway_port": config.gateway_port}
    terminal.event("ready", {"pid": os.getpid(), "endpoint": config.base_url, **ports})


async def _serve_alone(config: Config, terminal: Terminal) -> None:
    async def on_ready(settled: Config) -> None:
        tell_ready(settled, terminal)

    await serve_until_asked(config, Stopping(), on_ready)


async def serve_until_asked(config: Config, stopping: Stopping, on_ready: OnReady) -> None:
    """Serve in this process: start as soon as the database is there, end when asked. Raises what start_app does."""
    app = await start_when_possible(config, stopping)
    if app is None:
        return
    await on_ready(app.config)
    await stopping.wait()
    log.info("stopping", grace_seconds=config.grace_seconds)
    await app.stop()


async def start_when_possible(config: Config, stopping: Stopping) -> "App | None":
    """The running server; None when asked to end before the database was there."""
    from poolhouse.app import start_app

    while not stopping.is_asked():
        try:
            return await start_app(config, os.environ)
        except Unavailable as error:
            if not config.database.startswith("postgres"):
                raise
            log.warning("database_unavailable", error=str(error), next_try_seconds=RETRY_SECONDS)
        except OSError as error:
            told = port_trouble(error, config.host, config.port, f"{PREFIX}PORT or {PREFIX}GATEWAY_PORT")
            raise Refused(told) from None
        await stopping.wait(RETRY_SECONDS)
    return None
