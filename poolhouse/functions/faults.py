"""What a caller reads when the sandbox, not the handler, failed (lambda-runtime.md section 2).

Owns error types and wording. Knows nothing of how a failure is noticed.
"""

import os
import signal

import msgspec

from .child import ChildExit, SpawnFailed
from .spec import RESPONSE_LIMIT

_SIGNAL_WORDS: dict[int, str] = {
    signal.SIGABRT: "aborted",
    signal.SIGALRM: "alarm clock",
    signal.SIGBUS: "bus error",
    signal.SIGFPE: "floating point exception",
    signal.SIGHUP: "hangup",
    signal.SIGILL: "illegal instruction",
    signal.SIGINT: "interrupt",
    signal.SIGKILL: "killed",
    signal.SIGPIPE: "broken pipe",
    signal.SIGQUIT: "quit",
    signal.SIGSEGV: "segmentation fault",
    signal.SIGTERM: "terminated",
    signal.SIGTRAP: "trace/breakpoint trap",
}

RESULT_TOO_LARGE = msgspec.json.encode(
    {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
)


class Fault(msgspec.Struct, frozen=True):
    """A failure without a request id yet; `raw` is the runtime's own report and wins."""

    error_type: str
    reason: str
    raw: bytes | None = None

    def payload(self, request_id: str) -> bytes:
        """The error object for the call `request_id`."""
        if self.raw is not None:
            return self.raw
        message = f"RequestId: {request_id} Error: {self.reason}"
        return msgspec.json.encode({"errorType": self.error_type, "errorMessage": message})


def timed_out(seconds: float) -> Fault:
    """The call took longer than the function's timeout."""
    return Fault("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")


def exited(how: ChildExit) -> Fault:
    """The runtime's process ended by itself, by a crash or by the memory limit."""
    if how.signal is not None:
        word = _SIGNAL_WORDS.get(how.signal, f"signal {how.signal}")
        reason = f"Runtime exited with error: signal: {word}"
    elif how.code:
        reason = f"Runtime exited with error: exit status {how.code}"
    else:
        reason = "Runtime exited without providing a reason"
    return Fault("Runtime.ExitError", reason)


def not_started(failure: SpawnFailed) -> Fault:
    """The runtime's program could not be run."""
    reason = os.strerror(failure.errno).lower() if failure.errno else "unknown error"
    step = "fork/exec" if failure.stage == "exec" else failure.stage
    return Fault("Runtime.InvalidEntrypoint", f"{step} {failure.program}: {reason}")


def broken(message: str) -> Fault:
    """The code changed into something that cannot run."""
    return Fault("Runtime.InvalidEntrypoint", message)


def reported(body: bytes, error_type: str | None) -> Fault:
    """A runtime's error report: passed on as it is when it is a JSON object, replaced when it is garbage."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return Fault(error_type or "Runtime.Unknown", "Unknown application error occurred")
    return Fault(error_type or "Runtime.Unknown", "", raw=body)
