"""Two workers against one, on sign-ins.

Where the machine has cores to spare for the load generator (and PostgreSQL) the rates of completed sign-ins are
compared. On a machine of two cores two workers, a generator and a database share what one worker had with them: there
the comparison is by what a core's time gets, less the time in which a core found nothing to do.
"""

import os

import psutil

from benchmarks.findings import Finding, milliseconds
from benchmarks.loading import Runs
from benchmarks.operations import served
from benchmarks.process import Process
from benchmarks.scene import Load
from benchmarks.site import Site

LIMIT = 1.8
_CONNECTIONS = 24
_CORES_TO_SPARE = 4


def measure_scaling(site: Site, work: str, title: str, runs: int, seconds: float) -> Finding:
    """The gain of a second worker."""
    load = Load(work, _CONNECTIONS, seconds)
    with served(site, meter=Process.cpu) as generator:
        one = generator.run(load, runs=runs)
    with served(site, "--workers", "2", meter=Process.cpu) as generator:
        generator.run(load, runs=1)
        before = psutil.cpu_times()
        two = generator.run(load, runs=runs, warm=0)
        idle = _idle_share(before, psutil.cpu_times())
    by_wall = two.rate / one.rate
    by_cpu = 2 * one.server_cpu / two.server_cpu * (1 - idle)
    spare = (os.cpu_count() or 1) >= _CORES_TO_SPARE
    gain = by_wall if spare else by_cpu
    facts = {
        "gain_by_rate": by_wall,
        "gain_by_cpu": by_cpu,
        "idle_share": idle,
        **_facts("one", one),
        **_facts("two", two),
    }
    how = "by rate" if spare else f"by CPU, {by_wall:.2f} × by rate"
    shown = f"{gain:.2f} × {how} ({milliseconds(one.server_cpu)} → {milliseconds(two.server_cpu)})"
    return Finding(f"two workers against one: {title}", f"≥ {LIMIT} ×", shown, gain >= LIMIT, facts)


def _facts(prefix: str, runs: Runs) -> dict[str, float]:
    return {
        f"{prefix}_rate": runs.rate,
        f"{prefix}_server_cpu_ms": runs.server_cpu * 1000,
        f"{prefix}_database_cpu_ms": runs.database_cpu * 1000,
    }


def _idle_share(before: "psutil._ntuples.scputimes", after: "psutil._ntuples.scputimes") -> float:
    spent = [late - early for early, late in zip(before, after, strict=True)]
    # Waiting for the disk is the database's, not a want of work; a second worker cannot be blamed for it.
    return float(spent[before._fields.index("idle")] / sum(spent))
