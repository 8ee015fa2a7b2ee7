"""How long a server takes from its start to its first answer, with a stack that is deployed and unchanged.

Wall time, as a person waits; with bytecode in place, as after the very first start.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.findings import Finding, milliseconds
from benchmarks.process import ROOT, Process, ServerFailed, free_port, wait_until_it_answers
from benchmarks.site import Site

LIMIT = 0.6


def measure_serve(site: Site, runs: int) -> Finding:
    """`poolhouse serve`."""
    port, gateway_port = free_port(), free_port()
    command = ["serve", "--port", str(port), "--gateway-port", str(gateway_port)]
    return _finding("serve", [_start(command, site.environment, port, site.log) for _ in range(runs + 1)][1:])


def measure_up(site: Site, upstream: str, runs: int) -> Finding:
    """`poolhouse up` on the benchmark's template, which an earlier start has deployed."""
    port, gateway_port = free_port(), free_port()
    state = site.folder / "up"
    environment = {name: value for name, value in site.environment.items() if not name.startswith("POOLHOUSE_")}
    template = ROOT / "benchmarks" / "stack.yaml"
    command = ["up", str(template), "--state", str(state), "--parameter", f"Upstream={upstream}", "--no-watch"]
    command += ["--port", str(port), "--gateway-port", str(gateway_port)]
    return _finding("up, stack unchanged", [_start(command, environment, port, site.log) for _ in range(runs + 1)][1:])


def _start(command: list[str], environment: dict[str, str], port: int, log: Path) -> tuple[float, float]:
    """(seconds, CPU seconds) until the first answer."""
    with log.open("ab") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "poolhouse", *command],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(process, port, log)
        return time.perf_counter() - started, Process(process.pid).cpu()
    finally:
        process.terminate()
        if process.wait(20) not in (0, -15):
            raise ServerFailed(f"the server ended with {process.returncode}")


def _finding(title: str, starts: list[tuple[float, float]]) -> Finding:
    wall, cpu = (statistics.median(values) for values in zip(*starts, strict=True))
    shown = f"{milliseconds(wall)} ({milliseconds(cpu)} CPU)"
    return Finding(
        f"start to first answer: {title}",
        f"< {LIMIT * 1000:.0f} ms",
        shown,
        wall < LIMIT,
        {"wall_ms": wall * 1000, "cpu_ms": cpu * 1000},
    )
