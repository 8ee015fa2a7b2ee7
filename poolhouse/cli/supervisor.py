"""The parent of worker processes: starts them, restarts those that crash, ends them gracefully.

Owns processes, back-off and the socket pair that ties a worker to its supervisor. Serves nothing and opens no database.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress

from poolhouse.cli.failures import Refused
from poolhouse.cli.stopping import Stopping
from poolhouse.config import PREFIX, Config
from poolhouse.telemetry.log import get_logger

log = get_logger(__name__)

EXIT_HOPELESS = 78
"""A worker's refusal that no restart will cure (EX_CONFIG of sysexits.h)."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
STABLE_SECONDS = 60.0
"""A worker that lived this long is restarted without a pause that earlier crashes have earned."""
GRACE_MARGIN = 5.0


def next_pause(pause: float, lived: float) -> float:
    """Seconds to wait before a crashed worker's next start, given the pause before and how long it lived."""
    if lived >= STABLE_SECONDS:
        return FIRST_PAUSE
    return min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)


class _Worker:
    """One place among the workers and the process that fills it now."""

    def __init__(self, number: int, environment: dict[str, str]) -> None:
        self.number = number
        self._environment = environment
        self.process: asyncio.subprocess.Process | None = None
        self.ready = asyncio.Event()
        self._tie: socket.socket | None = None

    async def run_once(self) -> int:
        """Start a process and wait for its end; its exit status."""
        ours, theirs = socket.socketpair()
        self._tie = ours
        try:
            # A session of its own: Ctrl-C in the terminal reaches the supervisor alone, which passes it on once.
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "poolhouse.cli.worker", str(theirs.fileno())),
                env=self._environment,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        finally:
            theirs.close()
        log.info("worker_started", worker=self.number, pid=self.process.pid)
        watching = asyncio.create_task(self._watch(ours))
        try:
            return await self.process.wait()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            ours.close()

    async def _watch(self, tie: socket.socket) -> None:
        tie.setblocking(False)
        if await asyncio.get_running_loop().sock_recv(tie, 1):
            self.ready.set()

    def send(self, number: int) -> None:
        """Signal the process, if it lives."""
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(number)


class Supervisor:
    """Keeps a number of workers alive until it is asked to end."""

    def __init__(self, config: Config, stopping: Stopping) -> None:
        self._stopping = stopping
        self._grace = config.grace_seconds + GRACE_MARGIN
        environment = worker_environment(config)
        self._workers = [_Worker(number, environment) for number in range(config.workers)]
        self._hopeless = False

    async def run(self, on_ready: Callable[[], None]) -> None:
        """Run to the end; `on_ready` is called when the first worker serves.

        Raises Refused when the workers cannot start as configured.
        """
        keeping = [asyncio.create_task(self._keep(self._workers[0]))]
        # The first one migrates the schema, and alone says what is wrong; the others follow when it serves.
        if await self._until_ready(self._workers[0]):
            on_ready()
        keeping += [asyncio.create_task(self._keep(worker)) for worker in self._workers[1:]]
        await self._stopping.wait()
        await self._end(keeping)
        if self._hopeless:
            raise Refused("the workers cannot start; the lines above say why")

    async def _until_ready(self, worker: _Worker) -> bool:
        ready = asyncio.create_task(worker.ready.wait())
        asked = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({ready, asked}, return_when=asyncio.FIRST_COMPLETED)
        for task in (ready, asked):
            task.cancel()
        return worker.ready.is_set()

    async def _keep(self, worker: _Worker) -> None:
        pause = 0.0
        while not self._stopping.is_asked():
            started = time.monotonic()
            status = await worker.run_once()
            if self._stopping.is_asked():
                return
            # Once something has served, the configuration is sound: then it is worth trying again.
            if status == EXIT_HOPELESS and not any(other.ready.is_set() for other in self._workers):
                self._hopeless = True
                self._stopping.ask()
                return
            pause = next_pause(pause, time.monotonic() - started)
            log.error("worker_died", worker=worker.number, status=status, restart_seconds=pause)
            await self._stopping.wait(pause)

    async def _end(self, keeping: list["asyncio.Task[None]"]) -> None:
        log.info("stopping", workers=len(keeping))
        for worker in self._workers:
            worker.send(signal.SIGTERM)
        _, late = await asyncio.wait(keeping, timeout=self._grace)
        if late:
            log.error("workers_killed", workers=len(late))
            for worker in self._workers:
                worker.send(signal.SIGKILL)
            await asyncio.wait(late)
        log.info("stopped")


def worker_environment(config: Config) -> dict[str, str]:
    """The environment in which a worker finds this very configuration."""
    environment = dict(os.environ)
    for name, value in (
        ("WORKERS", str(config.workers)),
        ("HOST", config.host),
        ("PORT", str(config.port)),
        ("GATEWAY_PORT", str(config.gateway_port)),
        ("STATE_DIR", str(config.state_dir)),
    ):
        environment[PREFIX + name] = value
    return environment


async def supervise(config: Config, on_ready: Callable[[], None]) -> None:
    """Run the workers until told to end; `on_ready` is called when requests are answered."""
    log.info("serving", workers=config.workers, host=config.host, port=config.port, gateway_port=config.gateway_port)
    await Supervisor(config, Stopping()).run(on_ready)
