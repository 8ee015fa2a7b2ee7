"""The shapes of the functions room: what is deployed, how it may run, what a call returns.

Owns plain data and its limits. Knows nothing of processes or HTTP.
"""

import enum
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

REQUEST_LIMIT = 6_291_456
"""Bytes of a synchronous event (lambda-runtime.md section 3)."""
EVENT_LIMIT = 1_048_576
"""Bytes of an asynchronous event."""
RESPONSE_LIMIT = 6_291_556
"""Bytes of a result: 6 MB and the 100 that AWS adds."""
LOG_TAIL = 4096
"""Bytes of log that an Invoke call can ask for."""


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One deployed function."""

    name: str
    arn: str
    runtime: str
    """As the template names it: python3.12, nodejs20.x, provided.al2023, go1.x …"""
    handler: str
    code_dir: str
    """Absolute folder of the code; working directory and LAMBDA_TASK_ROOT of the sandbox."""
    timeout: float = 3.0
    """Seconds for one invocation."""
    memory_mb: int = 128
    environment: dict[str, str] = {}
    """The template's own variables."""
    reserved_concurrency: int | None = None
    """Most sandboxes at once; 0 throttles the function wholly."""
    role_arn: str = ""
    """The role whose temporary keys the sandbox gets."""
    version: str = ""
    """Anything that changes with a deployment: a new value replaces the sandboxes."""


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """Temporary keys for one sandbox."""

    access_key_id: str
    secret_access_key: str
    session_token: str
    expires_at: float | None = None
    """Epoch seconds; the sandbox is retired before."""

    def __repr__(self) -> str:
        return f"Credentials(access_key_id={self.access_key_id!r}, secret_access_key=…, session_token=…)"


CredentialsSource = Callable[[FunctionSpec], Awaitable[Credentials]]
"""Issues keys for a new sandbox of a function."""


class FunctionsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How the room runs."""

    state_dir: Path
    """Scratch folders, builds and byte code live here; created when missing."""
    endpoint_url: str
    """AWS_ENDPOINT_URL of the sandboxes."""
    region: str = "eu-west-1"
    account_id: str = "000000000000"
    sandboxes_per_function: int = 10
    sandboxes_total: int = 40
    queue_length: int = 1000
    """Calls of one function that may wait for a sandbox."""
    queue_wait: float = 10.0
    """Seconds that a call may wait for a sandbox."""
    idle_seconds: float = 300.0
    """An idle sandbox ends after so long."""
    init_timeout: float = 10.0
    """Seconds for a start; a longer one is begun again within the first call's own time."""
    build_timeout: float = 600.0
    reload_interval: float | None = None
    """Development: look at the code before a call, at most once in so many seconds; None never looks."""
    cgroup_parent: str | None = None
    """A delegated cgroup v2 folder; see launcher.cgroup.delegated."""
    log_bytes_per_call: int = 4 << 20
    """Output of one invocation that reaches the log; the rest is counted and dropped."""
    async_calls: int = 1000
    """Event invocations that may be under way."""
    async_retry_delays: tuple[float, ...] = (60.0, 120.0)
    """Seconds before each retry of a failed Event invocation."""
    node: str | None = None
    """Path of the Node executable; None looks in PATH."""
    go: str | None = None
    """Path of the Go tool; None looks in PATH."""


class CallContext(msgspec.Struct, frozen=True, kw_only=True):
    """What travels beside an event."""

    trace_id: str | None = None
    """X-Ray header; one is made when absent."""
    client_context: str | None = None
    """JSON text."""
    cognito_identity: str | None = None
    """JSON text {"cognitoIdentityId", "cognitoIdentityPoolId"}."""


NO_CONTEXT = CallContext()


class Invocation(msgspec.Struct, frozen=True, kw_only=True):
    """What a call came to."""

    payload: bytes
    """The result, or the error object when `error` is set."""
    error: str | None
    """"Unhandled" when the function failed (X-Amz-Function-Error)."""
    log_tail: bytes
    """Last 4 KB of the call's log."""
    request_id: str
    duration_ms: float


class FunctionNotFound(Exception):
    """No function has this name or ARN."""


class ThrottleReason(enum.Enum):
    """Which limit was hit, in Lambda's words."""

    RESERVED = "ReservedFunctionConcurrentInvocationLimitExceeded"
    TOTAL = "ConcurrentInvocationLimitExceeded"


class TooManyInvocations(Exception):
    """No sandbox became free in time, or too many calls wait already."""

    def __init__(self, reason: ThrottleReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class PayloadTooLarge(Exception):
    """The event is longer than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


class FunctionBroken(Exception):
    """A function cannot run as deployed; `message` tells the deployer what to do."""

    def __init__(self, function: str, message: str) -> None:
        super().__init__(f"{function}: {message}")
        self.function = function
        self.message = message


class FunctionsBroken(Exception):
    """At least one function of a deployment cannot run; nothing has changed."""

    def __init__(self, failures: list[FunctionBroken]) -> None:
        super().__init__("\n".join(str(failure) for failure in failures))
        self.failures = failures
