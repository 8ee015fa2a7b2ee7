"""A small server for test_orphans: starts sandboxes, says which processes exist, and waits to be killed."""

import asyncio
import json
import sys
from pathlib import Path

from poolhouse.functions.functions import Functions
from poolhouse.functions.journal import RecentLogs
from poolhouse.functions.spec import FunctionsConfig

from .conftest import handler, keys, spec


async def main(state: str, kind: str) -> None:
    functions = Functions(
        FunctionsConfig(state_dir=Path(state), endpoint_url="http://127.0.0.1:1"), credentials=keys, sink=RecentLogs()
    )
    await functions.configure([handler("leave_child"), handler("sleep"), spec("node", "common.echo", "nodejs20.x")])
    left = json.loads((await functions.invoke("leave_child", b"{}")).payload)
    pids = [left["pid"], left["child"]]
    if kind == "node":
        pids.append(json.loads((await functions.invoke("node", b"{}")).payload)["pid"])
    busy = asyncio.create_task(functions.invoke("sleep", b'{"seconds":3600}'))
    while not functions.sandbox_pids("sleep") or not functions.sandbox_pids("sleep")[0]:
        await asyncio.sleep(0.01)
    pids += functions.sandbox_pids("sleep")
    sys.stderr.write(json.dumps({"pids": pids, "launcher": functions.launcher_pid}) + "\n")
    sys.stderr.flush()
    await busy


if __name__ == "__main__":
    if sys.argv[3] == "uvloop":
        import uvloop

        uvloop.run(main(sys.argv[1], sys.argv[2]))
    else:
        asyncio.run(main(sys.argv[1], sys.argv[2]))
