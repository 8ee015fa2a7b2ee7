"""Asynchronous calls (InvocationType Event): run in the background, tried again when they fail.

Owns how many may be under way and the rhythm of the retries. Knows no pools or processes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from poolhouse.telemetry.log import get_logger

from .spec import FunctionNotFound, Invocation, ThrottleReason, TooManyInvocations

log = get_logger(__name__)


class EventCalls:
    """The event calls under way; at most `limit`."""

    def __init__(self, limit: int, retry_delays: Sequence[float]) -> None:
        self._limit = limit
        self._retry_delays = tuple(retry_delays)
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, function: str, request_id: str, attempt: Callable[[], Awaitable[Invocation]]) -> None:
        """Run `attempt` until it succeeds or the retries are used up. Raises TooManyInvocations."""
        if len(self._tasks) >= self._limit:
            raise TooManyInvocations(ThrottleReason.TOTAL)
        task = asyncio.get_running_loop().create_task(self._see_through(function, request_id, attempt))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _see_through(self, function: str, request_id: str, attempt: Callable[[], Awaitable[Invocation]]) -> None:
        for delay in (*self._retry_delays, None):
            try:
                if (await attempt()).error is None:
                    return
            except TooManyInvocations:
                log.info("event_call_throttled", function=function, request_id=request_id)
            except FunctionNotFound:
                break
            if delay is not None:
                await asyncio.sleep(delay)
        log.warning("event_call_failed", function=function, request_id=request_id)

    async def close(self) -> None:
        """Forget those under way."""
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            log.warning("event_calls_dropped", count=len(tasks))
            await asyncio.wait(tasks)
