"""One timer for all running operations: who is late is ended, who is not is left alone."""

import asyncio

import pytest

from poolhouse.wire.deadlines import Deadlines, OperationTimedOut


async def run(deadlines: Deadlines, wait: asyncio.Event) -> str:
    with deadlines.start():
        await wait.wait()
        return "done"


async def test_what_is_late_is_ended_and_the_task_goes_on() -> None:
    deadlines = Deadlines(0.01)
    with pytest.raises(OperationTimedOut):
        await run(deadlines, asyncio.Event())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_ends_in_time_is_left_alone() -> None:
    deadlines = Deadlines(60)
    event = asyncio.Event()
    event.set()
    assert await run(deadlines, event) == "done"


async def test_each_of_many_is_ended_at_its_own_time() -> None:
    deadlines = Deadlines(0.02)
    event = asyncio.Event()
    late = asyncio.create_task(run(deadlines, asyncio.Event()))
    await asyncio.sleep(0)
    quick = asyncio.create_task(run(deadlines, event))
    await asyncio.sleep(0)
    event.set()
    assert await quick == "done"
    later = asyncio.create_task(run(deadlines, asyncio.Event()))
    results = await asyncio.gather(late, later, return_exceptions=True)
    assert [type(result) for result in results] == [OperationTimedOut, OperationTimedOut]


async def test_a_cancellation_from_elsewhere_is_no_timeout() -> None:
    task = asyncio.create_task(run(Deadlines(60), asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_operation_that_answers_in_spite_of_its_end_is_heard() -> None:
    deadlines = Deadlines(0.01)
    with deadlines.start():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            answer = "rescued"
    task = asyncio.current_task()
    assert task is not None
    assert (answer, task.cancelling()) == ("rescued", 0)
