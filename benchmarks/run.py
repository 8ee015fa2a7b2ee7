"""`make bench`: everything that the house must show, on both databases, in one table; under ten minutes.

    python -m benchmarks.run [--quick] [--json FILE] [--markdown FILE] [--only PART] [--database NAME]

Owns the order of measurements. Each room of this package measures one thing.
"""

import argparse
import contextlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog

from benchmarks import floor
from benchmarks.authorising import measure_authorising
from benchmarks.databases import TITLES, Name, available, open_storage
from benchmarks.existence import measure_existence
from benchmarks.findings import Finding, markdown, print_table
from benchmarks.gateway import measure_gateway
from benchmarks.operations import Plan, measure_operations, site_size
from benchmarks.process import ROOT, free_port, wait_until_it_answers
from benchmarks.scaling import measure_scaling
from benchmarks.site import Site
from benchmarks.starting import measure_serve, measure_up

_FULL = Plan()
_QUICK = Plan(sizes=(10, 10_000), runs=1, seconds=0.5, pairs=250, memory=False)
_ABLE = 2_000


def _measure(
    name: Name, folder: Path, plan: Plan, upstream: int, only: str, say: Callable[[str], None]
) -> list[Finding]:
    with open_storage(name, folder / "database") as storage:
        site = Site(storage, folder / "site", f"http://127.0.0.1:{upstream}")
        findings: list[Finding] = []
        if only in ("", "operations"):
            findings += measure_operations(site, plan, say)
        if site_size(site) < plan.cost_size:
            site.grow(plan.cost_size, _ABLE)
        parts: dict[str, Callable[[], list[Finding]]] = {
            "authorising": lambda: measure_authorising(site, plan.runs),
            "gateway": lambda: measure_gateway(site, upstream, folder, plan.runs, plan.seconds),
            "scaling": lambda: [
                measure_scaling(site, "password", "USER_PASSWORD_AUTH", plan.runs, 2 * plan.seconds),
                measure_scaling(site, "srp", "SRP", plan.runs, 2 * plan.seconds),
            ],
            "existence": lambda: measure_existence(site, plan.pairs),
            "starting": lambda: [
                measure_serve(site, plan.runs),
                *([measure_up(site, f"http://127.0.0.1:{upstream}", plan.runs)] if name == "sqlite" else []),
            ],
        }
        for part, measure in parts.items():
            if only in ("", part):
                say(f"{name}: {part}")
                findings += measure()
    return findings


@contextlib.contextmanager
def _upstream(folder: Path) -> Iterator[int]:
    port = free_port()
    log = folder / "static.log"
    with log.open("wb") as output:
        process = subprocess.Popen([sys.executable, "-m", "benchmarks.static", str(port)], cwd=ROOT, stderr=output)
    try:
        wait_until_it_answers(process, port, log)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one short run of each, up to 10,000 users")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every number there; - is standard output")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table there, for a document")
    parser.add_argument("--only", default="", help="operations, authorising, gateway, scaling, existence or starting")
    parser.add_argument("--database", choices=list(TITLES), help="one database only")
    return parser.parse_args()


def _notes(measured: floor.Floor, seconds: float) -> list[str]:
    return [
        f"floor at the start: SRP sign-in {measured.srp_sign_in * 1000:.2f} ms, password "
        f"{measured.password_sign_in * 1000:.2f} ms, refresh {measured.refresh * 1000:.2f} ms ({measured.arithmetic}); "
        "each multiple is of the floor measured around that very run",
        "CPU is the server process's, user and system, of one worker; in brackets the PostgreSQL server's own",
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}, took {seconds:.0f} s",
    ]


def main() -> None:
    """Measure and print."""
    arguments = _arguments()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("error"))
    plan = _QUICK if arguments.quick else _FULL
    names: list[Name] = [name for name in TITLES if available(name) and arguments.database in (None, name)]
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="poolhouse-bench-"))

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", file=sys.stderr, flush=True)

    try:
        measured = floor.measure()
        with _upstream(folder) as upstream:
            found = {name: _measure(name, folder / name, plan, upstream, arguments.only, say) for name in names}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    notes = _notes(measured, time.monotonic() - started)
    if arguments.json is not None:
        document = msgspec.json.format(msgspec.json.encode({"findings": found, "floor": measured, "notes": notes}))
        (sys.stdout.buffer.write if str(arguments.json) == "-" else arguments.json.write_bytes)(document + b"\n")
    if arguments.markdown is not None:
        arguments.markdown.write_text(markdown(found))
    if str(arguments.json) != "-":
        print_table(found, notes)


if __name__ == "__main__":
    main()
