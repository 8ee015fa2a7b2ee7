"""The gateway's authorisation alone, in this process.

Of a token that it knows, of a new one of a session that it knows (after a refresh), and of a session never seen.

Owns what "authorisation" means here: from the request's header to the verified token of a live session.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Sequence

import msgspec
import uvloop

from benchmarks.findings import Finding, microseconds
from benchmarks.people import PASSWORD, Person
from benchmarks.site import Site
from poolhouse.call import Call
from poolhouse.gateway.authority import TokenAuthority
from poolhouse.gateway.authorizer import authorize
from poolhouse.gateway.compile import compile_api
from poolhouse.gateway.definition import ApiDefinition
from poolhouse.gateway.exchange import Exchange, socket_origin
from poolhouse.gateway.model import Route, Stage
from poolhouse.gateway_tokens import GatewayTokens
from poolhouse.http.message import RawHeaders, Request
from poolhouse.model.cognito_idp_model import InitiateAuthRequest, InitiateAuthResponse
from poolhouse.services import Services
from poolhouse.stacks.served import ServedStore
from poolhouse.userpools.operations.sign_in import initiate_auth
from tests.access.signing import WholeBody

KNOWN_LIMIT = 0.000_03
UNKNOWN_LIMIT = 0.000_1
_SESSIONS = 40
_REPEATS = 50


def measure_authorising(site: Site, rounds: int) -> list[Finding]:
    """CPU of a known and of an unknown token: medians of rounds."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measure(site, rounds))


async def _measure(site: Site, rounds: int) -> list[Finding]:
    known: list[float] = []
    refreshed: list[float] = []
    unknown: list[float] = []
    people = site.population.people if site.population else []
    async with site.services() as services:
        stage, route = await _guarded(services)
        for _ in range(rounds):
            first, second = await _fresh_tokens(services, site, people)
            authority = GatewayTokens(services)
            await asyncio.sleep(0.3)  # the feed of notices must have been read lately, as it is in a server
            # The first one loads the pool's keys.
            await _time(authority, stage, route, first[:1])
            unknown.append(await _time(authority, stage, route, first[1:]))
            refreshed.append(await _time(authority, stage, route, second))
            known.append(await _time(authority, stage, route, first * _REPEATS))
    return [
        _finding("known token", KNOWN_LIMIT, statistics.median(known)),
        _finding("unknown token, known session", UNKNOWN_LIMIT, statistics.median(refreshed)),
        _finding("unknown session", UNKNOWN_LIMIT, statistics.median(unknown)),
    ]


async def _time(authority: TokenAuthority, stage: Stage, route: Route, tokens: Sequence[str]) -> float:
    """CPU seconds of this thread for each."""
    assert route.guard is not None
    exchanges = [_exchange(token, stage, route) for token in tokens]
    started = time.thread_time()
    for exchange in exchanges:
        await authorize(exchange, route, route.guard, authority)
    return (time.thread_time() - started) / len(exchanges)


def _exchange(token: str, stage: Stage, route: Route) -> Exchange:
    headers: RawHeaders = [(b"Host", b"localhost:3000"), (b"Authorization", b"Bearer " + token.encode())]
    request = Request(
        "GET", b"/val/guarded", headers, scheme="http", peer="127.0.0.1", received_at=0.0, body=WholeBody(b"")
    )
    exchange = Exchange(
        request, ("id", "extended", "trace"), origin=socket_origin(request), received=0.0, request_time=""
    )
    exchange.stage, exchange.route = stage, route
    return exchange


async def _guarded(services: Services) -> tuple[Stage, Route]:
    (document,) = await ServedStore(services.database, services.keyring).load("api")
    stage = compile_api(msgspec.convert({**document, "mode": "session"}, ApiDefinition)).stages["val"]
    found = stage.router.find("/guarded")
    route = found[0].route("GET") if found is not None else None
    assert route is not None
    return stage, route


async def _fresh_tokens(services: Services, site: Site, people: Sequence[Person]) -> tuple[list[str], list[str]]:
    """ID tokens of new sessions, and a second one of each."""
    first: list[str] = []
    second: list[str] = []
    for person in random.SystemRandom().sample(list(people), _SESSIONS):
        password = {"USERNAME": person.email, "PASSWORD": PASSWORD}
        answer = await _initiate(services, site, "USER_PASSWORD_AUTH", password)
        assert answer.authentication_result is not None
        first.append(answer.authentication_result.id_token or "")
        refresh = {"REFRESH_TOKEN": answer.authentication_result.refresh_token or ""}
        answer = await _initiate(services, site, "REFRESH_TOKEN_AUTH", refresh)
        assert answer.authentication_result is not None
        second.append(answer.authentication_result.id_token or "")
    return first, second


async def _initiate(services: Services, site: Site, flow: str, parameters: dict[str, str]) -> InitiateAuthResponse:
    call = Call(services, now=time.time(), chance=random.SystemRandom(), request_id="benchmark")
    request = InitiateAuthRequest(client_id=site.client_id, auth_flow=flow, auth_parameters=parameters)  # type: ignore[arg-type]  # a plain str
    return await initiate_auth(call, request)


def _finding(title: str, limit: float, cpu: float) -> Finding:
    target = f"≤ {microseconds(limit)}"
    return Finding(f"gateway authorisation: {title}", target, microseconds(cpu), cpu <= limit, {"cpu_us": cpu * 1e6})
