"""make, as a newcomer meets it: what is missing is said in one line, and only the example gets its parameters."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.program import clean_environment
from tests.server import ROOT

MAKE = shutil.which("make") or "make"


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it in a folder."""
    return subprocess.run(
        [MAKE, *arguments], cwd=folder, env=clean_environment(environment), capture_output=True, text=True, timeout=300
    )


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """What make needs of a fresh checkout, in a folder of its own."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    shutil.copytree(ROOT / "tools", tmp_path / "tools")
    return tmp_path


def test_an_old_or_missing_python_is_told_in_one_line(fresh: Path) -> None:
    old = fresh / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in (str(old), "/nowhere/python3"):
        done = make(fresh, "run", f"PYTHON={python}")
        assert done.returncode != 0
        assert done.stdout == ""
        first, *rest = done.stderr.splitlines()
        assert first.startswith("Python 3.11 or newer is needed; install it, or name it: make run PYTHON=")
        assert all(line.startswith("make: ***") for line in rest)


def test_packages_that_cannot_be_fetched_are_told_with_what_to_do(fresh: Path) -> None:
    # A folder of wheels that the machine may have configured would be network enough.
    cut_off = {
        "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
        "PIP_RETRIES": "0",
        "PIP_FIND_LINKS": "",
        "PIP_NO_CACHE_DIR": "1",
    }
    done = make(fresh, "run", PIP_CONFIG_FILE=os.devnull, **cut_off)
    assert done.returncode != 0
    assert "the packages could not be fetched; check the network" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_template_of_ones_own_gets_no_parameters_of_the_example() -> None:
    def command(*arguments: str) -> str:
        return make(ROOT, "--dry-run", "run", *arguments).stdout

    assert "--parameter WithNode=" in command()
    own = command("TEMPLATE=own.yaml", "ARGUMENTS=--parameter Env=test")
    assert "WithNode" not in own
    assert "up 'own.yaml'" in own
    assert "--parameter Env=test" in own


def test_without_npm_the_web_application_says_what_it_needs(fresh: Path, tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "bash", "make", "python3"):
        if found := shutil.which(name):
            (tools / name).symlink_to(found)
    done = make(fresh, "web", PATH=str(tools))
    assert done.returncode != 0
    assert done.stderr.startswith("Node.js 20 or newer, with npm, is needed")


def test_help_names_every_target() -> None:
    said = make(ROOT, "help").stdout
    for target in ("run", "web", "test", "bench", "lint", "docs", "lock", "clean"):
        assert f"make {target}" in said
