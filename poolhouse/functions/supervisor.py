"""The server's side of the launcher: starts it when needed, gives it orders, hears of its children's ends.

Owns the launcher process and the children known to it. Knows nothing of functions, runtimes or HTTP.
"""

import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import assert_never

from poolhouse.telemetry.log import get_logger

from .channel import Channel
from .child import Child, ChildExit, Command, OnExit, OnOutput, SpawnFailed
from .launcher.frames import Exited, Order, encode, read_event

log = get_logger(__name__)

_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from launcher.program import main; main(int(sys.argv[2]), sys.argv[3])"
)


class Supervisor:
    """Starts children through one launcher; starts the launcher when it is first needed, and again if it dies.

    `scratch` is a folder that the launcher removes when the server is gone.
    """

    def __init__(self, scratch: Path, *, cgroup_parent: str | None = None, python: str = sys.executable) -> None:
        self._scratch = scratch
        self._cgroup_parent = cgroup_parent
        self._python = python
        self._children: dict[int, Child] = {}
        self._channel: Channel | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._last_id = 0
        self._closing = False

    @property
    def launcher_pid(self) -> int | None:
        """The launcher's pid while it runs."""
        return None if self._process is None else self._process.pid

    async def spawn(self, command: Command, on_output: OnOutput, on_exit: OnExit) -> Child:
        """Run a program; returns once it executes. Raises SpawnFailed."""
        if self._closing:
            raise SpawnFailed(command.argv[0], "closed", errno.ESHUTDOWN)
        self._ensure_launcher()
        self._last_id += 1
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        child = Child(self._last_id, reading, on_output, on_exit, self._kill)
        self._children[child.id] = child
        order: Order = {
            "op": "spawn",
            "id": child.id,
            "argv": list(command.argv),
            "env": command.env,
            "cwd": command.cwd,
            "marker": command.marker,
            "memory": command.memory_bytes,
            "cgroup": self._cgroup_parent,
        }
        self.order(order, writing)
        try:
            await child.started
        except asyncio.CancelledError:
            child.kill()
            raise
        except SpawnFailed as failure:
            raise SpawnFailed(command.argv[0], failure.stage, failure.errno) from None
        return child

    def _kill(self, id: int) -> None:
        self.order({"op": "kill", "id": id})

    def order(self, order: Order, descriptor: int | None = None) -> None:
        """Send the launcher an order; without a launcher there is nobody left to obey or to kill."""
        if self._channel is not None:
            self._channel.send(encode(order), descriptor)
        elif descriptor is not None:
            os.close(descriptor)

    def _ensure_launcher(self) -> None:
        if self._channel is not None:
            return
        ours, theirs = socket.socketpair()
        with theirs:
            package = str(Path(__file__).parent)
            # Its own session: a terminal's Ctrl-C or a kill of the server's group must not end it first.
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and program
                [self._python, "-I", "-S", "-c", _BOOT, package, str(theirs.fileno()), str(self._scratch)],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        self._channel = Channel(ours, self._on_frame, self._on_launcher_end)
        log.debug("launcher_started", pid=self._process.pid)

    def _on_frame(self, body: bytes) -> None:
        event = read_event(body)
        child = self._children.get(event["id"])
        if child is None:
            return
        match event["event"]:
            case "started":
                child.pid = event["pid"]
                if not child.started.done():
                    child.started.set_result(None)
            case "failed":
                del self._children[child.id]
                child.abandon()
                if not child.started.done():
                    child.started.set_exception(SpawnFailed("", event["stage"], event["errno"]))
            case "exited":
                del self._children[child.id]
                child.end(_exit_of(event))
            case _ as unreachable:
                assert_never(unreachable)

    def _on_launcher_end(self) -> None:
        """Its death signal ends the children on Linux; elsewhere, and for their groups, we do it ourselves."""
        self._channel = None
        children, self._children = list(self._children.values()), {}
        if not self._closing:
            log.warning("launcher_lost", children=len(children))
        for child in children:
            if child.pid:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(child.pid, signal.SIGKILL)
            if child.started.done():
                child.end(ChildExit(code=None, signal=signal.SIGKILL))
            else:
                child.abandon()
                child.started.set_exception(SpawnFailed("", "launcher", errno.ESRCH))
        process, self._process = self._process, None
        if process is not None:
            # A dead launcher is collected at once; a closing one has some rites to finish.
            asyncio.get_running_loop().run_in_executor(None, process.wait)

    async def close(self) -> None:
        """End the launcher and with it every child; returns when they are gone."""
        self._closing = True
        process = self._process
        if self._channel is not None:
            self._channel.close()
        if process is not None:
            await asyncio.to_thread(process.wait)


def _exit_of(event: Exited) -> ChildExit:
    return ChildExit(
        code=event["code"],
        signal=event["signal"],
        out_of_memory=event["out_of_memory"],
        peak_bytes=event["peak_bytes"],
    )
