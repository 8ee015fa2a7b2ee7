"""A throwaway PostgreSQL server: its own data folder, a port of its own on loopback, no root."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")


def find_binary(name: str) -> str | None:
    """The newest installed PostgreSQL program of that name."""
    for pattern in _FOLDERS:
        found = sorted(Path("/").glob(pattern.lstrip("/") + f"/{name}"), key=lambda path: path.parts, reverse=True)
        if found:
            return str(found[0])
    return shutil.which(name)


def missing_toolchain(what: str) -> None:
    """Say that a test cannot run here; where nothing may be missing (CI), fail instead."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} is not installed, and CI skips nothing")
    pytest.skip(f"{what} is not installed on this machine")


def _as_owner(command: list[str]) -> list[str]:
    # The server refuses to run as root; containers and CI often are root.
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command] if _is_root() else command


def give_to_owner(path: Path) -> None:
    """Let the server's user write a file or folder."""
    if _is_root():
        shutil.chown(path, "postgres", "postgres")


def _is_root() -> bool:
    return os.geteuid() == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Cluster:
    """A running server that can be killed and started again."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._data = folder / "data"
        self._log = folder / "server.log"
        self.port = _free_port()
        self._durable = durable
        self._process: subprocess.Popen[bytes] | None = None

    def initialise(self, *options: str) -> None:
        """Create the data folder; `options` are initdb's."""
        if _is_root():
            for path in [self._data.parent, *self._data.parent.parents]:
                if path.stat().st_uid != 0 or path == Path("/tmp"):  # stop at the shared folder
                    break
                path.chmod(path.stat().st_mode | 0o011)
            give_to_owner(self._data.parent)
        self._run(
            "initdb", "-D", str(self._data), "-U", "poolhouse", "-A", "trust", "-E", "UTF8", "--locale=C", *options
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = [] if self._durable else ["-c", "fsync=off", "-c", "synchronous_commit=off"]
        self._process = subprocess.Popen(
            _as_owner(
                [
                    find_binary("postgres") or "postgres",
                    *("-D", str(self._data), "-p", str(self.port), "-c", "listen_addresses=127.0.0.1"),
                    *("-c", "unix_socket_directories=", "-c", "max_connections=200", "-c", "shared_buffers=128MB"),
                    *options,
                ]
            ),
            stdout=self._log.open("ab"),
            stderr=subprocess.STDOUT,
        )
        subprocess.run(
            [
                *("sh", "-c"),
                f"for i in $(seq 300); do {find_binary('pg_isready')} -q -h 127.0.0.1 -p {self.port} -U poolhouse"
                " && exit 0; sleep 0.1; done; exit 1",
            ],
            check=True,
        )

    def kill(self) -> None:
        """Kill the server and all its children as a power cut would."""
        assert self._process is not None
        subprocess.run(["pkill", "-9", "-P", str(self._process.pid)], check=False)
        self._process.kill()
        self._process.wait()
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """Stop the server at once, cleanly."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(5)
            if self._process.poll() is None:
                self._process.send_signal(3)
                self._process.wait()

    @property
    def ended(self) -> bool:
        """Whether the server has given up by itself."""
        assert self._process is not None
        return self._process.poll() is not None

    @property
    def ready(self) -> bool:
        """Whether the server takes connections."""
        probe = [find_binary("pg_isready") or "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run([*probe, "-U", "poolhouse"], check=False).returncode == 0

    def limit_files(self, size: int | None) -> None:
        """Let no process of the server write beyond `size` bytes of any file; None takes the limit away."""
        assert self._process is not None
        postmaster = psutil.Process(self._process.pid)
        limit = "unlimited" if size is None else str(size)
        for process in (postmaster, *postmaster.children(recursive=True)):
            # As their own user: changing another's limits is a privilege that containers lack. Some end meanwhile.
            command = ["prlimit", "--pid", str(process.pid), f"--fsize={limit}:unlimited"]
            subprocess.run(_as_owner(command), check=process is postmaster, stderr=subprocess.DEVNULL)

    def restart(self) -> None:
        """As an operator does: every connection is cut, what was committed stays."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(30)
        self.start()

    def create_database(self, name: str, *options: str) -> str:
        """Make an empty database; returns its URL. `options` are createdb's."""
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "poolhouse", *options, name)
        return f"postgresql://poolhouse@127.0.0.1:{self.port}/{name}"

    @contextlib.contextmanager
    def schema(self) -> Iterator[str]:
        """An empty schema in one shared database: as good as a database of one's own, and a tenth of the cost."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self.sql(f"CREATE SCHEMA {name}")
        try:
            yield f"postgresql://poolhouse@127.0.0.1:{self.port}/postgres?search_path={name}"
        finally:
            self.sql(f"DROP SCHEMA {name} CASCADE")

    def sql(self, statement: str) -> None:
        """Run one statement as the cluster's owner."""
        where = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "poolhouse", "-d", "postgres")
        self._run(
            "psql", *where, "-q", "-v", "ON_ERROR_STOP=1", "-c", "SET client_min_messages = error", "-c", statement
        )

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(_as_owner([find_binary(program) or program, *arguments]), check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def cluster_folder() -> Iterator[Path]:
    """A folder for a server, gone when the block ends."""
    # Not below pytest's own folder: another run would close that to the server's user.
    with tempfile.TemporaryDirectory(prefix="poolhouse-pg-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def start_cluster(folder: Path, *options: str, durable: bool = False) -> Iterator[Cluster]:
    """A fresh server in `folder`; `durable` keeps fsync on, for tests that kill it; `options` are initdb's."""
    if find_binary("initdb") is None:
        missing_toolchain("PostgreSQL (initdb)")
    cluster = Cluster(folder, durable=durable)
    cluster.initialise(*options)
    cluster.start()
    try:
        yield cluster
    finally:
        cluster.stop()
