"""The launcher's loop: orders in, processes started and killed, exits reported.

Owns every child until it is buried, descendants that slipped out of its group included (Linux).
When the socket to the server ends, all of them die and the scratch folder goes with them.
"""

import contextlib
import os
import selectors
import signal
import socket
import sys
import time
from typing import NamedTuple

from . import cgroup, procfs
from .frames import Event, FrameReader, SpawnOrder, encode, read_order
from .spawn import NotRun, adopt_orphans, spawn
from .watch import MemoryWatch

_DESCRIPTORS_AT_ONCE = 32
_LAST_RITES_SECONDS = 5.0
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


class Ward(NamedTuple):
    """A running child."""

    id: int
    pid: int
    marker: bytes
    cgroup: str | None


class Launcher:
    """Serves one socket until its end."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._frames = FrameReader()
        self._outputs: list[int] = []
        self._wards: dict[int, Ward] = {}
        self._over: set[int] = set()
        self._folders: set[str] = set()
        self._watch = MemoryWatch()
        self._open = True
        self._doorbell, bell = socket.socketpair()
        self._doorbell.setblocking(False)
        bell.setblocking(False)
        self._bell = bell
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)

    def _on_terminate(self, _number: int, _frame: object) -> None:
        self._open = False

    def serve(self) -> None:
        """Run until the server's end of the socket is closed."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._channel, selectors.EVENT_READ)
            selector.register(self._doorbell, selectors.EVENT_READ)
            while self._open:
                ready = selector.select(self._watch.wait(time.monotonic()))
                for key, _ in ready:
                    if key.fileobj is self._doorbell:
                        self._reap()
                    else:
                        self._receive()
                for pid in self._watch.tick(time.monotonic()):
                    self._over.add(pid)
                    self._kill(self._wards[pid])

    def _receive(self) -> None:
        try:
            data, descriptors, _, _ = socket.recv_fds(
                self._channel, 256 << 10, _DESCRIPTORS_AT_ONCE, socket.MSG_DONTWAIT
            )
        except BlockingIOError:
            return
        except OSError:
            data, descriptors = b"", []
        for descriptor in descriptors:  # SCM_RIGHTS hands them over without close-on-exec
            os.set_inheritable(descriptor, False)
        self._outputs += descriptors
        if not data:
            self._open = False
            return
        for body in self._frames.feed(data):
            order = read_order(body)
            if order["op"] == "spawn":
                self._spawn(order)
            else:
                for ward in [ward for ward in self._wards.values() if ward.id == order["id"]]:
                    self._kill(ward)

    def _report(self, event: Event) -> None:
        with contextlib.suppress(OSError):  # the server's end is noticed by the next read
            self._channel.sendall(encode(event))

    def _spawn(self, order: SpawnOrder) -> None:
        output = self._outputs.pop(0)
        folder = None
        if order["cgroup"] is not None and order["memory"] is not None:
            folder = cgroup.create(order["cgroup"], f"poolhouse-{os.getpid()}-{order['id']}", order["memory"])
        try:
            pid = spawn(order, output, folder)
        except NotRun as failure:
            if folder is not None:
                cgroup.remove(folder)
            self._report({"event": "failed", "id": order["id"], "errno": failure.errno, "stage": failure.stage})
            return
        finally:
            os.close(output)
        self._wards[pid] = Ward(order["id"], pid, order["marker"].encode(), folder)
        if folder is None and order["memory"] is not None:
            self._watch.add(pid, order["memory"])
        self._report({"event": "started", "id": order["id"], "pid": pid})

    def _kill(self, ward: Ward) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(ward.pid, signal.SIGKILL)
        if ward.cgroup is not None:
            cgroup.kill(ward.cgroup)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._doorbell.recv(4096):
                pass
        buried = False
        while (pid := self._next_ended()) is not None:
            buried = True
            ward = self._wards.pop(pid, None)
            if ward is not None:
                # Before the zombie is collected: until then nobody else can get its number.
                self._kill(ward)
            _, status, usage = os.wait4(pid, 0)
            if ward is not None:
                self._bury(ward, status, usage.ru_maxrss * _RSS_UNIT)
        if buried:
            self._sweep()

    def _next_ended(self) -> int | None:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return None
        return None if ended is None else ended.si_pid

    def _bury(self, ward: Ward, status: int, peak: int) -> None:
        self._watch.remove(ward.pid)
        over = ward.pid in self._over
        self._over.discard(ward.pid)
        if ward.cgroup is not None:
            over = over or cgroup.ran_out_of_memory(ward.cgroup)
            self._folders.add(ward.cgroup)
        self._folders = {folder for folder in self._folders if not cgroup.remove(folder)}
        signaled = os.WIFSIGNALED(status)
        self._report(
            {
                "event": "exited",
                "id": ward.id,
                "code": None if signaled else os.WEXITSTATUS(status),
                "signal": os.WTERMSIG(status) if signaled else None,
                "out_of_memory": over,
                "peak_bytes": peak,
            }
        )

    def _sweep(self) -> None:
        """Kill adopted orphans that belong to no living child; each one's end brings the next sweep."""
        own = os.getpid()
        for pid, entry in procfs.table().items():
            if entry.parent != own or pid in self._wards or entry.state == b"Z":
                continue
            if not any(procfs.started_with(pid, ward.marker) for ward in self._wards.values()):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def bury_all(self) -> None:
        """Kill every child and every descendant that can be found; wait for them, but not for ever."""
        deadline = time.monotonic() + _LAST_RITES_SECONDS
        for ward in self._wards.values():
            self._kill(ward)
        while time.monotonic() < deadline:
            self._reap()
            self._sweep()
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:
                break
            time.sleep(0.002)
        for folder in self._folders:
            cgroup.remove(folder)


def main(descriptor: int, scratch: str) -> None:
    """Serve the socket `descriptor`; at its end remove the folder `scratch`."""
    os.set_inheritable(descriptor, False)  # a child with this socket could give orders
    adopt_orphans()
    launcher = Launcher(socket.socket(fileno=descriptor))
    launcher.serve()
    launcher.bury_all()
    import shutil  # here: 10 ms that a start should not pay

    shutil.rmtree(scratch, ignore_errors=True)
