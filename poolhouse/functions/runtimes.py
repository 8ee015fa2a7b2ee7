"""How each runtime is started: command line and the variables that belong to it.

Owns the table of runtimes (lambda-runtime.md section 4). Starts nothing itself.
"""

import asyncio
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

import msgspec

from poolhouse.telemetry.log import get_logger

from . import code, environment
from .golang import GoBuilds, module_dir
from .spec import FunctionBroken, FunctionsConfig, FunctionSpec

log = get_logger(__name__)

SUPPORTED = "python3.x, nodejs<n>.x, provided, provided.al2, provided.al2023, go1.x"

_PYTHON = re.compile(r"python3\.(\d+)\Z")
_NODE = re.compile(r"nodejs(\d+)\.x\Z")
_NODE_BOOTSTRAP = Path(__file__).with_name("bootstrap.mjs")
_SOFT_SHARE = 0.9
"""Share of the memory limit at which a runtime is told to collect harder."""


class LaunchPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How to start a function's sandboxes."""

    argv: tuple[str, ...]
    env: dict[str, str]
    """Variables of the runtime, on top of environment.build's common ones."""
    source_dir: str
    """The folder whose change means new code."""
    fingerprint: str
    """State of `source_dir` when the plan was made."""


class Runtimes:
    """Turns specs into launch plans; says once what a developer should know about this machine."""

    def __init__(self, config: FunctionsConfig, builds: GoBuilds) -> None:
        self._config = config
        self._builds = builds
        self._node = config.node or shutil.which("node")
        self._told: set[str] = set()
        self._byte_code = config.state_dir / "pycache"
        self._compiled: dict[str, str] = {}
        """State of each code folder whose byte code may be kept."""

    async def plan(self, spec: FunctionSpec) -> LaunchPlan:
        """The plan of a function. Raises FunctionBroken with what its deployer should do."""
        _check(spec)
        binary_runs = _runs_binary(spec.runtime)
        source = (module_dir(spec.code_dir) or spec.code_dir) if binary_runs else spec.code_dir
        # Taken first: a change during a build must look like a change afterwards.
        state = await asyncio.to_thread(code.fingerprint, source)
        if match := _PYTHON.match(spec.runtime):
            await asyncio.to_thread(self._forget_byte_code, spec.code_dir, state)
            return self._python(spec, int(match[1]), state)
        if not binary_runs:
            return self._nodejs(spec, state)
        name = spec.handler if spec.runtime == "go1.x" else "bootstrap"
        binary = await self._builds.binary(spec, name)
        soft_limit = f"{int(spec.memory_mb * _SOFT_SHARE)}MiB"
        env = {"GOMEMLIMIT": soft_limit, "LAMBDA_RUNTIME_DIR": os.path.dirname(binary)}
        return LaunchPlan(argv=(binary,), env=env, source_dir=source, fingerprint=state)

    def _python(self, spec: FunctionSpec, minor: int, state: str) -> LaunchPlan:
        client = importlib.util.find_spec("awslambdaric")
        if client is None or client.origin is None:
            raise FunctionBroken(spec.name, "Python functions need the package awslambdaric: pip install awslambdaric")
        if minor != sys.version_info.minor:
            self._tell_once(
                spec.runtime,
                "python_runtime_differs",
                asked=spec.runtime,
                used=f"python3.{sys.version_info.minor}",
            )
        return LaunchPlan(
            argv=(sys.executable, "-m", "awslambdaric", spec.handler),
            # Byte code goes elsewhere: the code folder is the user's, and its change means a reload.
            env={
                "PYTHONPATH": spec.code_dir,
                "PYTHONPYCACHEPREFIX": str(self._byte_code),
                "LAMBDA_RUNTIME_DIR": str(Path(client.origin).parent),
            },
            source_dir=spec.code_dir,
            fingerprint=state,
        )

    def _forget_byte_code(self, code_dir: str, state: str) -> None:
        """Python believes byte code whose source has the same size and the same second of change."""
        if self._compiled.get(code_dir) == state:
            return
        self._compiled[code_dir] = state
        for folder in (os.path.abspath(code_dir), os.path.realpath(code_dir)):
            shutil.rmtree(self._byte_code / folder.lstrip(os.sep), ignore_errors=True)

    def _nodejs(self, spec: FunctionSpec, state: str) -> LaunchPlan:
        if self._node is None:
            raise FunctionBroken(
                spec.name, f"runtime {spec.runtime} needs Node.js, and there is no node in PATH (https://nodejs.org)"
            )
        heap = f"--max-old-space-size={int(spec.memory_mb * _SOFT_SHARE)}"
        return LaunchPlan(
            argv=(self._node, heap, str(_NODE_BOOTSTRAP)),
            env={
                "NODE_PATH": f"{spec.code_dir}/node_modules:/opt/nodejs/node_modules",
                "LAMBDA_RUNTIME_DIR": str(_NODE_BOOTSTRAP.parent),
            },
            source_dir=spec.code_dir,
            fingerprint=state,
        )

    def _tell_once(self, key: str, event: str, **facts: str) -> None:
        if key not in self._told:
            self._told.add(key)
            log.warning(event, **facts)


def _check(spec: FunctionSpec) -> None:
    """What can be said without looking at the runtime. Raises FunctionBroken."""
    if not (_PYTHON.match(spec.runtime) or _NODE.match(spec.runtime) or _runs_binary(spec.runtime)):
        raise FunctionBroken(spec.name, f"runtime {spec.runtime} is not supported; supported: {SUPPORTED}")
    if not os.path.isdir(spec.code_dir):
        raise FunctionBroken(spec.name, f"the code folder {spec.code_dir} does not exist")
    if os.path.isabs(spec.handler) or ".." in spec.handler.split("/"):
        raise FunctionBroken(spec.name, f"the handler {spec.handler!r} leads out of the code folder")
    if reserved := environment.reserved_in(spec):
        raise FunctionBroken(
            spec.name,
            "the environment variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}",
        )


def _runs_binary(runtime: str) -> bool:
    return runtime in ("go1.x", "provided", "provided.al2", "provided.al2023")
