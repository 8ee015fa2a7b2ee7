"""The time that one operation may take: one timer for all that are running, instead of one for each.

Owns cancellation at the limit. Knows nothing of operations. `asyncio.timeout` does the same for 6 µs a request,
which is 40 % of the whole wire.
"""

import asyncio
from types import TracebackType


class Deadlines:
    """Cancels what runs longer than `limit` seconds. All have the same limit, so the oldest is always due first."""

    __slots__ = ("_running", "_timer", "limit")

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._running: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> "Deadline":
        """A context for the current task. Out of time it raises OperationTimedOut; other cancellations stay."""
        task = asyncio.current_task()
        assert task is not None
        loop = task.get_loop()
        deadline = Deadline(self, task, loop.time() + self.limit)
        self._running[deadline] = None
        if self._timer is None:
            self._timer = loop.call_later(self.limit, self._sweep, loop)
        return deadline

    def leave(self, deadline: "Deadline") -> None:
        """Forget one that has ended."""
        self._running.pop(deadline, None)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        self._timer = None
        while self._running:
            oldest = next(iter(self._running))
            if oldest.due > now:
                self._timer = loop.call_at(oldest.due, self._sweep, loop)
                return
            del self._running[oldest]
            oldest.expire()


class Deadline:
    """One running operation."""

    __slots__ = ("_deadlines", "_expired", "_task", "due")

    def __init__(self, deadlines: Deadlines, task: "asyncio.Task[object]", due: float) -> None:
        self._deadlines = deadlines
        self._task = task
        self._expired = False
        self.due = due

    def expire(self) -> None:
        """End the operation, at its next suspension."""
        self._expired = True
        self._task.cancel()

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadlines.leave(self)
        if not self._expired:
            return
        # As asyncio.timeout: only a cancellation that is ours alone becomes a timeout.
        ours_alone = self._task.uncancel() == 0
        if ours_alone and kind is not None and issubclass(kind, asyncio.CancelledError):
            raise OperationTimedOut from error


class OperationTimedOut(Exception):
    """An operation ran longer than it may."""
