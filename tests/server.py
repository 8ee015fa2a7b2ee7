"""The real server for tests: `poolhouse up` as a process of its own, on ports and a state folder of its own.

Owns its start, its clean end and the proof that nothing outlives it. Knows no test.
"""

import contextlib
import json
import os
import queue
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from tests.recorder import Recorder

READY_SECONDS = 60
STOP_SECONDS = 30
POOLHOUSE = (sys.executable, "-m", "poolhouse")
ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "template.yaml"
# Python functions only: they need no toolchain and build nothing.
PYTHON_ONLY = ("--parameter", "WithNode=false", "--parameter", "WithGo=false")


class ServerFailed(Exception):
    """The server did not come up or did not end as it should; the text holds what it wrote."""


@dataclass(frozen=True, slots=True)
class Message:
    """An e-mail or SMS in the development inbox."""

    channel: str
    to: str
    subject: str
    body: str


@dataclass(frozen=True, slots=True)
class Route:
    """A method of the deployed API and its URL."""

    method: str
    url: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server is given to serve HTTPS with, and the authority that its clients are told to trust."""

    authority: Path
    chain: Path
    key: Path


@dataclass(frozen=True, slots=True)
class _Launch:
    """How a server is started, the first time and again."""

    command: list[str]
    environment: dict[str, str]
    state_dir: Path
    log: Path

    def start(self) -> tuple[subprocess.Popen[str], dict[str, Any]]:
        """The process, and what it says when it serves. Raises ServerFailed."""
        with self.log.open("a") as log:
            process = subprocess.Popen(
                self.command,
                cwd=ROOT,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        try:
            return process, _await_ready(process, self.log)
        except BaseException:
            _kill(process)
            raise


class RunningServer:
    """A server that serves. `endpoint` is the service's URL, as clients are given it."""

    def __init__(self, launch: _Launch, recorder: Recorder, certificate: Certificate | None = None) -> None:
        self._launch = launch
        self.recorder = recorder
        self.process, ready = launch.start()
        authority = certificate.authority if certificate else ready["certificate_authority"]
        scheme = "https" if authority else "http"
        self.endpoint = f"{scheme}://localhost:{recorder.port}"
        self.region: str = ready["region"]
        self.pool_id: str = ready["pool_id"]
        self.client_id: str = ready["client_id"]
        self.outputs: dict[str, str] = ready["outputs"]
        self.state_dir = Path(ready["state"])
        self.authority = Path(authority) if authority else None
        self.routes = _routes(ready)

    @property
    def issuer(self) -> str:
        """The issuer of the pool's tokens, as clients that compute it from the endpoint expect it."""
        return f"{self.endpoint}/{self.pool_id}"

    @property
    def jwks_url(self) -> str:
        """Where the pool's public keys are."""
        return f"{self.issuer}/.well-known/jwks.json"

    def route(self, path: str) -> str:
        """The URL of a GET on the gateway, of the path with its stage: `/val/foo`."""
        return next(route.url for route in self.routes if route.method == "GET" and route.url.endswith(path))

    def inbox(self, to: str) -> list[Message]:
        """Every message to an address, newest first."""
        context = ssl.create_default_context(cafile=self.authority) if self.authority else None
        question = f"{self.endpoint}/_poolhouse/inbox.json?to={quote(to)}"
        with urllib.request.urlopen(question, timeout=10, context=context) as answer:
            rows = json.load(answer)
        return [Message(row["channel"], row["to"], row["subject"] or "", row["body"]) for row in rows]

    def restart(self) -> None:
        """End the server and start it again on the same state. Raises ServerFailed."""
        self.stop()
        self.process, ready = self._launch.start()
        self.routes = _routes(ready)

    def stop(self) -> None:
        """End it as Ctrl-C does. Raises ServerFailed if it fails to, or leaves a process behind."""
        _stop(self.process, self.state_dir, self._launch.log)

    def kill(self) -> None:
        """End it and its family at once."""
        _kill(self.process)


def _routes(ready: Mapping[str, Any]) -> list[Route]:
    return [Route(**route) for api in ready["apis"] for route in api["routes"]]


@contextlib.contextmanager
def running_server(
    state_dir: Path,
    template: Path = EXAMPLE,
    *,
    options: Sequence[str] = PYTHON_ONLY,
    environment: Mapping[str, str] | None = None,
    certificate: Certificate | None = None,
) -> Iterator[RunningServer]:
    """Deploy a template and serve it until the block ends. Raises ServerFailed."""
    port = _free_port()
    tls = "--tls" in options or certificate is not None
    with Recorder(port, opaque=tls) as recorder:
        scheme = "https" if tls else "http"
        launch = _Launch(
            command=[
                *until_we_die(),
                *(*POOLHOUSE, "up", str(template), "--state", str(state_dir), "--output", "json", "--no-watch"),
                *("--port", str(port), "--gateway-port", "0", *options),
            ],
            environment={
                **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
                "HOME": str(state_dir.parent),
                "POOLHOUSE_PUBLIC_URL": f"{scheme}://localhost:{recorder.port}",
                **_https(certificate),
                **(environment or {}),
            },
            state_dir=state_dir,
            log=state_dir.parent / f"{state_dir.name}.log",
        )
        server = RunningServer(launch, recorder, certificate)
        try:
            yield server
        except BaseException:
            server.kill()
            raise
        server.stop()


def _https(certificate: Certificate | None) -> dict[str, str]:
    if certificate is None:
        return {}
    return {"POOLHOUSE_TLS_CERTIFICATE": str(certificate.chain), "POOLHOUSE_TLS_KEY": str(certificate.key)}


def until_we_die() -> list[str]:
    """What makes the server end with the tests even when they are killed, where the system can."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "TERM", "--"] if program else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _await_ready(process: subprocess.Popen[str], log: Path) -> dict[str, Any]:
    """The line with which the server says that it serves."""
    lines: queue.Queue[str | None] = queue.Queue()
    assert process.stdout is not None
    threading.Thread(target=_read_lines, args=(process.stdout, lines), daemon=True).start()
    seen: list[str] = []
    while True:
        try:
            line = lines.get(timeout=READY_SECONDS)
        except queue.Empty:
            line = None
        if line is None:
            raise ServerFailed(f"the server did not come up (exit {process.poll()}):\n{''.join(seen)}{_tail(log)}")
        seen.append(line)
        event: dict[str, Any] = json.loads(line)
        if event.get("event") == "ready":
            return event


def _read_lines(stream: Any, lines: "queue.Queue[str | None]") -> None:
    for line in stream:
        lines.put(line)
    lines.put(None)


def _stop(process: subprocess.Popen[str], state_dir: Path, log: Path) -> None:
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGINT)
    try:
        status = process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise ServerFailed(f"the server did not end within {STOP_SECONDS} s:\n{_tail(log)}") from None
    if status != 0:
        raise ServerFailed(f"the server ended with {status}:\n{_tail(log)}")
    _, alive = psutil.wait_procs(family, timeout=5)
    left = [*alive, *_processes_in(state_dir)]
    if left:
        names = [" ".join(process.cmdline()) for process in left]
        for orphan in left:
            orphan.kill()
        raise ServerFailed(f"the server left processes behind: {names}")


def _processes_in(folder: Path) -> list[psutil.Process]:
    """Every process that works below a folder: sandboxes that left their group would be found so."""
    found = []
    for candidate in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if Path(candidate.cwd()).is_relative_to(folder):
                found.append(candidate)
    return found


def _kill(process: subprocess.Popen[str]) -> None:
    """End what is left of the server's session at once: the test has failed already."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:]
