"""Deployment and reload: what changes is replaced, what does not stays warm, what runs may finish."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from poolhouse.functions.code import fingerprint
from poolhouse.functions.spec import FunctionNotFound, FunctionsBroken

from .conftest import MakeHouse, handler, spec
from .waiting import until


def write(folder: Path, version: int, before: str = "pass") -> None:
    folder.mkdir(exist_ok=True)
    # Versions differ in length: a file system's clock may not tell two writes of one millisecond apart.
    lines = ["#" * version, "import os, time", "def handler(event, context):", f"    {before}"]
    (folder / "app.py").write_text("\n".join([*lines, f"    return [{version}, os.getpid()]", ""]))


async def test_changed_code_is_seen_by_the_next_call(house: MakeHouse, tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, 1)
    functions = await house(spec("f", "app.handler", code=code), reload_interval=0.0)
    first = json.loads((await functions.invoke("f", b"{}")).payload)
    assert json.loads((await functions.invoke("f", b"{}")).payload) == first
    write(code, 2)
    assert json.loads((await functions.invoke("f", b"{}")).payload)[0] == 2


async def test_a_change_of_the_same_length_in_the_same_second_is_seen(house: MakeHouse, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    functions = None
    for answer in "abc":
        (code / "app.py").write_text(f"def handler(event, context):\n    return '{answer}'\n")
        os.utime(code / "app.py", (1_700_000_000, 1_700_000_000))  # as an archive sets it
        functions = functions or await house(spec("f", "app.handler", code=code), reload_interval=0.0)
        assert json.loads((await functions.invoke("f", b"{}")).payload) == answer


async def test_a_folder_that_takes_anothers_place_is_seen(house: MakeHouse, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(f"def handler(event, context):\n    return '{name}'\n")
        os.utime(tmp_path / name / "app.py", (1_700_000_000, 1_700_000_000))
    code = tmp_path / "code"
    (tmp_path / "one").rename(code)
    functions = await house(spec("f", "app.handler", code=code), reload_interval=0.0)
    assert (await functions.invoke("f", b"{}")).payload == b'"one"'
    code.rename(tmp_path / "former")
    (tmp_path / "two").rename(code)
    assert (await functions.invoke("f", b"{}")).payload == b'"two"'


async def test_running_a_function_does_not_change_its_code_folder(house: MakeHouse, tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, 1)
    functions = await house(spec("f", "app.handler", code=code))
    await functions.invoke("f", b"{}")
    assert [path.name for path in code.iterdir()] == ["app.py"]


async def test_without_a_reload_interval_code_is_not_looked_at(house: MakeHouse, tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, 1)
    functions = await house(spec("f", "app.handler", code=code))
    first = (await functions.invoke("f", b"{}")).payload
    write(code, 2)
    assert (await functions.invoke("f", b"{}")).payload == first


async def test_a_call_in_progress_finishes_on_the_old_code(house: MakeHouse, tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, 1, before="time.sleep(0.5)")
    functions = await house(spec("f", "app.handler", code=code), reload_interval=0.0)
    old = asyncio.create_task(functions.invoke("f", b"{}"))
    await until(lambda: functions.lines("f") != [])
    write(code, 2)
    new = await functions.invoke("f", b"{}")
    assert json.loads(new.payload)[0] == 2
    assert json.loads((await old).payload)[0] == 1
    await until(lambda: sum(pool.size for pool in functions._former) == 0)


async def test_calls_that_wait_move_on_to_the_new_code(house: MakeHouse, tmp_path: Path) -> None:
    code = tmp_path / "code"
    write(code, 1, before="time.sleep(0.5)")
    functions = await house(spec("f", "app.handler", code=code, reserved_concurrency=1))
    calls = [asyncio.create_task(functions.invoke("f", b"{}")) for _ in range(4)]
    await until(lambda: functions.lines("f") != [])
    write(code, 2)
    await functions.configure([spec("f", "app.handler", code=code, reserved_concurrency=1)])
    versions = [json.loads((await call).payload)[0] for call in calls]
    assert versions == [1, 2, 2, 2]


async def test_unchanged_functions_stay_warm_over_a_deployment(house: MakeHouse) -> None:
    functions = await house(handler("echo"), handler("sleep"))
    before = json.loads((await functions.invoke("echo", b"{}")).payload)["pid"]
    await functions.configure([handler("echo"), handler("sleep", timeout=5.0)])
    assert json.loads((await functions.invoke("echo", b"{}")).payload)["pid"] == before


async def test_a_new_version_or_environment_replaces_the_sandboxes(house: MakeHouse) -> None:
    functions = await house(handler("environment"))
    await functions.invoke("environment", b"{}")
    await functions.configure([handler("environment", environment={"COLOUR": "blue"})])
    seen = json.loads((await functions.invoke("environment", b"{}")).payload)
    assert seen["env"]["COLOUR"] == "blue"


async def test_a_broken_deployment_leaves_the_former_one_serving(house: MakeHouse) -> None:
    functions = await house(handler("echo"))
    broken = [spec("x", "a.b", "ruby3.3"), spec("y", "a.b", "java21")]
    with pytest.raises(FunctionsBroken) as caught:
        await functions.configure([handler("sleep"), *broken])
    assert [failure.function for failure in caught.value.failures] == ["x", "y"]
    assert (await functions.invoke("echo", b"{}")).error is None
    with pytest.raises(FunctionNotFound):
        await functions.invoke("sleep", b"{}")


async def test_a_removed_function_is_gone(house: MakeHouse) -> None:
    functions = await house(handler("echo"), handler("fail"))
    await functions.configure([handler("fail")])
    with pytest.raises(FunctionNotFound):
        await functions.invoke("echo", b"{}")


@pytest.mark.parametrize("ignored", ["__pycache__/app.pyc", ".git/index", "node_modules/left/index.js"])
def test_the_fingerprint_ignores_what_tools_write(tmp_path: Path, ignored: str) -> None:
    write(tmp_path, 1)
    (tmp_path / ignored).parent.mkdir(parents=True)
    before = fingerprint(str(tmp_path))
    (tmp_path / ignored).write_text("noise")
    assert fingerprint(str(tmp_path)) == before


@pytest.mark.parametrize("change", ["new", "longer", "gone", "renamed"])
def test_the_fingerprint_sees_every_change(tmp_path: Path, change: str) -> None:
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "b").mkdir()
    before = fingerprint(str(tmp_path))
    if change == "new":
        (tmp_path / "b" / "c.py").write_text("")
    elif change == "longer":
        (tmp_path / "a.py").write_text("12")
    elif change == "gone":
        (tmp_path / "a.py").unlink()
    else:
        (tmp_path / "a.py").rename(tmp_path / "z.py")
    assert fingerprint(str(tmp_path)) != before


def test_the_fingerprint_follows_no_circle(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert fingerprint(str(tmp_path)) == fingerprint(str(tmp_path))
