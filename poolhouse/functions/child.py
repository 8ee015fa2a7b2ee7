"""A process under the launcher: what it runs, what it writes, how it ended.

Owns the reading end of its output. Knows of the launcher only that somebody can kill.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

import msgspec

_READ_SIZE = 64 << 10
_DRAIN_READS = 16


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """A program to run: absolute path first in `argv`, nothing inherited in `env`."""

    argv: Sequence[str]
    env: dict[str, str]
    cwd: str
    marker: str
    """NAME=value out of `env`, unique to this child."""
    memory_bytes: int | None = None


class ChildExit(msgspec.Struct, frozen=True, kw_only=True):
    """How a child ended: by `code` or by `signal`."""

    code: int | None
    signal: int | None
    out_of_memory: bool = False
    """The memory limit killed it."""
    peak_bytes: int = 0


class SpawnFailed(Exception):
    """The program could not be run; `stage` says which step, `errno` why."""

    def __init__(self, program: str, stage: str, errno: int) -> None:
        super().__init__(program, stage, errno)
        self.program = program
        self.stage = stage
        self.errno = errno


OnOutput = Callable[[bytes], None]
OnExit = Callable[[ChildExit], None]


class Child:
    """A process under the launcher. Its callbacks run in the event loop."""

    __slots__ = ("_kill", "_on_exit", "_on_output", "_output", "ended", "id", "pid", "started")

    def __init__(self, id: int, output: int, on_output: OnOutput, on_exit: OnExit, kill: Callable[[int], None]) -> None:
        self._kill = kill
        self._output = output
        self._on_output = on_output
        self._on_exit = on_exit
        self.id = id
        self.pid = 0
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = False
        asyncio.get_running_loop().add_reader(output, self._readable)

    def kill(self) -> None:
        """SIGKILL to the whole group; `on_exit` follows."""
        if not self.ended:
            self._kill(self.id)

    def drain(self) -> None:
        """Deliver at once what the child has written so far (bounded; the rest follows as it is read)."""
        for _ in range(_DRAIN_READS):
            if self._output < 0 or not self._readable():
                return

    def _readable(self) -> bool:
        try:
            data = os.read(self._output, _READ_SIZE)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._close_output()
            return False
        self._on_output(data)
        return len(data) == _READ_SIZE

    def _close_output(self) -> None:
        if self._output >= 0:
            asyncio.get_running_loop().remove_reader(self._output)
            os.close(self._output)
            self._output = -1

    def end(self, how: ChildExit) -> None:
        """The supervisor's word that the child is gone."""
        if self.ended:
            return
        self.ended = True
        self.drain()
        self._close_output()
        self._on_exit(how)

    def abandon(self) -> None:
        """It never ran: no exit is reported."""
        self.ended = True
        self._close_output()
