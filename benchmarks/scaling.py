"""Two workers against one, on sign-ins: how many more are completed in the same time when a core comes with the worker.

One worker, its load generator and its database share one core; then two workers share two cores with theirs. What
stands beside the workers is paid for in both, so twice the rate is what perfect scaling gives, on a machine of two
cores as on a larger one; what is lost below that is lost to locks, the database and the caches between the cores.
"""

import contextlib
import os
from collections.abc import Iterator

import psutil

from benchmarks.databases import Storage
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
    one, two = (_measure(site, load, workers, runs) for workers in (1, 2))
    gain = two.rate / one.rate
    facts = {"gain_by_rate": gain, **_facts("one", one), **_facts("two", two)}
    costs = f"CPU {milliseconds(one.server_cpu)} → {milliseconds(two.server_cpu)}"
    shown = f"{gain:.2f} × ({one.rate:.0f} → {two.rate:.0f}/s; {costs})"
    return Finding(f"two workers on two cores against one on one: {title}", f"≥ {LIMIT} ×", shown, gain >= LIMIT, facts)


def _measure(site: Site, load: Load, workers: int, runs: int) -> Runs:
    options = ("--workers", str(workers)) if workers > 1 else ()
    with _confined(workers, site.storage), served(site, *options, meter=Process.cpu) as generator:
        return generator.run(load, runs=runs, warm=0.5)


@contextlib.contextmanager
def _confined(cores: int, storage: Storage) -> Iterator[None]:
    """Keep the database, and all that this process starts meanwhile, to so many cores, where the system can."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    every = os.sched_getaffinity(0)
    try:
        _keep_to(storage, set(sorted(every)[:cores]))
        yield
    finally:
        _keep_to(storage, every)


def _keep_to(storage: Storage, cores: set[int]) -> None:
    os.sched_setaffinity(0, cores)
    for process in storage.processes():
        with contextlib.suppress(psutil.NoSuchProcess):
            for thread in process.threads():
                os.sched_setaffinity(thread.id, cores)


def _facts(prefix: str, runs: Runs) -> dict[str, float]:
    return {
        f"{prefix}_rate": runs.rate,
        f"{prefix}_server_cpu_ms": runs.server_cpu * 1000,
        f"{prefix}_database_cpu_ms": runs.database_cpu * 1000,
    }
