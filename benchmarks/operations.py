"""What an operation costs the server, at ten users and at a million; and what the server weighs in between.

Owns the targets of the issue for operations. The floor is measured between the runs that are held against it, because a
virtual machine's speed changes from minute to minute.
"""

import itertools
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct

from benchmarks.databases import Storage
from benchmarks.findings import Finding, milliseconds
from benchmarks.floor import Floor, measure
from benchmarks.loading import Generator, Run, Runs, generating
from benchmarks.process import Process, free_port, serving
from benchmarks.scene import Load
from benchmarks.site import Site

CONNECTIONS = 8
ABLE = 2_000
"""People of each size who can sign in."""
MEMORY_SIZE = 100_000
MEMORY_LIMIT = 100_000_000
GROWTH_LIMIT = 2.0
FLOOR_LIMIT = 1.5
_FLOOR_ROUNDS = 3


class Work(Struct, frozen=True):
    """One operation: its name with the generator and in the table; the target, in seconds or of a floor."""

    name: str
    title: str
    limit: float | None = None
    floor: Callable[[Floor], float] | None = None
    least: int = 0
    """Users that there must be for the work to be the same: a page of 60 needs 60."""


WORKS = (
    Work("srp", "SRP sign-in, verified, session durable", floor=lambda floor: floor.srp_sign_in),
    Work("password", "USER_PASSWORD_AUTH", floor=lambda floor: floor.password_sign_in),
    Work("refresh", "refresh", floor=lambda floor: floor.refresh),
    Work("get_user", "GetUser", limit=0.000_12),
    Work("admin_get_user", "AdminGetUser, signed", limit=0.000_12),
    Work("list_users", "ListUsers, page of 60, signed", limit=0.000_3, least=60),
    Work("admin_create_user", "AdminCreateUser, signed", limit=0.000_6),
    Work("admin_create_user_inviting", "AdminCreateUser with invitation, signed", limit=0.000_6),
)


class Measured(Struct, frozen=True):
    """One work's runs at one size, and for each run the floor around it."""

    runs: Runs
    floors: list[Floor]

    def of_floor(self, floor: Callable[[Floor], float]) -> float:
        """Median of the runs' costs in multiples of the floor of their moment."""
        return statistics.median(
            run.server_cpu / floor(around) for run, around in zip(self.runs.runs, self.floors, strict=True)
        )


class Plan(Struct, frozen=True):
    """How thorough to be. `cost_size` is the size at which costs are shown."""

    sizes: tuple[int, ...] = (10, 10_000, 1_000_000)
    cost_size: int = 10_000
    runs: int = 5
    seconds: float = 0.5
    pairs: int = 800
    """Of known and unknown names, for each step of a sign-in."""
    memory: bool = True


@contextmanager
def served(site: Site, *arguments: str, meter: Callable[[Process], float] = Process.own_cpu) -> Iterator[Generator]:
    """The site served by a new process, with a generator at it."""
    port, gateway_port = free_port(), free_port()
    command = ["serve", "--port", str(port), "--gateway-port", str(gateway_port), *arguments]
    with (
        serving(site.environment, command, port, site.log) as process,
        generating(site.scene(port, gateway_port), lambda: meter(process), site.storage.cpu) as generator,
    ):
        generator.served = process
        yield generator


def measure_operations(site: Site, plan: Plan, say: Callable[[str], None]) -> list[Finding]:
    """Every work at every size, growing the pool from one to the next."""
    by_size: dict[int, dict[str, Measured]] = {}
    memory: list[Finding] = []
    for size in plan.sizes:
        if plan.memory and site_size(site) < MEMORY_SIZE <= size:
            _grow(site, MEMORY_SIZE, say)
            memory = [_weigh(site)]
        _grow(site, size, say)
        with served(site) as generator:
            by_size[size] = {work.name: _measure(generator, work, plan) for work in WORKS}
    costs = [_cost(work, by_size[plan.cost_size][work.name], site.storage) for work in WORKS]
    return costs + _growths(by_size, plan) + memory


def site_size(site: Site) -> int:
    """Users in the site's pool so far."""
    return site.population.size if site.population is not None else 0


def _grow(site: Site, size: int, say: Callable[[str], None]) -> None:
    say(f"{site.storage.name}: {size:,} users")
    site.grow(size, ABLE)


def _measure(generator: Generator, work: Work, plan: Plan) -> Measured:
    load = Load(work.name, CONNECTIONS, plan.seconds)
    generator.run(Load(work.name, CONNECTIONS, 0.2), runs=1, warm=0)
    runs: list[Run] = []
    floors = [measure(_FLOOR_ROUNDS)]
    for _ in range(plan.runs):
        runs += generator.run(load, runs=1, warm=0).runs
        floors.append(measure(_FLOOR_ROUNDS))
    return Measured(Runs(runs), [_between(*pair) for pair in itertools.pairwise(floors)])


def _between(before: Floor, after: Floor) -> Floor:
    return Floor(
        before.arithmetic,
        (before.modular_exponentiation + after.modular_exponentiation) / 2,
        (before.fixed_base_power + after.fixed_base_power) / 2,
        (before.rs256_signature + after.rs256_signature) / 2,
    )


def _cost(work: Work, measured: Measured, storage: Storage) -> Finding:
    cpu = measured.runs.server_cpu
    facts = {"server_cpu_ms": cpu * 1000, "rate": measured.runs.rate, "p50_ms": measured.runs.p50 * 1000}
    beside = ""
    if storage.name == "postgresql":
        facts["database_cpu_ms"] = measured.runs.database_cpu * 1000
        beside = f" (+ {measured.runs.database_cpu * 1000:.2f})"
    if work.floor is not None:
        times = facts["times_floor"] = measured.of_floor(work.floor)
        shown = f"{milliseconds(cpu)} = {times:.2f} × floor{beside}"
        return Finding(f"{work.title}: CPU", f"≤ {FLOOR_LIMIT} × floor", shown, times <= FLOOR_LIMIT, facts)
    assert work.limit is not None
    shown = f"{milliseconds(cpu)}{beside}"
    return Finding(f"{work.title}: CPU", f"≤ {work.limit * 1000:g} ms", shown, cpu <= work.limit, facts)


def _growths(by_size: dict[int, dict[str, Measured]], plan: Plan) -> list[Finding]:
    return [
        _growth(work, {size: by_size[size][work.name] for size in plan.sizes if size >= work.least}) for work in WORKS
    ]


def _growth(work: Work, by_size: dict[int, Measured]) -> Finding:
    slow = {size: measured.runs.p99 for size, measured in by_size.items()}
    smallest, largest = min(slow), max(slow)
    growth = max(slow.values()) / slow[smallest]
    facts = {f"p99_ms_at_{size}": p99 * 1000 for size, p99 in slow.items()}
    facts |= {f"server_cpu_ms_at_{size}": measured.runs.server_cpu * 1000 for size, measured in by_size.items()}
    shown = f"{growth:.2f} × ({' → '.join(f'{p99 * 1000:.1f}' for p99 in slow.values())} ms)"
    title = f"{work.title}: p99, {smallest:,} to {largest:,} users"
    return Finding(title, f"≤ {GROWTH_LIMIT:g} ×", shown, growth <= GROWTH_LIMIT, {"growth": growth, **facts})


def _weigh(site: Site) -> Finding:
    """The memory of a server that has answered everything for a while at 100,000 users."""
    with served(site) as generator:
        for work in WORKS:
            generator.run(Load(work.name, CONNECTIONS, 0.6), runs=1, warm=0)
        assert generator.served is not None
        resident, own = generator.served.memory()
    facts = {"resident_mb": resident / 1e6, "private_mb": own / 1e6}
    shown = f"{resident / 1e6:.0f} MB resident ({own / 1e6:.0f} private)"
    limit = f"< {MEMORY_LIMIT / 1e6:.0f} MB"
    return Finding(f"memory with {MEMORY_SIZE:,} users", limit, shown, resident < MEMORY_LIMIT, facts)
