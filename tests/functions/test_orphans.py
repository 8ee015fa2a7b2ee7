"""Nothing outlives the server: not after kill -9 of it, of its launcher, of both; deserters included."""

import asyncio
import json
import os
import shutil
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from poolhouse.functions.scratch import Scratch

from .conftest import MakeHouse, alive, handler
from .waiting import until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left")


class Running:
    """A server under test and the processes that it says it has."""

    def __init__(self, process: asyncio.subprocess.Process, state: Path, pids: list[int], launcher: int) -> None:
        self.process = process
        self.state = state
        self.pids = pids
        self.launcher = launcher


@pytest.fixture(params=["asyncio", "uvloop"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Running]:
    kind = "node" if shutil.which("node") else "python"
    command = [sys.executable, "-m", "tests.functions.server_to_kill", str(tmp_path), kind, request.param]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    said = json.loads(await asyncio.wait_for(process.stderr.readline(), 30))
    running = Running(process, tmp_path, said["pids"], said["launcher"])
    assert all(alive(pid) for pid in [*running.pids, running.launcher])
    yield running
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_kill_9_of_the_server_leaves_no_process_and_no_scratch_folder(server: Running) -> None:
    server.process.kill()
    await until(lambda: not any(alive(pid) for pid in [*server.pids, server.launcher]))
    assert list((server.state / "sandboxes").iterdir()) == []


async def test_kill_9_of_server_and_launcher_together_leaves_no_sandbox(server: Running) -> None:
    os.kill(server.launcher, signal.SIGKILL)
    server.process.kill()
    await server.process.wait()
    deserter = server.pids[1]
    sandboxes = [pid for pid in server.pids if pid != deserter]
    await until(lambda: not any(alive(pid) for pid in sandboxes))
    # With nobody left to look for it, a process that left its group is beyond reach.
    os.kill(deserter, signal.SIGKILL)
    Scratch(server.state / "sandboxes").remove()
    assert list((server.state / "sandboxes").iterdir()) == []


async def test_a_stopped_server_that_is_killed_leaves_nothing(server: Running) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    server.process.kill()
    await until(lambda: not any(alive(pid) for pid in [*server.pids, server.launcher]))


async def test_a_lost_launcher_fails_the_calls_in_progress_and_is_replaced(house: MakeHouse) -> None:
    functions = await house(handler("sleep"))
    call = asyncio.create_task(functions.invoke("sleep", b'{"seconds":3600}'))
    await until(lambda: any(line.startswith("START") for line in functions.lines("sleep")))
    (pid,) = functions.sandbox_pids("sleep")
    assert functions.launcher_pid is not None
    os.kill(functions.launcher_pid, signal.SIGKILL)
    failure = json.loads((await call).payload)
    assert failure["errorMessage"].endswith("Error: Runtime exited with error: signal: killed")
    await until(lambda: not alive(pid))
    assert (await functions.invoke("sleep", b'{"seconds":0}')).error is None


async def test_a_deserter_dies_with_its_sandbox_and_not_before(house: MakeHouse) -> None:
    functions = await house(handler("leave_child"), handler("echo"))
    left = json.loads((await functions.invoke("leave_child", b"{}")).payload)
    await functions.invoke("echo", b"{}")
    (other,) = functions.sandbox_pids("echo")
    os.kill(other, signal.SIGKILL)  # another sandbox's end sweeps, and must not take it
    await until(lambda: functions.sandbox_count("echo") == 0)
    assert alive(left["child"])
    await functions.configure([handler("echo")])
    await until(lambda: not alive(left["pid"]) and not alive(left["child"]))


async def test_closing_leaves_nothing(house: MakeHouse) -> None:
    functions = await house(handler("leave_child"))
    left = json.loads((await functions.invoke("leave_child", b"{}")).payload)
    launcher = functions.launcher_pid
    assert launcher is not None
    await functions.close()
    assert not any(alive(pid) for pid in (left["pid"], left["child"], launcher))
