"""JavaScript clients: each a process of Node.js, or a page of Chromium from an origin of its own, driven call by call.

Both ways run the same module under node/clients/. Owns processes and pages; knows no journey.
"""

import functools
import http.server
import json
import os
import queue
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from tests.postgresql import missing_toolchain

FOLDER = Path(__file__).parent / "node"
CALL_SECONDS = 45
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class ClientError(Exception):
    """A client refused or failed a call, as its user would see it."""

    def __init__(self, name: str, code: str | None, message: str, stack: str) -> None:
        super().__init__(f"{name}: {message}\n{stack}")
        self.name = name
        self.code = code
        self.message = message


class JavaScriptClient(Protocol):
    """A client's module under test."""

    def call(self, name: str, *args: Any) -> Any:
        """Call an export and wait for its value. Raises ClientError."""
        ...


class NodeProcess:
    """A module of node/clients/ in a Node.js process of its own."""

    def __init__(self, module: str, log: Path, environment: Mapping[str, str] | None = None) -> None:
        require_node()
        self._log = log
        self._calls = 0
        self._answers: queue.Queue[str | None] = queue.Queue()
        with log.open("w") as errors:
            self._process = subprocess.Popen(
                ["node", "drive.mjs", module],
                cwd=FOLDER,
                # No credentials and no configuration of the machine's user reach the client.
                env={"PATH": os.environ["PATH"], "HOME": str(log.parent), **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def call(self, name: str, *args: Any) -> Any:
        """Call an export and wait for its value. Raises ClientError."""
        assert self._process.stdin is not None
        self._calls += 1
        self._process.stdin.write(json.dumps({"id": self._calls, "name": name, "args": args}) + "\n")
        self._process.stdin.flush()
        try:
            line = self._answers.get(timeout=CALL_SECONDS)
        except queue.Empty:
            line = None
        if line is None:
            raise AssertionError(f"no answer to {name}:\n{self._log.read_text()[-4000:]}")
        return value_of(json.loads(line))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put(None)


class ChromiumPage:
    """A module of node/clients/ in a page of Chromium."""

    def __init__(self, browser: NodeProcess) -> None:
        self.browser = browser

    def call(self, name: str, *args: Any) -> Any:
        """Call an export in the page and wait for its value. Raises ClientError."""
        return value_of(self.browser.call("call", name, args))


def value_of(outcome: Mapping[str, Any]) -> Any:
    """The value of an outcome. Raises ClientError."""
    error = outcome.get("error")
    if error is not None:
        raise ClientError(error["name"], error["code"], error["message"], error["stack"])
    return outcome.get("value")


class Chromium:
    """A headless Chromium, and a site whose pages hold one client each, from an origin that is not the service's."""

    def __init__(self, process: NodeProcess, site: Path, origin: str) -> None:
        self.process = process
        self._site = site
        self._origin = origin

    def page(self, module: str) -> ChromiumPage:
        """A fresh page, with nothing stored by another."""
        folder = self._site / module
        if not folder.exists():
            subprocess.run(["node", "bundle.mjs", module, str(folder)], cwd=FOLDER, check=True, timeout=60)
        self.process.call("open", f"{self._origin}{module}/")
        return ChromiumPage(self.process)


@contextmanager
def chromium(folder: Path, flags: Sequence[str] = ()) -> Iterator[Chromium]:
    """A browser with a fresh profile, started with flags of its own."""
    program = next((found for name in _CHROMIUM if (found := shutil.which(name))), None)
    if program is None:
        missing_toolchain("Chromium")
    site = folder / "site"
    site.mkdir()
    with static_site(site) as origin, NodeProcess("browser", folder / "chromium.log") as process:
        process.call("launch", program, list(flags))
        yield Chromium(process, site, origin)


@contextmanager
def static_site(folder: Path) -> Iterator[str]:
    """A folder over HTTP on loopback; its origin."""
    handler = functools.partial(_QuietFiles, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _QuietFiles(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: what failed is told by the test."""


def require_node() -> None:
    """Say that a test cannot run without Node.js and the pinned clients."""
    if shutil.which("node") is None:
        missing_toolchain("Node.js")
    if not (FOLDER / "node_modules" / ".package-lock.json").exists():
        missing_toolchain("the JavaScript clients (npm ci in tests/clients/node)")
