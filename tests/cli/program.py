"""The program as a person runs it: a command in this process, or a server as a process of its own."""

import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

PATIENCE = 60.0
"""Seconds after which a test gives up on another process; never how long it takes."""

POOL_TEMPLATE = """\
Resources:
  People:
    Type: AWS::Cognito::UserPool
    Properties:
      UserPoolName: people
  Web:
    Type: AWS::Cognito::UserPoolClient
    Properties:
      ClientName: web
      UserPoolId: !Ref People
Outputs:
  PoolId:
    Description: The pool
    Value: !Ref People
  ClientId:
    Value: !Ref Web
"""

Document = dict[str, Any]


_MAKES_OWN = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")
"""With these a make speaks as a part of the one that runs the tests."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without any configuration of ours."""
    foreign = ("POOLHOUSE_", *_MAKES_OWN)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return {**kept, "NO_COLOR": "1", **(extra or {})}


class Server:
    """A server process and what it says."""

    def __init__(self, process: subprocess.Popen[str], log: Path) -> None:
        self.process = process
        self._log = log
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def next_event(self, *names: str) -> Document:
        """The next event of one of these names on standard output."""
        while True:
            line = self._lines.get(timeout=PATIENCE)
            assert line is not None, f"the server ended: {self.log()}"
            event: Document = json.loads(line)
            if event["event"] in names:
                return event

    def log(self) -> str:
        """Standard error so far."""
        return self._log.read_text()

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Wait until the log says it."""
        wait_until(lambda: self.log().count(text) >= times, f"{text!r} in the log")

    def family(self) -> list[psutil.Process]:
        """Every process below it."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def workers(self) -> list[psutil.Process]:
        """Its worker processes."""
        return [child for child in psutil.Process(self.process.pid).children() if child.is_running()]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def wait_until(condition: Any, what: str) -> None:
    """Poll until it holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"never came: {what}"
        time.sleep(0.02)


@contextmanager
def running(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    wrapper: Sequence[str] = (),
) -> Iterator[Server]:
    """A server as a process of its own in `folder`; nothing of it is left when the test ends.

    `wrapper` is a command that becomes the server (exec).
    """
    log = folder / f"log-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [*wrapper, sys.executable, *options, "-m", "poolhouse", *arguments, "--output", "json"],
        cwd=folder,
        env=clean_environment(environment),
        stdout=subprocess.PIPE,
        stderr=log.open("w"),
        text=True,
    )
    server = Server(process, log)
    family: list[psutil.Process] = []
    try:
        yield server
    finally:
        if process.poll() is None:
            family = server.family()
            process.kill()
            process.wait()
        for child in family:
            if child.is_running():
                child.kill()


def request(port: int, path: str = "/healthz") -> bytes:
    """The whole answer to a GET."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side closes."""
    pieces = []
    while piece := connection.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def port_of(url: str) -> int:
    """The port of `http://localhost:9229`."""
    return int(url.rpartition(":")[2])
