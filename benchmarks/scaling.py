"""Two workers against one, on sign-ins: how many more are completed in the same time.

Judged by that rate alone. On two cores, two workers share with a generator and a database what one worker had nearly
to itself, so the rate cannot double there. Beside it stands an estimate for workers with cores of their own: from the
CPU of each sign-in, less the time in which a core was idle. It explains, and never makes the target met: what a sign-in
costs depends on what else is running, and the estimate has come out above 2.
"""

import psutil

from benchmarks.findings import Finding, milliseconds
from benchmarks.loading import Runs
from benchmarks.operations import served
from benchmarks.process import Process
from benchmarks.scene import Load
from benchmarks.site import Site

LIMIT = 1.8
_CONNECTIONS = 24


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
    by_rate = two.rate / one.rate
    estimate = 2 * one.server_cpu / two.server_cpu * (1 - idle)
    facts = {
        "gain_by_rate": by_rate,
        "estimate_by_cpu": estimate,
        "idle_share": idle,
        **_facts("one", one),
        **_facts("two", two),
    }
    costs = f"{milliseconds(one.server_cpu)} → {milliseconds(two.server_cpu)}"
    shown = f"{by_rate:.2f} × (CPU {costs}; estimate {estimate:.2f} ×)"
    return Finding(f"two workers against one: {title}", f"≥ {LIMIT} ×", shown, by_rate >= LIMIT, facts)


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
