"""serve: one process or supervised workers, the database awaited, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from poolhouse.crypto.master_key import MasterKey
from tests.cli.program import clean_environment, read_all, request, running, wait_until
from tests.cli.road import Road
from tests.postgresql import Cluster

SERVE = ["serve", "--port", "0", "--gateway-port", "0"]
GRACE = {"POOLHOUSE_GRACE_SECONDS": "2"}


@pytest.fixture
def environment() -> dict[str, str]:
    """A production configuration."""
    return {"POOLHOUSE_MASTER_KEY": MasterKey.generate().text(), **GRACE}


def _gone(processes: list[psutil.Process]) -> bool:
    return not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in processes)


def test_one_process_serves_and_ends_on_sigterm(tmp_path: Path, environment: dict[str, str]) -> None:
    with running(SERVE, tmp_path, environment) as server:
        port = server.next_event("ready")["port"]
        assert b'{"status":"ok"}' in request(port, "/readyz")
        assert server.end() == 0
        assert '"event": "stopped"' in server.log()


def test_production_shows_no_inbox_and_knows_the_operations(tmp_path: Path, environment: dict[str, str]) -> None:
    with running(SERVE, tmp_path, environment) as server:
        port = server.next_event("ready")["port"]
        assert request(port, "/_poolhouse/inbox").startswith(b"HTTP/1.1 404")
        assert b"MissingAuthenticationToken" in _call(port, "ListUserPools", b'{"MaxResults":1}')
        assert server.end() == 0


def _call(port: int, operation: str, body: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        target = f"X-Amz-Target: AWSCognitoIdentityProviderService.{operation}\r\n"
        connection.sendall((head + target + "Content-Type: application/x-amz-json-1.1\r\n\r\n").encode() + body)
        return read_all(connection)


def test_workers_share_the_port_and_end_together(tmp_path: Path, environment: dict[str, str]) -> None:
    with running([*SERVE, "--workers", "2"], tmp_path, environment) as server:
        port = server.next_event("ready")["port"]
        server.wait_for_log('"event": "listening"', times=2)
        workers = server.workers()
        assert len(workers) == 2
        assert all(b'{"status":"ok"}' in request(port, "/readyz") for _ in range(8))
        assert server.end() == 0
        assert _gone(workers)


def test_a_killed_worker_is_replaced(tmp_path: Path, environment: dict[str, str]) -> None:
    with running([*SERVE, "--workers", "2"], tmp_path, environment) as server:
        port = server.next_event("ready")["port"]
        server.wait_for_log('"event": "listening"', times=2)
        server.workers()[0].kill()
        server.wait_for_log('"event": "worker_died"')
        server.wait_for_log('"event": "listening"', times=3)
        assert len(server.workers()) == 2
        assert b'{"status":"ok"}' in request(port, "/readyz")
        assert server.end() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc to read")
def test_no_process_of_it_shows_its_environment_to_another_of_the_same_user(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    # Without root's powers, which open everything, and of which a reader needs as many as its subject.
    powerless = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []

    def read(pid: int) -> int:
        command = [*powerless, "cat", f"/proc/{pid}/environ"]
        return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode

    with running([*SERVE, "--workers", "2"], tmp_path, environment, wrapper=powerless) as server:
        server.next_event("ready")
        server.wait_for_log('"event": "listening"', times=2)
        processes = [server.process.pid, *(worker.pid for worker in server.workers())]
        assert [read(pid) for pid in processes] == [1, 1, 1]
        with subprocess.Popen([*powerless, "sleep", "60"]) as ordinary:
            wait_until(lambda: read(ordinary.pid) == 0, "a process that can be read")
            ordinary.kill()
        assert server.end() == 0


def test_workers_do_not_outlive_a_killed_supervisor(tmp_path: Path, environment: dict[str, str]) -> None:
    with running([*SERVE, "--workers", "2"], tmp_path, environment) as server:
        server.next_event("ready")
        server.wait_for_log('"event": "listening"', times=2)
        family = server.family()
        server.process.kill()
        wait_until(lambda: _gone(family), "the workers' end")
        assert server.log().count('"event": "supervisor_gone"') == 2


def test_ctrl_c_ends_the_workers_once_and_gracefully(tmp_path: Path, environment: dict[str, str]) -> None:
    with running([*SERVE, "--workers", "2"], tmp_path, environment) as server:
        server.next_event("ready")
        server.wait_for_log('"event": "listening"', times=2)
        family = server.family()
        assert server.end(signal.SIGINT) == 0
        assert _gone(family)
        assert "Traceback" not in server.log()


def test_workers_that_cannot_start_are_not_started_again(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "poolhouse.db").mkdir()
    process = subprocess.run(
        [sys.executable, "-m", "poolhouse", *SERVE, "--workers", "2", "--state", "."],
        cwd=tmp_path,
        env=clean_environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert process.returncode == 1
    assert "error: cannot open poolhouse.db" in process.stderr
    assert process.stderr.count("worker_started") == 1
    assert "Traceback" not in process.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_waits_for_a_database_that_is_away(
    cluster: Cluster, tmp_path: Path, environment: dict[str, str], workers: str
) -> None:
    name = f"away{workers}"
    cluster.create_database(name)
    with Road(cluster.port) as road:
        environment["POOLHOUSE_DATABASE_URL"] = f"postgresql://poolhouse@127.0.0.1:{road.port}/{name}"
        with running([*SERVE, "--workers", workers], tmp_path, environment) as server:
            server.wait_for_log('"event": "database_unavailable"', times=2)
            road.open()
            port = server.next_event("ready")["port"]
            assert b'{"status":"ok"}' in request(port, "/readyz")
            assert server.end() == 0


def test_it_ends_while_it_waits_for_the_database(tmp_path: Path, environment: dict[str, str]) -> None:
    environment["POOLHOUSE_DATABASE_URL"] = "postgresql://poolhouse@127.0.0.1:1/away"
    with running(SERVE, tmp_path, environment) as server:
        server.wait_for_log('"event": "database_unavailable"')
        assert server.end() == 0
