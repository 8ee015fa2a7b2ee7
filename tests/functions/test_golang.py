"""Building Go handlers: when, where, and what a deployer reads when it fails."""

import json
import os
import shutil
from pathlib import Path

import pytest

from poolhouse.functions.golang import GoBuilds, module_dir
from poolhouse.functions.spec import FunctionsBroken
from poolhouse.functions.supervisor import Supervisor

from .conftest import HANDLERS, MakeHouse, spec

TINY = 'package main\n\nimport "os"\n\nfunc main() { os.Exit(%d) }\n'


@pytest.fixture
def source(tmp_path: Path, go: str) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "go.mod").write_text("module example.com/tiny\n\ngo 1.18\n")
    (folder / "main.go").write_text(TINY % 3)
    return folder


async def exit_message(make: MakeHouse, folder: Path) -> str:
    functions = await make(spec("tiny", "handler", "go1.x", folder))
    return str(json.loads((await functions.invoke("tiny", b"{}")).payload)["errorMessage"])


async def test_the_code_folder_stays_as_it_is_and_the_build_is_kept(
    house: MakeHouse, source: Path, builds: Path
) -> None:
    before = {path.name for path in builds.iterdir()}
    assert "exit status 3" in await exit_message(house, source)
    assert sorted(path.name for path in source.iterdir()) == ["go.mod", "main.go"]
    (folder,) = [path for path in builds.iterdir() if path.name.startswith("tiny-") and path.name not in before]
    built = (folder / "handler").stat().st_mtime_ns
    assert "exit status 3" in await exit_message(house, source)
    assert (folder / "handler").stat().st_mtime_ns == built


async def test_a_binary_newer_than_its_sources_is_used_as_it_is(house: MakeHouse, source: Path) -> None:
    (source / "handler").write_text("#!/bin/sh\nexit 5\n")
    (source / "handler").chmod(0o755)
    assert "exit status 5" in await exit_message(house, source)


async def test_a_binary_older_than_its_sources_is_built_anew(house: MakeHouse, source: Path) -> None:
    (source / "handler").write_text("#!/bin/sh\nexit 5\n")
    (source / "handler").chmod(0o755)
    os.utime(source / "handler", (1, 1))
    assert "exit status 3" in await exit_message(house, source)


async def test_a_change_of_the_sources_is_built_and_served(house: MakeHouse, source: Path) -> None:
    functions = await house(spec("tiny", "handler", "go1.x", source), reload_interval=0.0)
    await functions.invoke("tiny", b"{}")
    (source / "main.go").write_text(TINY % 42)
    assert b"exit status 42" in (await functions.invoke("tiny", b"{}")).payload


async def test_a_change_that_does_not_compile_fails_calls_with_the_compilers_words_until_it_is_put_right(
    house: MakeHouse, source: Path
) -> None:
    functions = await house(spec("tiny", "handler", "go1.x", source), reload_interval=0.0)
    (source / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    invocation = await functions.invoke("tiny", b"{}")
    assert json.loads(invocation.payload)["errorType"] == "Runtime.InvalidEntrypoint"
    assert b"undefined: nonsense" in invocation.log_tail
    (source / "main.go").write_text(TINY % 8)
    assert b"exit status 8" in (await functions.invoke("tiny", b"{}")).payload


async def test_the_compilers_output_is_in_the_deployers_error(house: MakeHouse, source: Path) -> None:
    (source / "main.go").write_text("package main\n\nfunc main() { nonsense() }\n")
    with pytest.raises(FunctionsBroken, match=r"go build in .* failed:\n(.*\n)*.*main.go:3:15: undefined: nonsense"):
        await house(spec("tiny", "handler", "go1.x", source))


async def test_a_build_over_its_time_is_killed(house: MakeHouse, source: Path) -> None:
    slow = source / "slow-go"
    slow.write_text("#!/bin/sh\nsleep 3600\n")
    slow.chmod(0o755)
    with pytest.raises(FunctionsBroken, match="took longer than 0 seconds"):
        await house(spec("tiny", "handler", "go1.x", source), go=str(slow), build_timeout=0.3)


async def test_without_go_a_missing_binary_is_a_clear_error(
    house: MakeHouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(FunctionsBroken, match=r"there is no go tool in PATH. Install Go .* or build it"):
        await house(spec("go", "handler", "go1.x", HANDLERS / "go"))


def test_sources_below_a_module_belong_to_it(tmp_path: Path) -> None:
    inner = tmp_path / "cmd" / "foo"
    inner.mkdir(parents=True)
    (tmp_path / "go.mod").write_text("module x\n")
    assert module_dir(str(inner)) is None
    (inner / "main.go").write_text("package main\n")
    assert module_dir(str(inner)) == str(tmp_path)


def test_only_the_last_builds_are_kept(tmp_path: Path) -> None:
    builds = GoBuilds(tmp_path, Supervisor(tmp_path), None, 1.0)
    for number in range(6):
        folder = tmp_path / f"f-{number:016x}"
        folder.mkdir()
        os.utime(folder, (number, number))
    (tmp_path / f"f-other-{0:016x}").mkdir()
    builds._forget_old("f", tmp_path / f"f-{5:016x}")
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == [f"f-{number:016x}" for number in (3, 4, 5)] + [f"f-other-{0:016x}"]
