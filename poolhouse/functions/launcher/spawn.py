"""Fork and exec of one child in its own session, tied to the launcher's life.

Owns the steps between fork and exec. Knows nothing of messages or of who asked.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

from .frames import SpawnOrder

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_OPEN_FILES = 1024
"""Lambda's own limit on descriptors."""

_LINUX = sys.platform == "linux"


def _load_prctl() -> Callable[[int, int], int] | None:
    if not _LINUX:
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int] + [ctypes.c_ulong] * 4
    prctl.restype = ctypes.c_int
    return lambda option, value: int(prctl(option, value, 0, 0, 0))


_prctl = _load_prctl()


def adopt_orphans() -> None:
    """Make descendants whose parent has ended this process's own children (Linux)."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)


class NotRun(Exception):
    """The program could not be run: `errno` of the step `stage` (`chdir`, `exec`, `cgroup` …)."""

    def __init__(self, stage: str, errno: int) -> None:
        super().__init__(stage, errno)
        self.stage = stage
        self.errno = errno


def spawn(order: SpawnOrder, output: int, cgroup: str | None) -> int:
    """Run the order's program with `output` as its stdout and stderr; the pid. Raises NotRun."""
    verdict, report = os.pipe()  # close-on-exec: end of file says that exec has happened
    launcher = os.getpid()
    pid = os.fork()
    if pid == 0:
        _run_child(order, output, cgroup, report, launcher)
    os.close(report)
    with open(verdict, "rb") as stream:
        failure = stream.read(64)
    if not failure:
        return pid
    os.waitpid(pid, 0)
    stage, _, errno = failure.decode().partition(" ")
    raise NotRun(stage, int(errno))


def _run_child(order: SpawnOrder, output: int, cgroup: str | None, report: int, launcher: int) -> None:
    stage = ["session"]
    try:
        _become(order, output, cgroup, launcher, stage)
    except OSError as error:
        os.write(report, f"{stage[0]} {error.errno or 0}".encode())
    finally:
        os._exit(127)


def _become(order: SpawnOrder, output: int, cgroup: str | None, launcher: int, stage: list[str]) -> None:
    os.setsid()
    signal.set_wakeup_fd(-1)
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        # exec keeps ignored signals ignored; a function expects the system's defaults.
        signal.signal(ignored, signal.SIG_DFL)
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        if os.getppid() != launcher:  # it ended before the death signal was armed
            os._exit(127)
    if cgroup is not None:
        stage[0] = "cgroup"
        with open(os.path.join(cgroup, "cgroup.procs"), "w", encoding="ascii") as procs:
            procs.write("0")
    stage[0] = "limits"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    ceiling = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (ceiling, hard))
    stage[0] = "chdir"
    os.chdir(order["cwd"])
    stage[0] = "exec"
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.execve(order["argv"][0], order["argv"], order["env"])  # noqa: S606 - running it is the purpose
