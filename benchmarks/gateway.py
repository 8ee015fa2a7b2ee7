"""Whole requests through the gateway: with and without authorisation, to a function, to an upstream beside nginx."""

from pathlib import Path

from benchmarks.findings import Finding, microseconds
from benchmarks.loading import Generator, Runs, generating
from benchmarks.nginx import find_nginx, proxying
from benchmarks.operations import CONNECTIONS, served
from benchmarks.scene import Load
from benchmarks.site import Site


class _Measure:
    """Runs one kind of request, as a load and one at a time."""

    def __init__(self, generator: Generator, runs: int, seconds: float) -> None:
        self._generator = generator
        self._runs = runs
        self._seconds = seconds

    def load(self, work: str, port: int = 0) -> Runs:
        """Many at once, for the CPU of each."""
        return self._generator.run(Load(work, CONNECTIONS, self._seconds, port=port), runs=self._runs)

    def short(self, work: str) -> Runs:
        """A load that uses up what was prepared for it, and so must not last."""
        return self._generator.run(Load(work, CONNECTIONS, 0.2), runs=self._runs, warm=0)

    def alone(self, work: str, port: int = 0) -> Runs:
        """One after the other, for the time that each takes."""
        return self._generator.run(Load(work, 1, self._seconds / 2, port=port), runs=self._runs)


def measure_gateway(site: Site, upstream: int, folder: Path, runs: int, seconds: float) -> list[Finding]:
    """CPU of the server for each request; for upstreams also the time that the hop adds."""
    with served(site) as generator:
        measure = _Measure(generator, runs, seconds)
        findings = [
            _plain("gateway, MOCK without authoriser", measure.load("gateway_open")),
            _plain("gateway, MOCK, known token", measure.load("gateway_known")),
            _plain("gateway, MOCK, unknown token, known session", measure.short("gateway_unknown")),
            _plain("gateway, warm Python function", measure.load("gateway_function")),
        ]
        direct = measure.alone("static", upstream)
        findings.append(
            _hop(
                "gateway, HTTP upstream",
                measure.load("gateway_upstream_open"),
                measure.alone("gateway_upstream_open"),
                direct,
            )
        )
        findings.append(
            _hop(
                "gateway, HTTP upstream, known token",
                measure.load("gateway_upstream"),
                measure.alone("gateway_upstream"),
                direct,
            )
        )
    return [*findings, _beside_nginx(site, upstream, folder, runs, seconds, direct)]


def _beside_nginx(site: Site, upstream: int, folder: Path, runs: int, seconds: float, direct: Runs) -> Finding:
    title = "beside it: nginx proxy_pass, same upstream"
    program = find_nginx()
    if program is None:
        return Finding(title, "", "nginx is not installed", None, {})
    with (
        proxying(program, upstream, folder / "nginx") as (port, process),
        generating(site.scene(port, port), process.cpu, site.storage.cpu) as generator,
    ):
        measure = _Measure(generator, runs, seconds)
        return _hop(title, measure.load("static", port), measure.alone("static", port), direct)


def _plain(title: str, runs: Runs) -> Finding:
    facts = {"server_cpu_us": runs.server_cpu * 1e6, "rate": runs.rate, "p50_us": runs.p50 * 1e6}
    shown = f"{microseconds(runs.server_cpu)} CPU, {runs.rate:.0f}/s"
    return Finding(title, "", shown, None, facts)


def _hop(title: str, load: Runs, alone: Runs, direct: Runs) -> Finding:
    added = alone.p50 - direct.p50
    facts = {"server_cpu_us": load.server_cpu * 1e6, "rate": load.rate, "added_us": added * 1e6}
    shown = f"{microseconds(load.server_cpu)} CPU, adds {microseconds(added)}"
    return Finding(title, "", shown, None, facts)
