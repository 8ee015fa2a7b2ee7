"""A command line in this process, in an empty folder, and an installation for it to work on."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from poolhouse.cli.main import main
from tests.cli.program import POOL_TEMPLATE


@pytest.fixture(scope="session", autouse=True)
def _hang_ups_are_heard() -> Iterator[None]:
    """Whoever runs the tests under nohup must not have the programs that they start ignore SIGHUP too."""
    before = signal.getsignal(signal.SIGHUP)
    if before is signal.SIG_IGN:
        # A handler is not inherited by the programs, as its absence would be.
        signal.signal(signal.SIGHUP, lambda *_: None)
    yield
    signal.signal(signal.SIGHUP, before)


class CommandLine:
    """Runs commands in this process."""

    def __init__(self, capture: pytest.CaptureFixture[str], folder: Path) -> None:
        self._capture = capture
        self.folder = folder
        self.template = folder / "template.yaml"
        self.template.write_text(POOL_TEMPLATE)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        self._capture.readouterr()
        code = main(list(arguments))
        said = self._capture.readouterr()
        return code, said.out, said.err

    def text(self, *arguments: str) -> str:
        """What a command that must work says to people."""
        code, said, complaint = self.run(*arguments)
        assert code == 0, complaint
        return said

    def json(self, *arguments: str) -> Any:
        """What a command that must work says to scripts."""
        return json.loads(self.text(*arguments, "--output", "json"))

    def refusal(self, *arguments: str) -> str:
        """The one line of a command that must be refused."""
        code, said, complaint = self.run(*arguments)
        assert code == 1, (code, said, complaint)
        assert complaint.startswith("error: ")
        assert complaint.count("\n") == 1, complaint
        return complaint.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """A command line in an empty folder with a template."""
    for name in [name for name in os.environ if name.startswith("POOLHOUSE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return CommandLine(capsys, tmp_path)


@pytest.fixture
def installed(command: CommandLine) -> CommandLine:
    """The same with an installation in .poolhouse that has one pool and one client."""
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    command.text("deploy", "template.yaml")
    return command
