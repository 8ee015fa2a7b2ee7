"""The commands that the README and the pages of docs/ tell people to type: each works as it is written.

They run in order, in a fresh copy of what git tracks, with an empty home. Only ports and the names that a page leaves
to its reader are replaced.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.program import PATIENCE
from tests.postgresql import Cluster, missing_toolchain
from tests.server import ROOT

PAGES = ("README.md", "docs/quickstart.md", "docs/commands.md")
OWN_TEMPLATE = """\
Parameters:
  Env: {Type: String, Default: val}
Resources:
  People: {Type: AWS::Cognito::UserPool, Properties: {UserPoolName: !Sub "${Env}-people"}}
"""
SETUP_PATIENCE = 600.0
"""Seconds for the first start, which fetches packages and builds the examples."""
SERVERS = re.compile(r"make run\b|\S*poolhouse (?:up|serve)\b")


def commands_of(page: str) -> list[str]:
    """Every line of its shell blocks that does something."""
    blocks = re.findall(r"^```(?:sh|bash)\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line and not line.startswith("#")]


class Newcomer:
    """Somebody who types what the pages say."""

    def __init__(self, folder: Path, home: Path, replaced: Mapping[str, str]) -> None:
        self.folder = folder
        self._replaced = replaced
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("POOLHOUSE_", "PYTEST"))}
        self._environment = {
            **kept,
            "HOME": str(home),
            "NO_COLOR": "1",
            "POOLHOUSE_PORT": replaced["9229"],
            "POOLHOUSE_GATEWAY_PORT": replaced["3000"],
            **_go_caches(),
        }
        self._server: subprocess.Popen[bytes] | None = None
        self._log = home / "server.log"

    def here(self, line: str) -> str:
        """The line with the ports and names of this place."""
        for name, value in self._replaced.items():
            line = line.replace(name, value)
        return line

    def type(self, line: str) -> str:
        """Do what a line says; what it printed."""
        line = self.here(line)
        if line.startswith("export "):
            name = line.removeprefix("export ").partition("=")[0]
            self._environment[name] = self._run(f"{line}; printenv {name}").removesuffix("\n")
            return ""
        if line.startswith("poolhouse keys access"):
            # What the page leaves to the reader's key service.
            self.type("[ -e $HOME/master.key ] || poolhouse keys generate --file $HOME/master.key")
        if SERVERS.match(line):
            return self._serve(line)
        # The tests are running already.
        return self._run(re.sub(r"^make test\b", "make --dry-run test", line))

    def _run(self, line: str) -> str:
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout

    def _serve(self, line: str) -> str:
        self.leave()
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                ["bash", "-c", line],
                cwd=self.folder,
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + SETUP_PATIENCE
        while not self._answers():
            assert self._server.poll() is None, f"{line}\n{self._log.read_text()}"
            assert time.monotonic() < deadline, f"{line}\n{self._log.read_text()}"
            time.sleep(0.1)
        return self._log.read_text()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://localhost:{self._replaced['9229']}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def leave(self) -> None:
        """Ctrl-C to the server, if there is one."""
        if self._server is None:
            return
        server, self._server = self._server, None
        if server.poll() is None:
            os.killpg(server.pid, signal.SIGINT)
            server.wait(PATIENCE)
        assert "Traceback" not in self._log.read_text()


def _go_caches() -> dict[str, str]:
    """What Go has compiled before: a home of its own would have it compile its library again."""
    if shutil.which("go") is None:
        return {}
    names = ("GOCACHE", "GOMODCACHE")
    said = subprocess.run(["go", "env", *names], capture_output=True, text=True, check=True).stdout.splitlines()
    return dict(zip(names, said, strict=True))


def _free_ports(count: int) -> list[str]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [str(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def copy_of_what_git_tracks(folder: Path) -> None:
    """As a clone would be, with what is not committed yet."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


@pytest.fixture
def newcomer(tmp_path: Path, cluster: Cluster) -> Iterator[Newcomer]:
    for name in ("curl", "bash", "git", "make"):
        if shutil.which(name) is None:
            missing_toolchain(name)
    folder, home = tmp_path / "poolhouse", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    copy_of_what_git_tracks(folder)
    (folder / "template.yaml").write_text(OWN_TEMPLATE)
    service, gateway = _free_ports(2)
    with cluster.schema() as url:
        typing = Newcomer(
            folder,
            home,
            {
                "9229": service,
                "3000": gateway,
                "postgresql://poolhouse@db/poolhouse": url,
                "your-kms decrypt poolhouse.key": f"cat {home}/master.key",
            },
        )
        try:
            yield typing
        finally:
            typing.leave()


def test_every_command_works_as_it_is_written(newcomer: Newcomer) -> None:
    said = {page: [(line, newcomer.type(line)) for line in commands_of(page)] for page in PAGES}
    (start, welcome), *pasted = said["docs/quickstart.md"][:4]
    assert start == "make run"
    # The page says that these are what the server prints.
    for line, _ in pasted:
        assert newcomer.here(line) in welcome
    created, read, refused = (answer for _, answer in pasted)
    assert "created and invited" in created
    assert "temporary password is" in read
    assert refused.startswith("HTTP/1.1 401")
