"""kill -9 in the middle of a deploy: the next process finishes the rollback at once, without waiting for a lease."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

DEPLOY = """
import asyncio, os, signal, sys
from pathlib import Path
from tests.house import open_house
from tests.stacks.test_pools import CLIENT, clients, pools, stack
from tests.stacks.workshop import Workshop

async def main(url, folder, die_at):
    house = await open_house(url, Path(folder, "state"))
    workshop = Workshop(house, Path(folder))
    inner, left = house.services.database.commit, die_at

    async def commit(batch):
        nonlocal left
        await inner(batch)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    house.services.database.commit = commit
    state = await workshop.deploy(stack({"UserPoolName": "a"}, dict(CLIENT)))
    [pool] = await pools(workshop)
    [client] = await clients(workshop, pool)
    await house.close()
    assert (pool, client) == (state.resources["Pool"].physical_id, state.resources["Client"].physical_id)
    print(state.status)

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


def deploy(url: str, folder: Path, die_at: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", DEPLOY, url, str(folder), str(die_at)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("die_at", [1, 2, 3])
def test_a_deploy_after_kill_9_takes_the_dead_one_back(database_url: str, tmp_path: Path, die_at: int) -> None:
    assert deploy(database_url, tmp_path, die_at).returncode == -signal.SIGKILL
    after = deploy(database_url, tmp_path, 0)
    assert after.stdout.splitlines()[-1:] == ["CREATE_COMPLETE"], after.stderr
