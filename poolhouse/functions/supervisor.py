"""The server's side of the launcher: children started through it, their output, their ends.

Owns the launcher process and the socket to it. Knows nothing of functions, runtimes or HTTP.
"""

import array
import asyncio
import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import assert_never

import msgspec

from poolhouse.telemetry.log import get_logger

from .launcher.frames import Exited, FrameReader, Order, encode, read_event

log = get_logger(__name__)

_READ_SIZE = 64 << 10
_DRAIN_READS = 16
_BOOT = (
    "import sys; sys.path.append(sys.argv[1]); from launcher.program import main; main(int(sys.argv[2]), sys.argv[3])"
)


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

    __slots__ = ("_on_exit", "_on_output", "_output", "_supervisor", "ended", "id", "pid", "started")

    def __init__(self, supervisor: "Supervisor", id: int, output: int, on_output: OnOutput, on_exit: OnExit) -> None:
        self._supervisor = supervisor
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
            self._supervisor.order({"op": "kill", "id": self.id})

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


class _Channel:
    """The stream socket to one launcher: frames out in order, descriptors beside them, events in."""

    def __init__(self, sock: socket.socket, on_frame: Callable[[bytes], None], on_end: Callable[[], None]):
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._frames = FrameReader()
        self._out: deque[tuple[bytes, int | None]] = deque()
        self._on_frame = on_frame
        self._on_end = on_end
        self._closed = False
        sock.setblocking(False)
        self._loop.add_reader(sock.fileno(), self._readable)

    def send(self, frame: bytes, descriptor: int | None) -> None:
        """Queue a frame; the descriptor is closed once it has been handed over."""
        self._out.append((frame, descriptor))
        if len(self._out) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._out and not self._closed:
            frame, descriptor = self._out[0]
            rights = [] if descriptor is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, _pack(descriptor))]
            try:
                sent = self._sock.sendmsg([frame], rights)
            except BlockingIOError:
                self._loop.add_writer(self._sock.fileno(), self._flush)
                return
            except OSError:
                self.close()
                return
            if descriptor is not None:
                os.close(descriptor)
            if sent < len(frame):
                self._out[0] = (frame[sent:], None)
            else:
                self._out.popleft()
        if not self._closed:
            self._loop.remove_writer(self._sock.fileno())

    def _readable(self) -> None:
        try:
            data = self._sock.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        for body in self._frames.feed(data):
            self._on_frame(body)

    def close(self) -> None:
        """Close the socket; the launcher takes it as its end."""
        if self._closed:
            return
        self._closed = True
        self._loop.remove_reader(self._sock.fileno())
        self._loop.remove_writer(self._sock.fileno())
        self._sock.close()
        for _, descriptor in self._out:
            if descriptor is not None:
                os.close(descriptor)
        self._out.clear()
        self._on_end()


def _pack(descriptor: int) -> bytes:
    return array.array("i", [descriptor]).tobytes()


class Supervisor:
    """Starts children through one launcher; starts the launcher when it is first needed, and again if it dies.

    `scratch` is a folder that the launcher removes when the server is gone.
    """

    def __init__(self, scratch: Path, *, cgroup_parent: str | None = None, python: str = sys.executable) -> None:
        self._scratch = scratch
        self._cgroup_parent = cgroup_parent
        self._python = python
        self._children: dict[int, Child] = {}
        self._channel: _Channel | None = None
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
        child = Child(self, self._last_id, reading, on_output, on_exit)
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
        self._channel = _Channel(ours, self._on_frame, self._on_launcher_end)
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
