"""How the command line is asked, and what it says when it is asked wrongly."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from poolhouse.cli.main import poolhouse
from tests.cli.conftest import CommandLine
from tests.cli.program import clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent


def _leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _leaves(command, (*path, name))
        else:
            yield (*path, name), command


LEAVES = dict(_leaves(poolhouse))


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_every_command_has_help_and_json(command: CommandLine, path: tuple[str, ...]) -> None:
    said = command.text(*path, "--help")
    assert LEAVES[path].help
    examples = [line.strip() for line in said.partition("\nExample")[2].splitlines()[1:]]
    assert examples
    assert all(line.startswith(f"poolhouse {' '.join(path)}") for line in examples)
    assert "--output" in said


def test_the_commands_of_the_issue_are_there() -> None:
    wanted = {"up", "serve", "deploy", "describe", "delete", "doctor", "coverage"}
    assert wanted <= {" ".join(path) for path in LEAVES}
    for group, names in {
        "users": "create list show disable enable sign-out delete set-password",
        "keys": "generate rotate-master rotate-data rotate-signing",
        "keys access": "create list disable",
    }.items():
        assert {f"{group} {name}" for name in names.split()} <= {" ".join(path) for path in LEAVES}


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["upp"], "No such command 'upp'. Did you mean 'up'? `poolhouse --help` shows how"),
        (["up"], "Missing argument 'TEMPLATE'"),
        (["up", "t.yaml", "--port", "seventy"], "'seventy' is not a valid integer"),
        (["up", "t.yaml", "--port", "70000"], "70000 is not in the range"),
        (["users", "list", "--nope"], "No such option"),
        (["serve", "--workers", "0"], "0 is not in the range"),
    ],
)
def test_wrong_usage_is_one_line_with_the_way_to_help_and_exit_code_2(
    command: CommandLine, arguments: list[str], part: str
) -> None:
    code, said, complaint = command.run(*arguments)
    assert code == 2
    assert said == ""
    assert part in complaint
    assert "--help` shows how" in complaint
    assert complaint.count("\n") == 1


def test_the_version_is_told(command: CommandLine) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert command.text("--version") == f"poolhouse {project['version']}\n"


def test_colours_are_for_terminals_only(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b" not in command.text("--help")


def test_exit_statuses_are_told(command: CommandLine) -> None:
    assert "0 done, 1 refused or failed, 2 wrong usage, 130 interrupted" in " ".join(command.text("--help").split())


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_page_about_commands_speaks_of_every_one(path: tuple[str, ...]) -> None:
    assert f"`{' '.join(path)}`" in (ROOT / "docs" / "commands.md").read_text()


def test_the_shell_completes_commands_and_options(command: CommandLine) -> None:
    for words, expected in (("poolhouse us", "users"), ("poolhouse users list --po", "--pool")):
        asked = subprocess.run(
            [sys.executable, "-m", "poolhouse"],
            env=clean_environment(
                {
                    "_POOLHOUSE_COMPLETE": "bash_complete",
                    "COMP_WORDS": words,
                    "COMP_CWORD": str(len(words.split()) - 1),
                }
            ),
            capture_output=True,
            text=True,
            check=True,
        )
        assert f"plain,{expected}" in asked.stdout.splitlines()
