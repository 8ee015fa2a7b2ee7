"""One call on its way: the event, who waits for it, and the moment it must be over.

Owns the hand-over of the result to the waiting caller, exactly once.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from .faults import Fault
from .spec import CallContext, Invocation


class Call:
    """An invocation from its arrival to its result. The waiting caller may leave; the call goes on."""

    __slots__ = ("context", "done", "payload", "request_id", "wait_timer")

    def __init__(self, request_id: str, payload: bytes, context: CallContext) -> None:
        self.request_id = request_id
        self.payload = payload
        self.context = context
        self.done: asyncio.Future[Invocation] = asyncio.get_running_loop().create_future()
        self.wait_timer: asyncio.TimerHandle | None = None

    @property
    def is_over(self) -> bool:
        """Nobody waits any more, or the result is there."""
        return self.done.done()

    def stop_waiting(self) -> None:
        """A sandbox has taken it: the limit on waiting no longer runs."""
        if self.wait_timer is not None:
            self.wait_timer.cancel()
            self.wait_timer = None

    def finish(self, payload: bytes, error: str | None, log_tail: bytes, duration_ms: float) -> None:
        """Hand the result over, if anybody still waits."""
        self.stop_waiting()
        if not self.done.done():
            self.done.set_result(
                Invocation(
                    payload=payload,
                    error=error,
                    log_tail=log_tail,
                    request_id=self.request_id,
                    duration_ms=duration_ms,
                )
            )

    def fail(self, fault: Fault, log_tail: bytes, duration_ms: float) -> None:
        """Hand a failure of the sandbox over."""
        self.finish(fault.payload(self.request_id), "Unhandled", log_tail, duration_ms)


class Handed(NamedTuple):
    """A call as a runtime gets it."""

    call: Call
    deadline_ms: int
    """Epoch milliseconds."""
    trace_id: str


def new_request_id(random: Callable[[int], bytes]) -> str:
    """A random UUID, version 4 (RFC 9562 section 5.4)."""
    raw = bytearray(random(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_trace_id(random: Callable[[int], bytes], now: float) -> str:
    """An X-Ray trace header that is not sampled."""
    raw = random(20).hex()
    return f"Root=1-{int(now):08x}-{raw[:24]};Parent={raw[24:]};Sampled=0"
