"""The gateway in operation: redeployed under load, stopped with requests in flight, slow callers."""

import asyncio
from typing import Any

from poolhouse.gateway.compile import compile_api
from tests.gateway.harness import Functions, definition, document, guarded, method, running, send
from tests.http.wire import connected, eventually


async def test_a_redeploy_under_load_loses_no_request_and_mixes_no_versions() -> None:
    async def version(event: dict[str, Any]) -> Any:
        await asyncio.sleep(0)
        return {"body": event["stageVariables"]["v"]}

    body = document({"/foo": {"get": method(security=guarded())}})
    seen: set[bytes] = set()
    async with running(body, version, variables={"v": "0"}) as run:
        stop = False

        async def caller() -> int:
            count = 0
            async with connected(run.server.port) as peer:
                while not stop:
                    await send(peer, "/val/foo", headers={"Authorization": "id"})
                    status, _, text = await peer.answer()
                    assert status == 200
                    seen.add(text)
                    count += 1
            return count

        callers = [asyncio.create_task(caller()) for _ in range(8)]
        for number in range(1, 20):
            run.gateway.set_apis([compile_api(definition(body, variables={"v": str(number)}))])
            await asyncio.sleep(0.005)
        stop = True
        counts = await asyncio.gather(*callers)
        assert min(counts) > 0
        assert seen <= {b"%d" % number for number in range(20)}
        assert len(seen) > 5
        assert (await run.ask("/val/foo", headers={"Authorization": "id"}))[2] == b"19"


async def test_a_removed_api_is_gone_with_the_next_request() -> None:
    async with running(document({"/foo": {"get": method()}})) as run, connected(run.server.port) as peer:
        await send(peer, "/val/foo")
        assert (await peer.answer())[0] == 200
        run.gateway.set_apis([])
        await send(peer, "/val/foo")
        assert (await peer.answer())[0] == 403


async def test_a_graceful_stop_answers_what_is_in_flight() -> None:
    release = asyncio.Event()

    async def slow(event: dict[str, Any]) -> Any:
        await release.wait()
        return {"body": "done"}

    async with running(document({"/foo": {"get": method()}}), slow) as run:
        asking = [asyncio.create_task(run.ask("/val/foo")) for _ in range(5)]
        await eventually(lambda: run.server.in_flight == 5)
        stopping = asyncio.create_task(run.server.stop(10))
        await asyncio.sleep(0.01)
        release.set()
        assert [(status, body) for status, _, body in await asyncio.gather(*asking)] == [(200, b"done")] * 5
        await asyncio.wait_for(stopping, 5)


async def test_a_caller_that_leaves_does_not_stop_a_function() -> None:
    release, finished = asyncio.Event(), asyncio.Event()

    async def slow(event: dict[str, Any]) -> Any:
        await release.wait()
        finished.set()
        return {}

    async with running(document({"/foo": {"get": method()}}), slow) as run:
        async with connected(run.server.port) as peer:
            await send(peer, "/val/foo")
            await eventually(lambda: run.server.in_flight == 1)
        await eventually(lambda: run.server.connections == 1)
        release.set()
        await asyncio.wait_for(finished.wait(), 5)
        await eventually(lambda: run.server.in_flight == 0)


async def test_the_authorizer_runs_before_the_body_is_read() -> None:
    async def never(event: dict[str, Any]) -> Any:
        raise AssertionError

    async with (
        running(document({"/foo": {"post": method(security=guarded())}}), never) as run,
        connected(run.server.port) as peer,
    ):
        await peer.send(b"POST /val/foo HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n")
        status, headers, _ = await peer.answer()
        assert (status, headers[b"connection"]) == (401, b"close")
        assert isinstance(run.functions, Functions)
        assert run.functions.events == []
