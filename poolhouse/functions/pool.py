"""The sandboxes of one function as it is now: who works, who rests, who waits for one.

Owns growth, shrinking and the queue (first come, first served). The house-wide limit is Capacity's.
"""

import asyncio
from collections import deque

from poolhouse.telemetry.log import get_logger

from .call import Call
from .capacity import Capacity
from .faults import Fault
from .runtimes import LaunchPlan
from .sandbox import Sandbox, State, Surroundings
from .spec import FunctionSpec, ThrottleReason, TooManyInvocations

log = get_logger(__name__)

_SETTLING_SECONDS = 0.05
"""A sandbox that has answered asks for its next call within this; only then is another one worth its start."""


class Pool:
    """Sandboxes of one spec and one state of its code."""

    def __init__(self, spec: FunctionSpec, plan: LaunchPlan, around: Surroundings, capacity: Capacity) -> None:
        self.spec = spec
        self.plan = plan
        self._around = around
        self._capacity = capacity
        config = around.config
        reserved = spec.reserved_concurrency
        self._limit = config.sandboxes_per_function if reserved is None else reserved
        self._idle: list[Sandbox] = []
        self._all: set[Sandbox] = set()
        self._starting: set[Sandbox] = set()
        """Those that will serve whichever call waits longest when they are ready."""
        self._farewells: set[asyncio.Task[None]] = set()
        self._waiting: deque[Call] = deque()
        self._draining = False
        self._grow_timer: asyncio.TimerHandle | None = None
        self._shrink_timer: asyncio.TimerHandle | None = None
        capacity.join(self)

    @property
    def size(self) -> int:
        """Sandboxes that run or start."""
        return len(self._all)

    @property
    def wants_room(self) -> bool:
        """See Claimant."""
        return not self._draining and len(self._waiting) > len(self._starting)

    @property
    def idle_since(self) -> float | None:
        """See Claimant."""
        return self._idle[0].idle_since if self._idle else None

    def pids(self) -> list[int]:
        """The processes of its sandboxes."""
        return [sandbox.pid for sandbox in self._all]

    # -- calls

    def submit(self, call: Call, wait: float) -> None:
        """Give the call to a sandbox now or within `wait` seconds. Raises TooManyInvocations when the queue is full.

        A call that waits in vain gets TooManyInvocations from its future.
        """
        while self._idle:
            sandbox = self._idle.pop()
            if not sandbox.must_retire:
                sandbox.assign(call)
                return
            sandbox.retire()
        if self._limit == 0 or len(self._waiting) >= self._around.config.queue_length:
            raise TooManyInvocations(self._reason)
        call.wait_timer = asyncio.get_running_loop().call_later(wait, self._give_up, call)
        self._waiting.append(call)
        settling = sum(sandbox.state is State.ANSWERED for sandbox in self._all)
        self._start_needed(settling)
        if settling and self._grow_timer is None:
            self._grow_timer = asyncio.get_running_loop().call_later(_SETTLING_SECONDS, self.grow)

    @property
    def _reason(self) -> ThrottleReason:
        reserved = self.spec.reserved_concurrency is not None
        return ThrottleReason.RESERVED if reserved else ThrottleReason.TOTAL

    def _give_up(self, call: Call) -> None:
        if call not in self._waiting:
            return
        if self._waiting.index(call) < len(self._starting):
            # Not a lack of sandboxes: one is on its way, and its start has a limit of its own.
            patience = self._around.config.init_timeout
            call.wait_timer = asyncio.get_running_loop().call_later(patience, self._give_up, call)
        else:
            self._waiting.remove(call)
            if not call.is_over:
                log.warning("invocation_throttled", function=self.spec.name, waiting=len(self._waiting))
                call.done.set_exception(TooManyInvocations(self._reason))

    def _next_call(self) -> Call | None:
        """The call that has waited longest; callers that left meanwhile are passed over."""
        while self._waiting:
            call = self._waiting.popleft()
            call.stop_waiting()
            if not call.is_over:
                return call
        return None

    # -- growth

    def grow(self) -> None:
        """Start sandboxes while calls wait for which none is starting."""
        if self._grow_timer is not None:
            self._grow_timer.cancel()
            self._grow_timer = None
        self._start_needed(0)

    def _start_needed(self, settling: int) -> None:
        """`settling` sandboxes have answered and are about to ask for their next call."""
        while (
            not self._draining
            and len(self._starting) + settling < len(self._waiting)
            and len(self._all) < self._limit
            and self._capacity.take(self)
        ):
            self._start(None)

    def _start(self, bound: Call | None) -> None:
        sandbox = Sandbox(self.spec, self.plan, self._around, self)
        self._all.add(sandbox)
        if bound is None:
            self._starting.add(sandbox)
        sandbox.start(bound)

    def sandbox_ready(self, sandbox: Sandbox) -> None:
        """See sandbox.Owner."""
        fresh = sandbox in self._starting
        self._starting.discard(sandbox)
        # A fresh one serves a call before it yields: else two functions could starve each other for ever.
        yields = not fresh and self._capacity.starves_another(self)
        if self._draining or sandbox.must_retire or yields:
            sandbox.retire()
            return
        call = self._next_call()
        if call is not None:
            sandbox.assign(call)
            return
        if self._capacity.is_wanted_by_another(self):
            sandbox.retire()
            return
        sandbox.idle_since = self._around.monotonic()
        self._idle.append(sandbox)
        if self._shrink_timer is None:
            self._plan_shrink(self._around.config.idle_seconds)

    def sandbox_ended(self, sandbox: Sandbox, fault: Fault | None) -> None:
        """See sandbox.Owner."""
        self._all.discard(sandbox)
        if sandbox in self._idle:
            self._idle.remove(sandbox)
        farewell = asyncio.get_running_loop().create_task(sandbox.ended())
        self._farewells.add(farewell)
        farewell.add_done_callback(self._farewells.discard)
        if sandbox in self._starting:
            self._starting.discard(sandbox)
            call = self._next_call()
            if call is not None and sandbox.start_timed_out:
                # Its room is not given back: the second start, within the call's own time, takes it.
                self._start(call)
                return
            if call is not None and fault is not None:
                sandbox.fail_call(call, fault)
        self._capacity.release()
        self.grow()

    # -- shrinking

    def give_up_idle(self) -> None:
        """See Claimant."""
        if self._idle:
            self._idle[0].retire()

    def _plan_shrink(self, seconds: float) -> None:
        self._shrink_timer = asyncio.get_running_loop().call_later(seconds, self._shrink)

    def _shrink(self) -> None:
        self._shrink_timer = None
        patience = self._around.config.idle_seconds
        now = self._around.monotonic()
        while self._idle and now - self._idle[0].idle_since >= patience:
            self._idle[0].retire()
        if self._idle:
            self._plan_shrink(max(0.01, self._idle[0].idle_since + patience - now))

    # -- the end

    def drain(self) -> list[Call]:
        """Take no more calls, let those in progress finish; the calls that waited, for the successor."""
        self._draining = True
        self._capacity.leave(self)
        for timer in (self._shrink_timer, self._grow_timer):
            if timer is not None:
                timer.cancel()
        self._shrink_timer = self._grow_timer = None
        waiting = [call for call in self._waiting if not call.is_over]
        self._waiting.clear()
        for call in waiting:
            call.stop_waiting()
        for sandbox in [*self._idle, *self._starting]:
            sandbox.retire()
        return waiting

    async def close(self) -> None:
        """End everything now; calls in progress fail."""
        for call in self.drain():
            call.done.set_exception(TooManyInvocations(self._reason))
        for sandbox in tuple(self._all):
            sandbox.retire()
        if self._farewells:
            await asyncio.wait(tuple(self._farewells))
