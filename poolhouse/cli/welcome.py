"""The lines that a started development server prints: where everything is, and what to paste next."""

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from poolhouse.cli.record import Api, Record
from poolhouse.cli.terminal import Paint, paint

_WIDTH = 12
_ROUTES_SHOWN = 12
SOMEBODY = "you@example.com"


def program() -> str:
    """How the person can call this program again."""
    called = Path(sys.argv[0])
    if called.name != "poolhouse":
        return f"{shlex.quote(_near(Path(sys.executable)))} -m poolhouse"
    found = shutil.which("poolhouse")
    if found is not None and Path(found).resolve() == called.resolve():
        return "poolhouse"
    return shlex.quote(_near(called))


def _near(path: Path) -> str:
    """The path as seen from here, where that is shorter."""
    try:
        # Not resolved: a virtual environment's interpreter is a link, and only the link knows its packages.
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def welcome(record: Record) -> Iterator[str]:
    """The lines."""
    yield ""
    yield paint("Poolhouse is ready", Paint.BOLD) + paint("  (Ctrl-C ends it; everything is kept)", Paint.DIM)
    yield ""
    yield _fact("Endpoint", record.endpoint)
    yield _fact("Region", record.region)
    for pool in record.pools:
        yield _fact("Pool id", f"{pool.id}  {paint(pool.name, Paint.DIM)}")
    for client in record.clients:
        yield _fact("Client id", f"{client.id}  {paint(client.name, Paint.DIM)}")
    routes = [f"{route.method} {route.url}" for api in record.apis for route in api.routes]
    for number, route in enumerate(routes[:_ROUTES_SHOWN]):
        yield _fact("API" if number == 0 else "", route)
    if len(routes) > _ROUTES_SHOWN:
        yield _fact("", paint(f"and {len(routes) - _ROUTES_SHOWN} more", Paint.DIM))
    yield _fact("Inbox", record.inbox)
    yield _fact("State", record.state)
    if record.certificate_authority is not None:
        yield _fact("Trust", f"{record.certificate_authority}  {paint('the certificate authority', Paint.DIM)}")
    yield from _next_steps(record)


def _fact(name: str, value: str) -> str:
    return f"  {paint(f'{name:<{_WIDTH}}', Paint.CYAN)}{value}"


def _next_steps(record: Record) -> Iterator[str]:
    steps = list(_steps(record))
    if not steps:
        return
    yield ""
    yield paint("Paste next", Paint.BOLD)
    for comment, command in steps:
        yield ""
        yield paint(f"  # {comment}", Paint.DIM)
        yield f"  {command}"
    yield ""


def _steps(record: Record) -> Iterator[tuple[str, str]]:
    trust = f"--cacert {shlex.quote(record.certificate_authority)} " if record.certificate_authority else ""
    if record.pools:
        pool = record.pools[0]
        name = SOMEBODY if pool.email_is_username else f"you --email {SOMEBODY}"
        several = f" --pool {pool.id}" if len(record.pools) > 1 else ""
        elsewhere = "" if Path(record.state) == Path.cwd() / ".poolhouse" else f" --state {shlex.quote(_state(record))}"
        yield "create a user; the invitation goes to the inbox", f"{program()} users create {name}{several}{elsewhere}"
        yield (
            f"read the invitation (or open the inbox in a browser){_needs_curl()}",
            f"curl -s {trust}'{record.inbox}.json?to={SOMEBODY}'",
        )
    first = next((url for api in record.apis if (url := _plain_route(api))), None)
    if first is not None:
        title = f"call the API; a guarded route says 401 until you bring a token{_needs_curl()}"
        yield title, f"curl -i {trust}{shlex.quote(first)}"


def _needs_curl() -> str:
    return "" if shutil.which("curl") else "; needs curl, which is not installed here"


def _state(record: Record) -> str:
    return os.path.relpath(record.state) if Path(record.state).is_relative_to(Path.cwd()) else record.state


def _plain_route(api: Api) -> str | None:
    return next((route.url for route in api.routes if "{" not in route.url), None)
