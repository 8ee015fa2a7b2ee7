"""A development server from start to end: ports, state, deploy, serve, watch, stop.

Owns the order of these and what is told meanwhile. The server itself is app.py's.
"""

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from poolhouse.app import App, Listening
from poolhouse.cli.deploying import Deployment, deploy
from poolhouse.cli.failures import Refused, explain
from poolhouse.cli.https import check_certificate
from poolhouse.cli.installation import Installation
from poolhouse.cli.ports import port_trouble
from poolhouse.cli.record import Record, fingerprint, settings_of, write_record
from poolhouse.cli.stopping import Stopping
from poolhouse.cli.survey import apis_of, clients_of, pools_of
from poolhouse.cli.terminal import Paint, Terminal, paint
from poolhouse.cli.welcome import welcome
from poolhouse.config import load_config
from poolhouse.opening import open_services
from poolhouse.telemetry.log import configure_logging, get_logger

if TYPE_CHECKING:
    from poolhouse.stacks.state import StackState

log = get_logger(__name__)

WATCH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Development:
    """What `up` was asked for."""

    deployment: Deployment
    overrides: Mapping[str, object]
    watch: bool = True


async def serve_development(wanted: Development, terminal: Terminal) -> None:
    """Serve until told to end. Raises what explain() knows."""
    config = load_config(
        os.environ, **{"log_format": _log_format(), **wanted.overrides, "mode": "development", "workers": 1}
    )
    configure_logging(config.log_format, config.log_level)
    check_certificate(config)
    async with AsyncExitStack() as held:
        # Bound before anything is deployed: a port in use is told at once.
        listening = Listening(config)
        held.callback(listening.close)
        prepare_folder(config.state_dir)
        # The real ports from here on: a pool's issuer carries the service's.
        config = listening.settle(config)
        services = await open_services(config, os.environ)
        held.push_async_callback(services.database.close)
        installation = Installation(config, services)
        stamp = _stamp(wanted.deployment.template)
        state = await deploy(installation, wanted.deployment, terminal)
        app = await _start(installation, listening)
        stopping = Stopping(lambda: terminal.line(f"\n{paint('Stopping', Paint.BOLD)} (once more: at once)"))
        try:
            await _tell(installation, state, terminal)
            await _until_asked(wanted, installation, terminal, stopping, stamp)
        finally:
            await app.stop()


def _log_format() -> str | None:
    return None if os.environ.get("POOLHOUSE_LOG_FORMAT") else "text"


def prepare_folder(folder: Path) -> None:
    """Make the state folder, private and ignored by git. Raises Refused."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        if not os.access(folder, os.W_OK):
            raise Refused(f"the state folder {folder} belongs to somebody else; choose another with --state")
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise Refused(f"the state folder {folder} cannot be written: {reason}; choose another with --state") from None


async def _start(installation: Installation, listening: Listening) -> App:
    config = installation.config
    app = App(config, installation.services, listening, time.time)
    try:
        await app.start()
    except OSError as error:
        await app.stop()
        raise Refused(port_trouble(error, config.host, config.port, "--port or --gateway-port")) from None
    except BaseException:
        await app.stop()
        raise
    return app


async def _tell(installation: Installation, state: "StackState", terminal: Terminal) -> None:
    record = await make_record(installation, state)
    write_record(installation.config.state_dir, record)
    terminal.event("ready", msgspec.to_builtins(record))
    for line in welcome(record):
        terminal.line(line)


async def make_record(installation: Installation, state: "StackState") -> Record:
    """What there is to know about the server and its stack."""
    config = installation.config
    scheme, _, host = config.base_url.partition("://")
    gateway = f"{scheme}://{host.rpartition(':')[0] or host}:{config.gateway_port}"
    pools, clients = pools_of(state), clients_of(state)
    authority = (config.state_dir / "tls" / "authority.pem").absolute()
    return Record(
        pid=os.getpid(),
        endpoint=config.base_url,
        gateway=gateway,
        region=config.region,
        account_id=config.account_id,
        stack=state.name,
        outputs={name: output.value for name, output in state.outputs.items()},
        pools=pools,
        clients=clients,
        pool_id=pools[0].id if pools else None,
        client_id=clients[0].id if clients else None,
        apis=await apis_of(installation, state, gateway),
        inbox=f"{config.base_url}/_poolhouse/inbox",
        state=str(config.state_dir.absolute()),
        certificate_authority=str(authority) if config.tls and not config.tls_certificate else None,
        database=fingerprint(config),
        settings=settings_of(config),
    )


async def _until_asked(
    wanted: Development, installation: Installation, terminal: Terminal, stopping: Stopping, stamp: object
) -> None:
    if not wanted.watch:
        await stopping.wait()
        return
    while not await stopping.wait(WATCH_SECONDS):
        now = _stamp(wanted.deployment.template)
        if now == stamp:
            continue
        stamp = now
        redeploy = asyncio.create_task(_redeploy(wanted.deployment, installation, terminal))
        # A deploy that is cut off is finished or taken back by the next one.
        asked = asyncio.create_task(stopping.wait())
        await asyncio.wait({redeploy, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in (redeploy, asked):
            task.cancel()
        await asyncio.gather(redeploy, asked, return_exceptions=True)


async def _redeploy(deployment: Deployment, installation: Installation, terminal: Terminal) -> None:
    try:
        state = await deploy(installation, deployment, terminal)
        write_record(installation.config.state_dir, await make_record(installation, state))
    except Exception as error:
        # The boundary of the watch: whatever the new template does, the old stack goes on being served.
        told = explain(error)
        if told is None:
            log.exception("redeploy_crashed")
            told = f"the deploy crashed: {type(error).__name__}; the log has more"
        terminal.event("error", {"message": told})
        terminal.line(f"  {paint('✗', Paint.RED)} {told}")


def _stamp(template: Path) -> object:
    """Changes when the file does; None while it is not there (an editor replaces it)."""
    with suppress(OSError):
        found = template.stat()
        return (found.st_mtime_ns, found.st_size, found.st_ino)
    return None
