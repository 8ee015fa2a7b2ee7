"""Building Go handlers: when a binary is missing or older than its sources, `go build` makes it.

Owns the build and where its result lies. Knows nothing of sandboxes.
"""

import asyncio
import contextlib
import hashlib
import os
import shutil
import time
from pathlib import Path

from poolhouse.telemetry.log import get_logger

from . import code
from .child import ChildExit, Command, SpawnFailed
from .spec import FunctionBroken, FunctionSpec
from .supervisor import Supervisor

log = get_logger(__name__)

_OUTPUT_LIMIT = 64 << 10
_BUILDS_KEPT = 3
_PARENTS_SEARCHED = 4
_PASSED_ON = frozenset(
    {
        *("PATH", "HOME", "USER", "LANG", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "SSH_AUTH_SOCK"),
        *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR"),
    }
)
"""What the developer's own tool needs of the developer's environment, besides GO*."""


def module_dir(code_dir: str) -> str | None:
    """The folder with the go.mod that `code_dir` belongs to, or None when it holds no Go sources."""
    if not any(name.endswith(".go") for name in _names(code_dir)):
        return None
    folder = os.path.abspath(code_dir)
    for _ in range(_PARENTS_SEARCHED + 1):
        if os.path.isfile(os.path.join(folder, "go.mod")):
            return folder
        folder = os.path.dirname(folder)
    return None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


class GoBuilds:
    """Builds under `folder`, one at a time; a build is found again by the state of its sources."""

    def __init__(self, folder: Path, supervisor: Supervisor, go: str | None, timeout: float) -> None:
        self._folder = folder
        self._supervisor = supervisor
        self._go = go
        self._timeout = timeout
        self._one_at_a_time = asyncio.Lock()
        self._last = 0

    async def binary(self, spec: FunctionSpec, name: str) -> str:
        """Path of the up-to-date executable of a function whose binary is called `name`.

        Raises FunctionBroken: nothing to run, no Go tool, or what the compiler said.
        """
        given = os.path.join(spec.code_dir, name)
        module = await asyncio.to_thread(module_dir, spec.code_dir)
        if module is None:
            return _given_binary(spec, given)
        built_at = _modified(given)
        if built_at and built_at >= await asyncio.to_thread(code.newest_source, module, given):
            return _given_binary(spec, given)
        if self._go is None:
            if built_at:
                log.warning("go_missing_old_binary_used", function=spec.name, binary=name)
                return _given_binary(spec, given)
            raise FunctionBroken(
                spec.name,
                f"{spec.code_dir} holds Go sources but no binary {name!r}, and there is no go tool in PATH. "
                f"Install Go (https://go.dev/dl) or build it: CGO_ENABLED=0 go build -o {name} .",
            )
        state = await asyncio.to_thread(code.fingerprint, module)
        key = hashlib.sha256(f"{spec.code_dir}\0{name}\0{state}".encode()).hexdigest()[:16]
        target = self._folder / f"{spec.name}-{key}" / os.path.basename(name)
        async with self._one_at_a_time:
            if not target.exists():
                await self._build(self._go, spec, target)
        return str(target)

    async def _build(self, go: str, spec: FunctionSpec, target: Path) -> None:
        log.info("go_build_started", function=spec.name, folder=spec.code_dir)
        begun = time.monotonic()
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        argv = [go, "build", "-buildvcs=false", "-trimpath", "-tags", "lambda.norpc", "-ldflags=-s -w"]
        how, output = await self._run(spec, [*argv, "-o", str(partial), "."])
        if how is None or how.code != 0 or not partial.exists():
            with contextlib.suppress(OSError):
                target.parent.rmdir()
            cause = f"took longer than {self._timeout:.0f} seconds" if how is None else "failed"
            text = output.decode("utf-8", "replace").strip()
            log.error("go_build_failed", function=spec.name, folder=spec.code_dir, output=text)
            raise FunctionBroken(spec.name, f"go build in {spec.code_dir} {cause}:\n{text}")
        partial.rename(target)
        log.info("go_build_finished", function=spec.name, seconds=round(time.monotonic() - begun, 1))
        await asyncio.to_thread(self._forget_old, spec.name, target.parent)

    async def _run(self, spec: FunctionSpec, argv: list[str]) -> tuple[ChildExit | None, bytes]:
        """Run the tool under the launcher, so that it dies with the server; None for its exit on time-out."""
        self._last += 1
        marker = f"POOLHOUSE_BUILD={os.getpid()}-{self._last}"
        output = bytearray()
        ended: asyncio.Future[ChildExit] = asyncio.get_running_loop().create_future()

        def keep(data: bytes) -> None:
            output.extend(data[: max(0, _OUTPUT_LIMIT - len(output))])

        def finish(how: ChildExit) -> None:
            if not ended.done():
                ended.set_result(how)

        command = Command(argv=argv, env=self._environment(marker), cwd=spec.code_dir, marker=marker)
        try:
            child = await self._supervisor.spawn(command, keep, finish)
        except SpawnFailed as failure:
            raise FunctionBroken(spec.name, f"{argv[0]}: {os.strerror(failure.errno)}") from failure
        try:
            return await asyncio.wait_for(ended, self._timeout), bytes(output)
        except TimeoutError:
            return None, bytes(output)
        finally:
            child.kill()

    def _environment(self, marker: str) -> dict[str, str]:
        passed = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("GO")}
        if "HOME" not in passed and "GOCACHE" not in passed:
            passed |= {"GOCACHE": str(self._folder / "cache"), "GOPATH": str(self._folder / "gopath")}
        name, _, value = marker.partition("=")
        # A handler built here runs here: without cgo it needs no C compiler and no matching libc.
        return {"CGO_ENABLED": "0", **passed, "GOOS": "", "GOARCH": "", name: value}

    def _forget_old(self, function: str, newest: Path) -> None:
        """Keep the last few builds: a draining sandbox may still start from the one before."""
        builds = [path for path in self._folder.glob(f"{function}-*") if path.name[:-16] == f"{function}-"]
        builds.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in builds[_BUILDS_KEPT:]:
            if path != newest:
                shutil.rmtree(path, ignore_errors=True)


def _modified(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _given_binary(spec: FunctionSpec, path: str) -> str:
    if not os.path.isfile(path):
        raise FunctionBroken(
            spec.name,
            f"runtime {spec.runtime} runs the executable {path}, which does not exist "
            "(and there are no Go sources with a go.mod to build it from)",
        )
    if not os.access(path, os.X_OK):
        raise FunctionBroken(spec.name, f"{path} is not executable: chmod +x it")
    return path
