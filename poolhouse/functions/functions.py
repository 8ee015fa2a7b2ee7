"""The room's front door: which functions there are, calling one, replacing them, ending them all.

Owns the set of deployed functions and their reload. Knows nothing of templates, gateways or permissions.
"""

import asyncio
import os
import shutil
import time
from collections.abc import Callable, Iterable

from poolhouse.telemetry.log import get_logger

from . import code, faults
from .call import Call, new_request_id
from .capacity import Capacity
from .events import EventCalls
from .golang import GoBuilds
from .journal import LogSink
from .pool import Pool
from .runtimes import LaunchPlan, Runtimes
from .sandbox import Surroundings
from .scratch import Scratch
from .spec import (
    EVENT_LIMIT,
    NO_CONTEXT,
    REQUEST_LIMIT,
    CallContext,
    CredentialsSource,
    FunctionBroken,
    FunctionNotFound,
    FunctionsBroken,
    FunctionsConfig,
    FunctionSpec,
    Invocation,
    PayloadTooLarge,
    TooManyInvocations,
)
from .supervisor import Supervisor

log = get_logger(__name__)


class Deployed:
    """A function and the pool that runs its present code."""

    __slots__ = ("broken", "checked_at", "lock", "pool", "seen")

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.broken: FunctionBroken | None = None
        """Why the code as it is now cannot run, after a change."""
        self.seen = pool.plan.fingerprint
        self.checked_at = 0.0
        self.lock = asyncio.Lock()

    @property
    def spec(self) -> FunctionSpec:
        """What was deployed."""
        return self.pool.spec


class Functions:
    """All functions of the house. Create, configure, invoke and close it in one event loop."""

    def __init__(
        self,
        config: FunctionsConfig,
        *,
        credentials: CredentialsSource,
        sink: LogSink,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.perf_counter,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._scratch = Scratch(config.state_dir / "sandboxes")
        self._config = config
        self._supervisor = Supervisor(self._scratch.folder, cgroup_parent=config.cgroup_parent)
        builds = GoBuilds(
            config.state_dir / "builds", self._supervisor, config.go or shutil.which("go"), config.build_timeout
        )
        self._runtimes = Runtimes(config, builds)
        self._around = Surroundings(
            config, self._supervisor, credentials, sink, self._scratch.folder, clock, monotonic, random
        )
        self._capacity = Capacity(config.sandboxes_total)
        self._deployed: dict[str, Deployed] = {}
        self._by_arn: dict[str, Deployed] = {}
        self._former: list[Pool] = []
        self._events = EventCalls(config.async_calls, config.async_retry_delays)
        self._configuring = asyncio.Lock()

    # -- what there is

    def find(self, name_or_arn: str) -> FunctionSpec:
        """The spec of a function. Raises FunctionNotFound."""
        return self._find(name_or_arn).spec

    def specs(self) -> list[FunctionSpec]:
        """All functions, in the order of their configuration."""
        return [deployed.spec for deployed in self._deployed.values()]

    def arn_of(self, name: str) -> str:
        """The ARN that a function of this name has or would have here."""
        return f"arn:aws:lambda:{self._config.region}:{self._config.account_id}:function:{name}"

    def sandbox_count(self, name_or_arn: str) -> int:
        """How many sandboxes the function's present code has, starting ones included. Raises FunctionNotFound."""
        return self._find(name_or_arn).pool.size

    def sandbox_pids(self, name_or_arn: str) -> list[int]:
        """Their processes. Raises FunctionNotFound."""
        return self._find(name_or_arn).pool.pids()

    @property
    def launcher_pid(self) -> int | None:
        """The process that starts sandboxes, once it runs."""
        return self._supervisor.launcher_pid

    def _find(self, name_or_arn: str) -> Deployed:
        deployed = self._by_arn.get(name_or_arn) or self._deployed.get(name_or_arn)
        if deployed is None:
            raise FunctionNotFound(name_or_arn)
        return deployed

    # -- deployment

    async def configure(self, specs: Iterable[FunctionSpec]) -> None:
        """Make these the functions, all at once; unchanged ones keep their warm sandboxes.

        Builds what must be built first. Raises FunctionsBroken, with the former set still serving.
        """
        async with self._configuring:
            wanted = {spec.name: spec for spec in specs}
            plans = await self._plan_all(wanted)
            replaced: list[tuple[Pool, Deployed | None]] = []
            deployed: dict[str, Deployed] = {}
            for name, spec in wanted.items():
                former = self._deployed.get(name)
                if former and not former.broken and former.spec == spec and former.pool.plan == plans[name]:
                    deployed[name] = former
                    continue
                deployed[name] = Deployed(Pool(spec, plans[name], self._around, self._capacity))
                if former:
                    replaced.append((former.pool, deployed[name]))
            replaced += [(old.pool, None) for name, old in self._deployed.items() if name not in wanted]
            self._deployed = deployed
            self._by_arn = {entry.spec.arn: entry for entry in deployed.values()}
            for pool, successor in replaced:
                self._retire(pool, successor)
            log.debug("functions_configured", count=len(deployed), replaced=len(replaced))

    async def _plan_all(self, specs: dict[str, FunctionSpec]) -> dict[str, LaunchPlan]:
        plans: dict[str, LaunchPlan] = {}
        failures = []
        for name, spec in specs.items():
            try:
                plans[name] = await self._runtimes.plan(spec)
            except FunctionBroken as failure:
                failures.append(failure)
        if failures:
            raise FunctionsBroken(failures)
        return plans

    def _retire(self, pool: Pool, successor: Deployed | None) -> None:
        """Let a pool finish what it does; the calls that wait move on to its successor."""
        self._former = [former for former in self._former if former.size]
        self._former.append(pool)
        for call in pool.drain():
            if successor is None:
                call.done.set_exception(FunctionNotFound(pool.spec.name))
                continue
            try:
                successor.pool.submit(call, self._config.queue_wait)
            except TooManyInvocations as refused:
                call.done.set_exception(refused)

    # -- calls

    async def invoke(
        self,
        name_or_arn: str,
        payload: bytes,
        *,
        context: CallContext = NO_CONTEXT,
        timeout: float | None = None,  # noqa: ASYNC109 - the wait for a sandbox is bounded by it too
    ) -> Invocation:
        """Call a function with a JSON event and wait for its result or its failure.

        `timeout`: seconds after which the caller loses interest (TimeoutError); the function runs on.
        Raises FunctionNotFound, PayloadTooLarge, TooManyInvocations, TimeoutError.
        """
        deployed = self._find(name_or_arn)
        if len(payload) > REQUEST_LIMIT:
            raise PayloadTooLarge(REQUEST_LIMIT)
        call = Call(new_request_id(self._around.random), payload, context)
        if timeout is None:
            return await self._run(deployed, call, self._config.queue_wait)
        async with asyncio.timeout(timeout):
            return await self._run(deployed, call, min(self._config.queue_wait, timeout))

    async def _run(self, deployed: Deployed, call: Call, wait: float) -> Invocation:
        if self._config.reload_interval is not None:
            await self._refresh(deployed)
        if deployed.broken is not None:
            first_line = deployed.broken.message.partition("\n")[0]
            call.fail(faults.broken(first_line), deployed.broken.message.encode()[-4096:], 0.0)
        else:
            deployed.pool.submit(call, wait)
        return await call.done

    def invoke_event(self, name_or_arn: str, payload: bytes, *, context: CallContext = NO_CONTEXT) -> str:
        """Call a function without waiting (InvocationType Event); its request id.

        A failure is retried as the config says. DEVIATION: pending events live in memory and end with the server.
        Raises FunctionNotFound, PayloadTooLarge, TooManyInvocations.
        """
        name = self._find(name_or_arn).spec.name
        if len(payload) > EVENT_LIMIT:
            raise PayloadTooLarge(EVENT_LIMIT)
        request_id = new_request_id(self._around.random)

        async def attempt() -> Invocation:
            call = Call(request_id, payload, context)
            return await self._run(self._find(name), call, self._config.queue_wait)

        self._events.begin(name, request_id, attempt)
        return request_id

    # -- development: code that changes

    async def _refresh(self, deployed: Deployed) -> None:
        """Look at the code, unless that was done just now, and replace the pool if it has changed."""
        interval = self._config.reload_interval
        if interval is None or self._around.monotonic() - deployed.checked_at < interval:
            return
        async with deployed.lock:
            if self._around.monotonic() - deployed.checked_at < interval:
                return
            state = await asyncio.to_thread(code.fingerprint, deployed.pool.plan.source_dir)
            if state != deployed.seen:
                await self._reload(deployed, state)
            deployed.checked_at = self._around.monotonic()

    async def _reload(self, deployed: Deployed, state: str) -> None:
        deployed.seen = state
        try:
            plan = await self._runtimes.plan(deployed.spec)
        except FunctionBroken as failure:
            log.error("function_broken_by_change", function=deployed.spec.name, reason=failure.message)
            deployed.broken = failure
            return
        deployed.broken = None
        former = deployed.pool
        deployed.pool = Pool(deployed.spec, plan, self._around, self._capacity)
        deployed.seen = plan.fingerprint
        self._retire(former, deployed)
        log.info("function_reloaded", function=deployed.spec.name)

    # -- the end

    async def close(self) -> None:
        """End every sandbox, failing the calls in progress, and remove the scratch folder."""
        await self._events.close()
        pools = [deployed.pool for deployed in self._deployed.values()] + self._former
        self._deployed, self._by_arn, self._former = {}, {}, []
        await asyncio.gather(*[pool.close() for pool in pools])
        await self._supervisor.close()
        await asyncio.to_thread(self._scratch.remove)
