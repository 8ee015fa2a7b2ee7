"""A server as a process of its own, to be killed, starved and looked at from outside.

Owns its start, its ends and what it wrote. Knows no test.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from tests.attacks.wire import Door

START_SECONDS = 40.0
ROOT = Path(__file__).resolve().parents[2]


class ServerProcess:
    """`poolhouse serve` in development mode, on a database and a state folder that outlive it."""

    def __init__(self, state: Path, database_url: str = "", **settings: str) -> None:
        self._state = state
        self._environment = {
            **{name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ},
            "POOLHOUSE_MODE": "development",
            "POOLHOUSE_STATE_DIR": str(state),
            "POOLHOUSE_DATABASE_URL": database_url,
            "POOLHOUSE_PORT": "0",
            "POOLHOUSE_GATEWAY_PORT": "0",
            "POOLHOUSE_LOG_LEVEL": "debug",
            **settings,
        }
        self._log = state.parent / f"{state.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0
        self.service = Door(0)
        self.gateway = Door(0)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """Everything that it and its predecessors have written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def launch(self) -> None:
        """Start the process, whether or not it can serve yet."""
        self._started_at = len(self.log)
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "poolhouse", "serve"],
                cwd=ROOT,
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    async def start(self) -> None:
        """Start the process and wait until it listens."""
        self.launch()
        await self.listening()

    async def listening(self) -> None:
        """Wait until it listens. Fails with what it wrote if it ends instead."""
        assert self._process is not None
        async with asyncio.timeout(START_SECONDS):
            while (event := self._event("listening")) is None:
                assert self._process.poll() is None, self.log[self._started_at :]
                await asyncio.sleep(0.05)
        self.service, self.gateway = Door(event["port"]), Door(event["gateway_port"])

    async def wrote(self, event: str) -> None:
        """Wait until it has logged an event of that name."""
        async with asyncio.timeout(START_SECONDS):
            while self._event(event) is None:
                await asyncio.sleep(0.05)

    def _event(self, name: str) -> dict[str, Any] | None:
        for line in self.log[self._started_at :].splitlines():
            with suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and event.get("event") == name:
                    return event
        return None

    def kill(self) -> None:
        """As a power cut."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.service.close()
        self.gateway.close()

    async def stop(self) -> int:
        """End it as an operator does; its exit status."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self._process.wait, 20)


@asynccontextmanager
async def server_process(state: Path, database_url: str = "", **settings: str) -> AsyncIterator[ServerProcess]:
    """A server that is gone when the block ends, however it ends."""
    server = ServerProcess(state, database_url, **settings)
    try:
        yield server
    finally:
        server.kill()
