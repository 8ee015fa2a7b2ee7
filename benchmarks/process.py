"""A Poolhouse server as a process of its own: started as in production, watched from outside, stopped.

Owns what is measured of a process: its CPU time, its memory, how long it takes until it answers.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
_HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class ServerFailed(Exception):
    """The server did not come up; the text holds the end of its log."""


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A process and all that it started."""

    def __init__(self, pid: int) -> None:
        self._root = psutil.Process(pid)

    def family(self) -> list[psutil.Process]:
        """It and its descendants."""
        return [self._root, *self._root.children(recursive=True)]

    def cpu(self) -> float:
        """CPU seconds of all threads of the whole family, ended members left aside."""
        total = 0.0
        for process in self.family():
            with contextlib.suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def own_cpu(self) -> float:
        """CPU seconds of all threads of the process alone."""
        times = self._root.cpu_times()
        return times.user + times.system

    def memory(self) -> tuple[int, int]:
        """(resident bytes, those of them that are the process's own and not pages of files)."""
        info = self._root.memory_info()
        return info.rss, info.rss - info.shared


def settings(url: str, state: Path, master_key: str, **more: str) -> dict[str, str]:
    """The environment of a production server on a database."""
    environment = {name: os.environ[name] for name in ("PATH", "LANG", "VIRTUAL_ENV", "TZ") if name in os.environ}
    environment |= {
        "HOME": str(state),
        "POOLHOUSE_DATABASE_URL": url,
        "POOLHOUSE_STATE_DIR": str(state),
        "POOLHOUSE_MASTER_KEY": master_key,
        "POOLHOUSE_PUBLIC_URL": "http://localhost:9229",
        "POOLHOUSE_LOG_LEVEL": "warning",
    }
    return environment | more


@contextlib.contextmanager
def serving(
    environment: Mapping[str, str],
    arguments: Sequence[str],
    port: int,
    log: Path,
    module: Sequence[str] = ("-m", "poolhouse"),
) -> Iterator[Process]:
    """A server that answers on `port`, until the block ends. Raises ServerFailed."""
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, *module, *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(started, port, log)
        yield Process(started.pid)
    finally:
        _stop(started)


def wait_until_it_answers(started: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return with the first whole answer. Raises ServerFailed."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers(port):
            return
        if started.poll() is not None:
            break
        time.sleep(0.002)
    raise ServerFailed(f"no answer on port {port} (exit {started.poll()}):\n{log.read_text()[-3000:]}")


def answers(port: int) -> bool:
    """Whether a server gives a whole, good answer there now."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(_HEALTH)
            received = b""
            while part := connection.recv(4096):
                received += part
    except OSError:
        return False
    return received.startswith(b"HTTP/1.1 200")


def _stop(started: subprocess.Popen[bytes]) -> None:
    if started.poll() is None:
        started.send_signal(signal.SIGTERM)
    try:
        started.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()
