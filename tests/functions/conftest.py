"""Functions under test: real sandboxes of real runtimes, configured small and fast."""

import os
import shutil
import stat
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec
import pytest

from poolhouse.functions.functions import Functions
from poolhouse.functions.journal import RecentLogs
from poolhouse.functions.spec import Credentials, FunctionsConfig, FunctionSpec

HANDLERS = Path(__file__).parent / "handlers"
PYTHON = f"python3.{sys.version_info.minor}"


def toolchain(name: str) -> str:
    """The tool's path. Without it the test is skipped on a user's machine and fails in CI."""
    path = shutil.which(name)
    if path is not None:
        return path
    reason = f"{name} is not installed: install it to run this test"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def node() -> str:
    return toolchain("node")


@pytest.fixture
def go() -> str:
    return toolchain("go")


@pytest.fixture(scope="session")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Go builds shared by the session's tests."""
    return tmp_path_factory.mktemp("builds")


async def keys(_spec: FunctionSpec) -> Credentials:
    return Credentials(access_key_id="ASIATEST", secret_access_key="role-secret", session_token="role-token")


def spec(name: str, handler: str, runtime: str = PYTHON, code: Path | None = None, **more: object) -> FunctionSpec:
    folder = code or HANDLERS / ("python" if runtime.startswith("python") else "node")
    arn = f"arn:aws:lambda:eu-west-1:000000000000:function:{name}"
    fields = {"name": name, "arn": arn, "runtime": runtime, "handler": handler, "code_dir": str(folder)}
    # Roomy, unless a test is about a limit.
    return msgspec.convert({"memory_mb": 256, "timeout": 10.0, **fields, **more}, FunctionSpec)


def handler(name: str, **more: object) -> FunctionSpec:
    """A Python handler of handlers/python/app.py."""
    return msgspec.convert({**msgspec.structs.asdict(spec(name, f"app.{name}")), **more}, FunctionSpec)


class House(Functions):
    """Functions with their log at hand."""

    logs: RecentLogs

    def lines(self, name: str) -> list[str]:
        return [line.text.decode("utf-8", "replace") for line in self.logs.recent(name)]


class MakeHouse(Protocol):
    def __call__(self, *specs: FunctionSpec, **config: object) -> Awaitable[House]: ...


@pytest.fixture
async def house(tmp_path: Path, builds: Path) -> AsyncIterator[MakeHouse]:
    """Makes a configured Functions; it ends with the test."""
    made: list[House] = []

    async def make(*specs: FunctionSpec, **config: object) -> House:
        state = tmp_path / f"state{len(made)}"
        state.mkdir()
        (state / "builds").symlink_to(builds)
        settings = FunctionsConfig(state_dir=state, endpoint_url="http://127.0.0.1:9229")
        logs = RecentLogs(100_000)
        functions = House(msgspec.structs.replace(settings, **config), credentials=keys, sink=logs)
        functions.logs = logs
        made.append(functions)
        await functions.configure(specs)
        return functions

    yield make
    for functions in made:
        await functions.close()


@pytest.fixture
def bootstrap(tmp_path: Path) -> Callable[[str, str], Path]:
    """Writes a code folder whose `bootstrap` is a Python program that speaks to the Runtime API by hand."""

    def write(name: str, program: str) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        file = folder / "bootstrap"
        file.write_text(f"#!{sys.executable}\n{PRELUDE}\n{program}")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return folder

    return write


PRELUDE = """
import http.client, json, os, socket, sys, threading, time
ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
BASE = "/2018-06-01/runtime"
connection = http.client.HTTPConnection(ADDRESS)
def call(method, path, body=None, headers={}, on=None):
    on = on or connection
    on.request(method, BASE + path, body, headers)
    answer = on.getresponse()
    return answer.status, answer.read(), answer.headers
def following():
    status, body, headers = call("GET", "/invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], json.loads(body), headers
def respond(request_id, value):
    return call("POST", f"/invocation/{request_id}/response", json.dumps(value))
"""


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"
