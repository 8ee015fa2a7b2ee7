"""A tiny static HTTP server, `python -m benchmarks.static PORT`: what stands behind our proxy, and behind nginx's."""

import asyncio
import sys

import uvloop

from poolhouse.http.message import Request, Response
from poolhouse.http.server import Server

_BODY = b'{"hello":"world"}'


async def _answer(request: Request) -> Response:
    del request
    return Response(200, [(b"Content-Type", b"application/json")], _BODY)


async def _serve(port: int) -> None:
    await Server(_answer).listen("127.0.0.1", port)
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
