"""One sandbox: a runtime's process, its private Runtime API endpoint, and the one call it works on.

Owns the state machine from start to end and every deadline in it. Which call comes next is its owner's choice.
"""

import asyncio
import enum
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from poolhouse.http.server import Server
from poolhouse.telemetry.log import get_logger

from . import environment, faults, peers
from .call import Call, Handed, new_trace_id
from .child import Child, ChildExit, Command, SpawnFailed
from .faults import Fault
from .journal import Journal, LogSink, LogSource, Report
from .private_server import PrivateServer
from .runtime_api import LIMITS, RefusedByState, RuntimeApi, UnknownRequestId, on_protocol_error
from .runtimes import LaunchPlan
from .spec import LOG_TAIL, CredentialsSource, FunctionsConfig, FunctionSpec
from .supervisor import Supervisor
from .usage import ResidentMemory

log = get_logger(__name__)

_LAST_WORDS_SECONDS = 0.02
"""A result may still lie in the socket when the exit is reported: it is read first."""
_EXIT_SECONDS = 1.0
"""For a runtime that has reported that it cannot start."""
_EXPIRY_MARGIN = 60.0
"""A sandbox takes no call whose keys could expire under it."""


class Surroundings(NamedTuple):
    """What all sandboxes share."""

    config: FunctionsConfig
    supervisor: Supervisor
    credentials: CredentialsSource
    sink: LogSink
    scratch: Path
    clock: Callable[[], float]
    monotonic: Callable[[], float]
    random: Callable[[int], bytes]


class State(enum.Enum):
    """Where a sandbox stands."""

    STARTING = "starting"
    READY = "ready"
    BUSY = "busy"
    ANSWERED = "answered"
    """The result is in, the runtime has not asked for the next call yet."""
    ENDED = "ended"


class Owner(Protocol):
    """Who is told of a sandbox's turns."""

    def sandbox_ready(self, sandbox: "Sandbox") -> None:
        """It waits for a call: give it one, keep it, or end it."""
        ...

    def sandbox_ended(self, sandbox: "Sandbox", fault: Fault | None) -> None:
        """It takes no more calls; `fault` when it never was ready."""
        ...


class Sandbox:
    """A supervised process that speaks the Runtime API; implements runtime_api.Runtime."""

    def __init__(self, spec: FunctionSpec, plan: LaunchPlan, around: Surroundings, owner: Owner) -> None:
        self.spec = spec
        self.state = State.STARTING
        self.idle_since = 0.0
        self.expires_at: float | None = None
        self._plan = plan
        self._around = around
        self._owner = owner
        self._bound: Call | None = None
        self._handed: Handed | None = None
        self._parked: asyncio.Future[bool] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._child: Child | None = None
        self._server: PrivateServer | None = None
        self._home: str | None = None
        self._begun = 0.0
        self._init_ms: float | None = None
        self._init_fault: Fault | None = None
        self._gone = asyncio.Event()
        self._runs = asyncio.Event()
        self._memory: ResidentMemory | None = None
        self._starting: asyncio.Task[None] | None = None
        self._cleaning: asyncio.Task[None] | None = None
        self.start_timed_out = False
        """Its first start took too long, which deserves a second one."""
        day = time.strftime("%Y/%m/%d", time.gmtime(around.clock()))
        stream = f"{day}/[$LATEST]{around.random(16).hex()}"
        self._stream = stream
        self._journal = Journal(
            LogSource(spec.name, stream), around.sink, around.clock, around.config.log_bytes_per_call
        )

    @property
    def arn(self) -> str:
        """See runtime_api.Runtime."""
        return self.spec.arn

    @property
    def pid(self) -> int:
        """The runtime's process; 0 before it runs."""
        return 0 if self._child is None else self._child.pid

    @property
    def must_retire(self) -> bool:
        """Whether its keys are about to expire."""
        if self.expires_at is None:
            return False
        return self._around.clock() + self.spec.timeout + _EXPIRY_MARGIN > self.expires_at

    # -- start

    def start(self, bound: Call | None = None) -> None:
        """Start the process. With `bound`, start-up runs within that call's own time and it comes first."""
        loop = asyncio.get_running_loop()
        self._begun = self._around.monotonic()
        self._bound = bound
        limit = self._around.config.init_timeout
        if bound is not None:
            limit = self.spec.timeout
            bound.stop_waiting()
            self._journal.begin(bound.request_id)
        self._timer = loop.call_later(limit, self._init_expired)
        self._starting = loop.create_task(self._start())

    async def _start(self) -> None:
        around = self._around
        try:
            keys = await around.credentials(self.spec)
            self.expires_at = keys.expires_at
            api = Server(RuntimeApi(self).handle, LIMITS, on_error=on_protocol_error)
            self._server = PrivateServer(api, self._admits)
            self._server.listen("127.0.0.1")
            self._home = tempfile.mkdtemp(prefix="s", dir=around.scratch)
            place = environment.Place(
                api=f"127.0.0.1:{self._server.port}",
                temp=self._home,
                log_stream=self._stream,
                region=around.config.region,
                endpoint_url=around.config.endpoint_url,
            )
            variables = environment.build(self.spec, self._plan.env, keys, place)
            child = await around.supervisor.spawn(self._command(variables), self._journal.feed, self._exited)
        except SpawnFailed as failure:
            log.error("sandbox_not_started", function=self.spec.name, program=failure.program, stage=failure.stage)
            self._end(faults.not_started(failure))
            return
        except Exception as crash:  # the boundary: a caller waits, whatever the source of keys raised
            log.error("sandbox_not_started", function=self.spec.name, exc_info=crash)
            self._end(Fault("Sandbox.Failure", "the sandbox could not be prepared"))
            return
        self._child = child
        self._runs.set()
        self._memory = ResidentMemory(child.pid)
        log.info("sandbox_started", function=self.spec.name, pid=child.pid, runtime=self.spec.runtime)

    async def _admits(self, connection: socket.socket) -> bool:
        """Whether this sandbox's own process has connected: any other on this machine can find the port, and
        would take the next event away and answer it."""
        client, server = connection.getpeername(), connection.getsockname()
        await self._runs.wait()
        own = await asyncio.to_thread(peers.is_held_within, client, server, self.pid)
        if own is False:
            log.warning("foreign_connection_refused", function=self.spec.name, pid=self.pid)
        return own is not False

    def _command(self, variables: dict[str, str]) -> Command:
        return Command(
            argv=self._plan.argv,
            env=variables,
            cwd=self.spec.code_dir,
            marker=f"AWS_LAMBDA_RUNTIME_API={variables['AWS_LAMBDA_RUNTIME_API']}",
            memory_bytes=self.spec.memory_mb << 20,
        )

    def _init_expired(self) -> None:
        log.warning("sandbox_start_timed_out", function=self.spec.name, pid=self.pid)
        self.start_timed_out = self._init_fault is None and self._bound is None
        seconds = self._around.config.init_timeout if self._bound is None else self.spec.timeout
        self._end(self._init_fault or faults.timed_out(seconds))

    # -- the owner's side

    def assign(self, call: Call) -> None:
        """Give a ready sandbox its next call; its time starts now."""
        self._hand(call, self.spec.timeout)
        self._journal.begin(call.request_id)

    def _hand(self, call: Call, seconds: float) -> None:
        assert self.state is State.READY
        call.stop_waiting()
        around = self._around
        now = around.clock()
        trace = call.context.trace_id or new_trace_id(around.random, now)
        self._handed = Handed(call, int((now + seconds) * 1000), trace)
        self.state = State.BUSY
        self._begun = around.monotonic()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._expired)
        self._wake(True)

    def retire(self) -> None:
        """End it; a call in progress ends with it."""
        self._end(Fault("Sandbox.Failure", "Runtime was stopped"))

    async def ended(self) -> None:
        """Wait until its process is gone and its folder removed."""
        if self._cleaning is not None:
            await self._cleaning

    # -- the runtime's side: see runtime_api.Runtime

    async def next(self) -> Handed:
        if self.state in (State.BUSY, State.ENDED):
            raise RefusedByState(f"cannot ask for the next invocation while {self.state.value}")
        if self.state is not State.READY:
            self._become_ready()
        if self._handed is None and self.state is State.READY:
            await self._park()
        handed = self._handed
        if handed is None:
            raise RefusedByState("the sandbox has ended")
        return handed

    async def _park(self) -> None:
        """Wait for a call. A later poll takes an earlier one's place: a runtime that lost its connection
        and polls anew must not lose the event to the dead one."""
        self._wake(False)
        parked = self._parked = asyncio.get_running_loop().create_future()
        if not await parked:
            raise RefusedByState("a later request waits for the next invocation")

    def _wake(self, has_call: bool) -> None:
        if self._parked is not None and not self._parked.done():
            self._parked.set_result(has_call)
        self._parked = None

    def _become_ready(self) -> None:
        self._stop_timer()
        first = self.state is State.STARTING
        if first:
            self._init_ms = (self._around.monotonic() - self._begun) * 1000
        self._handed = None
        self.state = State.READY
        bound, self._bound = self._bound, None
        if first and bound is not None:
            left = max(0.001, self.spec.timeout - (self._init_ms or 0.0) / 1000)
            self._hand(bound, left)
            return
        self._owner.sandbox_ready(self)

    def check(self, request_id: str) -> None:
        handed = self._handed
        if handed is None or handed.call.request_id != request_id:
            raise UnknownRequestId
        if self.state is not State.BUSY:
            raise RefusedByState(f"the invocation is already {self.state.value}")

    def answer(self, request_id: str, body: bytes) -> None:
        self.check(request_id)
        self._finish(body, None)

    def answer_too_large(self, request_id: str) -> None:
        self.check(request_id)
        self._finish(faults.RESULT_TOO_LARGE, "Unhandled")

    def report(self, request_id: str, body: bytes, error_type: str | None) -> None:
        self.check(request_id)
        self._finish(faults.reported(body, error_type).payload(request_id), "Unhandled")

    def report_init(self, body: bytes, error_type: str | None) -> None:
        if self.state is not State.STARTING or self._init_fault is not None:
            raise RefusedByState("the runtime has started already")
        self._init_fault = faults.reported(body, error_type)
        self._stop_timer()  # it should exit by itself now
        self._timer = asyncio.get_running_loop().call_later(_EXIT_SECONDS, self._end_start, self._init_fault)
        log.warning("sandbox_init_error", function=self.spec.name, pid=self.pid, error_type=error_type)

    # -- ends

    def _finish(self, payload: bytes, error: str | None, note: bytes | None = None) -> None:
        """Hand over the result of the call in progress; the sandbox is free at its next poll."""
        assert self._handed is not None
        self.state = State.ANSWERED
        duration = (self._around.monotonic() - self._begun) * 1000
        if self._child is not None:
            self._child.drain()
        self._journal.end(self._handed.call.request_id, self._report(duration), note)
        self._init_ms = None
        self._handed.call.finish(payload, error, self._journal.tail, duration)

    def _report(self, duration_ms: float) -> Report:
        used = 0 if self._memory is None else self._memory.peak_mb()
        return Report(duration_ms, self.spec.memory_mb, used, self._init_ms)

    def _expired(self) -> None:
        """The function's time is over, with or without its result."""
        if self.state is State.BUSY and self._handed is not None:
            fault = faults.timed_out(self.spec.timeout)
            request_id = self._handed.call.request_id
            note = f"{request_id} Task timed out after {self.spec.timeout:.2f} seconds".encode()
            log.info("invocation_timed_out", function=self.spec.name, request_id=request_id, pid=self.pid)
            self._finish(fault.payload(request_id), "Unhandled", note)
        self._end(None)

    def _exited(self, how: ChildExit) -> None:
        self._gone.set()
        if self._memory is not None:
            self._memory.note(how.peak_bytes)
        level = log.warning if self.state in (State.STARTING, State.BUSY) else log.info
        level(
            "sandbox_exited",
            function=self.spec.name,
            pid=self.pid,
            code=how.code,
            signal=how.signal,
            out_of_memory=how.out_of_memory,
        )
        if self.state is State.BUSY:
            asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self._end, faults.exited(how))
        elif self.state is State.STARTING:
            asyncio.get_running_loop().call_later(_LAST_WORDS_SECONDS, self._end_start, faults.exited(how))
        else:
            self._end(None)

    def _end_start(self, fault: Fault) -> None:
        self._end(self._init_fault or fault)

    def _end(self, fault: Fault | None) -> None:
        """Take no more calls; `fault` is for whoever waits on this sandbox. Idempotent."""
        state = self.state
        if state is State.ENDED:
            return
        self._stop_timer()
        if state is State.BUSY and self._handed is not None and fault is not None:
            self._finish(fault.payload(self._handed.call.request_id), "Unhandled")
        self.state = State.ENDED
        if state is State.STARTING and fault is not None and self._bound is not None:
            self.fail_call(self._bound, fault)
        if self._child is not None:
            self._child.kill()
        self._cleaning = asyncio.get_running_loop().create_task(self._clean())
        self._owner.sandbox_ended(self, fault if state is State.STARTING else None)

    def fail_call(self, call: Call, fault: Fault) -> None:
        """Let a call that waited for this sandbox's start share its failure, with the start's own log."""
        duration = (self._around.monotonic() - self._begun) * 1000
        output = b""
        if self._bound is not call:
            output = self._journal.tail
            self._journal.begin(call.request_id)
        self._journal.end(call.request_id, self._report(duration))
        call.fail(fault, (output + self._journal.tail)[-LOG_TAIL:], duration)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def _clean(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        if self._server is not None:
            await self._server.stop(0)
        if self._child is not None:
            self._child.kill()
            await self._gone.wait()
        self._journal.close()
        if self._memory is not None:
            self._memory.close()
        if self._home is not None:
            await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)
