"""A load generator's process, held by whoever measures: loads in, reports out, the server's cost beside them.

Owns the pairing of a run with what it cost the server.
"""

import contextlib
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator

import msgspec
from msgspec import Struct

from benchmarks.process import ROOT, Process
from benchmarks.scene import Load, Report, Scene

Meter = Callable[[], float]
"""CPU seconds used so far."""


class LoadFailed(Exception):
    """The server did not do what was asked; the text says what it answered."""


class Run(Struct, frozen=True):
    """One run: what the generator saw and what it cost. CPU in seconds for each operation."""

    report: Report
    server_cpu: float
    database_cpu: float

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.report.operations / self.report.seconds


class Runs(Struct, frozen=True):
    """Repeated runs of one load."""

    runs: list[Run]

    @property
    def server_cpu(self) -> float:
        """Median CPU seconds of the server for each operation."""
        return statistics.median(run.server_cpu for run in self.runs)

    @property
    def database_cpu(self) -> float:
        """Median CPU seconds of a database server of its own for each operation."""
        return statistics.median(run.database_cpu for run in self.runs)

    @property
    def p50(self) -> float:
        """Median of the runs' median latencies, in seconds."""
        return statistics.median(run.report.p50 for run in self.runs)

    @property
    def p99(self) -> float:
        """Median of the runs' 99th percentiles, in seconds."""
        return statistics.median(run.report.p99 for run in self.runs)

    @property
    def rate(self) -> float:
        """Median operations a second."""
        return statistics.median(run.rate for run in self.runs)


class Generator:
    """A generator at work."""

    def __init__(self, process: "subprocess.Popen[bytes]", server: Meter, database: Meter) -> None:
        self._process = process
        self._server = server
        self._database = database
        self.served: Process | None = None
        """The server, where this generator has one of its own."""

    def run(self, load: Load, *, runs: int, warm: float = 0.25) -> Runs:
        """Warm up, then measure so often. Raises LoadFailed."""
        if warm:
            self._once(msgspec.structs.replace(load, seconds=warm))
        return Runs([self._once(load) for _ in range(runs)])

    def _once(self, load: Load) -> Run:
        self._ask(msgspec.structs.replace(load, preparing=True))
        server, database = self._server(), self._database()
        report = self._ask(load)
        server, database = self._server() - server, self._database() - database
        return Run(report, server / report.operations, database / report.operations)

    def _ask(self, load: Load) -> Report:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(load) + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise LoadFailed(f"the load generator ended ({self._process.poll()})")
        report = msgspec.json.decode(line, type=Report)
        if report.failure is not None:
            raise LoadFailed(report.failure)
        return report


@contextlib.contextmanager
def generating(scene: Scene, server: Meter, database: Meter) -> Iterator[Generator]:
    """A generator for a scene, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.generator"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(scene) + b"\n")
        process.stdin.flush()
        yield Generator(process, server, database)
    finally:
        process.stdin.close()
        process.wait(10)
