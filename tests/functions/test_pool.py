"""Sandboxes of a function: one call at a time in each, growth, queue, limits, shrinking, a fair share."""

import asyncio
import json
from itertools import pairwise

import msgspec
import pytest

from poolhouse.functions.spec import (
    FunctionNotFound,
    FunctionSpec,
    Invocation,
    PayloadTooLarge,
    ThrottleReason,
    TooManyInvocations,
)

from .conftest import House, MakeHouse, handler, spec
from .waiting import until


def named(name: str, **more: object) -> FunctionSpec:
    return msgspec.convert({**msgspec.structs.asdict(spec(name, "app.sleep")), **more}, FunctionSpec)


async def sleep(house: House, name: str, seconds: float) -> dict[str, float]:
    invocation = await house.invoke(name, json.dumps({"seconds": seconds}).encode())
    assert invocation.error is None
    value: dict[str, float] = json.loads(invocation.payload)
    return value


async def test_parallel_calls_share_a_bounded_number_of_sandboxes_and_never_overlap_in_one(house: MakeHouse) -> None:
    functions = await house(named("f"), sandboxes_per_function=3)
    seen = await asyncio.gather(*[sleep(functions, "f", 0.01) for _ in range(32)])
    by_pid: dict[float, list[tuple[float, float]]] = {}
    for call in seen:
        by_pid.setdefault(call["pid"], []).append((call["from"], call["to"]))
    assert 1 <= len(by_pid) <= 3
    for spans in by_pid.values():
        spans.sort()
        assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


async def test_calls_one_after_the_other_need_one_sandbox(house: MakeHouse) -> None:
    functions = await house(named("f"))
    pids = {(await sleep(functions, "f", 0))["pid"] for _ in range(20)}
    assert len(pids) == 1
    assert functions.sandbox_count("f") == 1


async def test_waiting_calls_are_served_in_their_order(house: MakeHouse) -> None:
    functions = await house(named("f", reserved_concurrency=1))
    order: list[int] = []

    async def call(number: int) -> None:
        await sleep(functions, "f", 0.01)
        order.append(number)

    await asyncio.gather(*[call(number) for number in range(10)])
    assert order == list(range(10))


async def test_a_full_queue_refuses_at_once(house: MakeHouse) -> None:
    functions = await house(named("f", reserved_concurrency=1), queue_length=2)
    results = await asyncio.gather(*[sleep(functions, "f", 0.2) for _ in range(5)], return_exceptions=True)
    refused = [result for result in results if isinstance(result, TooManyInvocations)]
    assert len(refused) == 3
    assert {one.reason for one in refused} == {ThrottleReason.RESERVED}


async def test_a_call_that_waits_too_long_is_refused(house: MakeHouse) -> None:
    functions = await house(named("f"), sandboxes_per_function=1, queue_wait=0.2)
    first = asyncio.create_task(sleep(functions, "f", 1.0))
    await until(lambda: functions.lines("f") != [])
    with pytest.raises(TooManyInvocations) as caught:
        await functions.invoke("f", b'{"seconds":0}')
    assert caught.value.reason is ThrottleReason.TOTAL
    await first


async def test_a_reserved_concurrency_of_zero_refuses_every_call(house: MakeHouse) -> None:
    functions = await house(named("f", reserved_concurrency=0))
    with pytest.raises(TooManyInvocations):
        await functions.invoke("f", b"{}")


async def test_idle_sandboxes_end_after_the_idle_time(house: MakeHouse) -> None:
    functions = await house(named("f"), idle_seconds=0.3)
    await asyncio.gather(*[sleep(functions, "f", 0.1) for _ in range(3)])
    pids = functions.sandbox_pids("f")
    assert pids
    await until(lambda: functions.sandbox_count("f") == 0)
    assert (await sleep(functions, "f", 0))["pid"] not in pids


async def test_an_idle_sandbox_makes_room_for_another_function(house: MakeHouse) -> None:
    functions = await house(named("a"), named("b"), sandboxes_total=1)
    for _ in range(2):
        await sleep(functions, "a", 0)
        await sleep(functions, "b", 0)
        assert (functions.sandbox_count("a"), functions.sandbox_count("b")) == (0, 1)


async def test_a_busy_function_gives_a_starving_one_its_turn(house: MakeHouse) -> None:
    functions = await house(named("busy"), named("starving"), sandboxes_total=1)
    crowd = [asyncio.create_task(sleep(functions, "busy", 0.05)) for _ in range(10)]
    await until(lambda: functions.lines("busy") != [])
    await sleep(functions, "starving", 0)
    assert sum(task.done() for task in crowd) < 10
    await asyncio.gather(*crowd)


async def test_all_functions_together_stay_within_the_total(house: MakeHouse) -> None:
    functions = await house(*[named(f"f{number}") for number in range(4)], sandboxes_total=3)
    most = 0

    async def watch() -> None:
        nonlocal most
        while True:
            most = max(most, sum(functions.sandbox_count(f"f{number}") for number in range(4)))
            await asyncio.sleep(0.002)

    watcher = asyncio.create_task(watch())
    await asyncio.gather(*[sleep(functions, f"f{number % 4}", 0.02) for number in range(24)])
    watcher.cancel()
    assert 1 <= most <= 3


async def test_keys_that_expire_retire_the_sandbox(house: MakeHouse) -> None:
    functions = await house(named("f"))
    first = await sleep(functions, "f", 0)
    (sandbox,) = functions._find("f").pool._all
    sandbox.expires_at = functions._around.clock() + 5
    assert (await sleep(functions, "f", 0))["pid"] != first["pid"]


async def test_unknown_functions_and_oversize_events_are_refused(house: MakeHouse) -> None:
    functions = await house(handler("echo"))
    with pytest.raises(FunctionNotFound):
        await functions.invoke("nobody", b"{}")
    with pytest.raises(PayloadTooLarge):
        await functions.invoke("echo", b'"' + b"x" * 6_291_456 + b'"')


async def test_an_event_call_is_tried_again_until_it_succeeds_or_gives_up(house: MakeHouse) -> None:
    functions = await house(handler("fail"), async_retry_delays=(0.0, 0.0))
    request_id = functions.invoke_event("fail", b"{}")
    ended = f"END RequestId: {request_id}"
    await until(lambda: functions.lines("fail").count(ended) == 3)


async def test_closing_fails_the_calls_in_progress(house: MakeHouse) -> None:
    functions = await house(named("f"))
    call = asyncio.create_task(functions.invoke("f", b'{"seconds":60}'))
    await until(lambda: any(line.startswith("START") for line in functions.lines("f")))
    await functions.close()
    invocation: Invocation = await call
    assert invocation.error == "Unhandled"
    with pytest.raises(FunctionNotFound):
        await functions.invoke("f", b"{}")
