"""How sandboxes end: time-outs, exits, crashes, memory, starts that hang; and what the caller reads then."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from .conftest import HANDLERS, MakeHouse, alive, handler, spec
from .waiting import until


async def test_a_timeout_kills_the_process_group_and_the_next_call_is_cold(house: MakeHouse, tmp_path: Path) -> None:
    functions = await house(handler("sleep_with_child", timeout=1.0))
    event = json.dumps({"pids": str(tmp_path / "pids")}).encode()
    invocation = await functions.invoke("sleep_with_child", event)
    assert invocation.error == "Unhandled"
    assert invocation.payload == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: %b Error: Task timed out after 1.00 seconds"}'
        % invocation.request_id.encode()
    )
    assert f"{invocation.request_id} Task timed out after 1.00 seconds".encode() in invocation.log_tail
    pids = json.loads((tmp_path / "pids").read_text())
    assert len(pids) == 3
    await until(lambda: not any(alive(pid) for pid in pids))
    assert functions.sandbox_count("sleep_with_child") == 0
    again = await functions.invoke("sleep_with_child", event)
    assert b"Init Duration" in again.log_tail
    assert json.loads((tmp_path / "pids").read_text())[0] != pids[0]


@pytest.mark.parametrize(
    ("name", "event", "reason"),
    [
        ("leave", {"code": 0}, "Runtime exited without providing a reason"),
        ("leave", {"code": 7}, "Runtime exited with error: exit status 7"),
        ("crash", {"signal": 15}, "Runtime exited with error: signal: terminated"),
        ("segfault", {}, "Runtime exited with error: signal: segmentation fault"),
    ],
)
async def test_an_exit_in_the_middle_of_a_call_is_an_exit_error(
    house: MakeHouse, name: str, event: dict[str, int], reason: str
) -> None:
    functions = await house(handler(name))
    invocation = await functions.invoke(name, json.dumps(event).encode())
    assert invocation.error == "Unhandled"
    assert json.loads(invocation.payload) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {invocation.request_id} Error: {reason}",
    }


@pytest.mark.parametrize(("code", "words"), [("0", "without providing a reason"), ("9", "with error: exit status 9")])
async def test_an_exit_during_the_start_is_an_exit_error(house: MakeHouse, code: str, words: str) -> None:
    functions = await house(spec("quits", "quits.handler", environment={"CODE": code}))
    failure = json.loads((await functions.invoke("quits", b"{}")).payload)
    assert failure["errorType"] == "Runtime.ExitError"
    assert failure["errorMessage"].endswith(f"Error: Runtime exited {words}")


async def test_node_and_go_exits_are_exit_errors(house: MakeHouse, node: str, go: str) -> None:
    functions = await house(spec("node", "common.exit", "nodejs20.x"), spec("go", "handler", "go1.x", HANDLERS / "go"))
    for name, event in (("node", b'{"code":7}'), ("go", b'{"do":"exit"}')):
        failure = json.loads((await functions.invoke(name, event)).payload)
        assert failure["errorMessage"].endswith("Error: Runtime exited with error: exit status 7")


async def test_a_start_over_its_limit_is_begun_again_within_the_first_call(house: MakeHouse, tmp_path: Path) -> None:
    functions = await house(
        spec("slow", "slow_start.handler", environment={"MARKER": str(tmp_path / "seen")}), init_timeout=0.8
    )
    invocation = await functions.invoke("slow", b"{}")
    assert (invocation.error, invocation.payload) == (None, b'"started"')


async def test_a_start_that_never_ends_is_a_timeout_of_the_call(house: MakeHouse, tmp_path: Path) -> None:
    functions = await house(
        spec("slow", "slow_start.handler", timeout=0.5, environment={"MARKER": str(tmp_path / "seen"), "ALWAYS": "1"}),
        init_timeout=0.5,
    )
    invocation = await functions.invoke("slow", b"{}")
    failure = json.loads(invocation.payload)
    assert failure["errorType"] == "Sandbox.Timedout"
    assert failure["errorMessage"].endswith("Task timed out after 0.50 seconds")
    assert functions.sandbox_count("slow") == 0


KILLED = "Runtime exited with error: signal: killed"


@pytest.mark.skipif(sys.platform != "linux", reason="the memory watcher needs /proc")
@pytest.mark.parametrize("name", ["hoard", "hoard_in_child"])
async def test_python_over_its_memory_is_killed(house: MakeHouse, name: str) -> None:
    functions = await house(handler(name, memory_mb=128, timeout=30.0))
    failure = json.loads((await functions.invoke(name, b"{}")).payload)
    assert (failure["errorType"], failure["errorMessage"].split("Error: ")[1]) == ("Runtime.ExitError", KILLED)


@pytest.mark.skipif(sys.platform != "linux", reason="the memory watcher needs /proc")
async def test_node_and_go_over_their_memory_are_killed(house: MakeHouse, node: str, go: str) -> None:
    functions = await house(
        spec("node", "common.hoard", "nodejs20.x", memory_mb=128, timeout=30.0),
        spec("go", "handler", "go1.x", HANDLERS / "go", memory_mb=128, timeout=30.0),
    )
    for name in ("node", "go"):
        failure = json.loads((await functions.invoke(name, b'{"do":"hoard"}')).payload)
        assert (failure["errorType"], failure["errorMessage"].split("Error: ")[1]) == ("Runtime.ExitError", KILLED)


async def test_pages_shared_by_forked_processes_count_once(house: MakeHouse) -> None:
    functions = await house(handler("fork_lightly", memory_mb=128))
    assert (await functions.invoke("fork_lightly", b"{}")).payload == str(60 << 20).encode()


async def test_a_result_over_the_limit_is_refused_and_the_sandbox_is_replaced_or_lives(house: MakeHouse) -> None:
    functions = await house(handler("large", memory_mb=512))
    fits = await functions.invoke("large", json.dumps({"size": 6_291_556 - 2}).encode())
    assert (fits.error, len(fits.payload)) == (None, 6_291_556)
    over = await functions.invoke("large", json.dumps({"size": 6_291_556 - 1}).encode())
    assert over.error == "Unhandled"
    assert json.loads(over.payload) == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert (await functions.invoke("large", b'{"size":1}')).payload == b'"x"'


async def test_a_caller_that_leaves_does_not_end_the_call(house: MakeHouse) -> None:
    functions = await house(handler("sleep", reserved_concurrency=1))
    await functions.invoke("sleep", b'{"seconds":0}')
    with pytest.raises(TimeoutError):
        await functions.invoke("sleep", b'{"seconds":0.6}', timeout=0.2)
    later = await functions.invoke("sleep", b'{"seconds":0}')
    assert later.error is None
    assert b"Init Duration" not in later.log_tail
    assert sum(line.startswith("END RequestId") for line in functions.lines("sleep")) == 3


async def test_a_temporary_folder_is_private_and_removed(house: MakeHouse) -> None:
    functions = await house(handler("write_temp"), handler("echo"))
    first = json.loads((await functions.invoke("write_temp", b"{}")).payload)
    second = json.loads((await functions.invoke("write_temp", b"{}")).payload)
    assert (first["seen"], second["seen"], first["dir"]) == (False, True, second["dir"])
    folder = Path(first["dir"])
    assert folder.stat().st_mode & 0o777 == 0o700
    await functions.configure([handler("echo")])
    await until(lambda: not folder.exists())


async def test_output_after_the_answer_is_kept_and_the_tail_is_bounded(house: MakeHouse) -> None:
    functions = await house(handler("linger"), handler("chatter"))
    await functions.invoke("linger", b"{}")
    await until(lambda: "after the answer" in functions.lines("linger"))
    invocation = await functions.invoke("chatter", b'{"lines":500,"width":100}')
    assert len(invocation.log_tail) == 4096
    assert b"no line feed at the end\nEND" in invocation.log_tail
    assert len(functions.lines("chatter")) == 500 + 1 + 3


async def test_output_over_the_limit_of_a_call_is_dropped_and_counted(house: MakeHouse) -> None:
    functions = await house(handler("chatter"), log_bytes_per_call=100_000)
    await functions.invoke("chatter", b'{"lines":5000,"width":200}')
    lines = functions.lines("chatter")
    assert sum(len(line) + 1 for line in lines) < 250_000
    assert any("bytes of output dropped" in line for line in lines)
    assert lines[-1].startswith("REPORT")


async def test_an_idle_sandbox_that_dies_is_replaced(house: MakeHouse) -> None:
    functions = await house(handler("echo"))
    await functions.invoke("echo", b"{}")
    (pid,) = functions.sandbox_pids("echo")
    await functions.invoke("echo", b"{}")
    os.kill(pid, signal.SIGKILL)
    await until(lambda: functions.sandbox_count("echo") == 0)
    assert (await functions.invoke("echo", b"{}")).error is None
