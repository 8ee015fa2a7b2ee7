"""up: deploys, serves, tells where, watches, and ends cleanly."""

import fcntl
import json
import os
import pty
import signal
import socket
import ssl
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

from poolhouse.http.tls import development_certificate
from tests.cli.program import POOL_TEMPLATE, clean_environment, port_of, read_all, request, running, wait_until

UP = ["up", "template.yaml", "--port", "0", "--gateway-port", "0"]
HEAVY = (
    "samtranslator",
    "pydantic",
    "yaml",
    "botocore",
    "jsonschema",
    "rich.console",
    "jinja2",
    "aiosmtplib",
    "asyncpg",
)


def _template(folder: Path, text: str = POOL_TEMPLATE) -> Path:
    path = folder / "template.yaml"
    path.write_text(text)
    return path


def test_it_tells_scripts_where_everything_is(tmp_path: Path) -> None:
    _template(tmp_path)
    with running(UP, tmp_path) as server:
        ready = server.next_event("ready")
        assert ready["pid"] == server.process.pid
        assert ready["region"] == "eu-west-1"
        assert ready["pool_id"] == ready["outputs"]["PoolId"] == ready["pools"][0]["id"]
        assert ready["client_id"] == ready["outputs"]["ClientId"]
        assert ready["inbox"] == ready["endpoint"] + "/_poolhouse/inbox"
        assert ready["state"] == str(tmp_path / ".poolhouse")
        port = port_of(ready["endpoint"])
        assert b'{"status":"ok"}' in request(port, "/healthz")
        assert b'{"status":"ok"}' in request(port, "/readyz")
        assert request(port, "/_poolhouse/inbox").startswith(b"HTTP/1.1 200")
        keys = request(port, f"/{ready['pool_id']}/.well-known/openid-configuration")
        assert f'"issuer":"{ready["endpoint"]}/{ready["pool_id"]}"'.encode() in keys
        assert server.end() == 0


def test_state_survives_a_restart_and_an_unchanged_stack_loads_nothing_heavy(tmp_path: Path) -> None:
    _template(tmp_path)
    with running(UP, tmp_path) as server:
        first = server.next_event("ready")
        assert server.end() == 0
    with running(UP, tmp_path, options=["-X", "importtime"]) as server:
        second = server.next_event("ready", "change", "resource")
        assert second["event"] == "ready"
        assert second["outputs"] == first["outputs"]
        assert server.end() == 0
        imported = {line.rpartition("|")[2].strip() for line in server.log().splitlines()}
        assert "poolhouse.app" in imported
        assert [name for name in HEAVY if name in imported] == []


def test_a_signal_ends_it_after_the_requests_in_flight(tmp_path: Path) -> None:
    _template(tmp_path)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with running(UP, tmp_path) as server:
            port = port_of(server.next_event("ready")["endpoint"])
            with socket.create_connection(("127.0.0.1", port)) as connection:
                head = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-amz-json-1.1\r\n"
                target = b"X-Amz-Target: AWSCognitoIdentityProviderService.InitiateAuth\r\nContent-Length: 2\r\n\r\n"
                connection.sendall(head + target + b"{")
                wait_until(lambda port=port: request(port), "an answer")  # the half request has been seen by now
                server.process.send_signal(number)
                wait_until(lambda port=port: not _accepts(port), "the end of listening")
                connection.sendall(b"}")
                assert b"InvalidParameterException" in read_all(connection)
            assert server.process.wait(30) == 0
            assert "Traceback" not in server.log()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    _template(tmp_path)
    with running(UP, tmp_path) as server:
        port = port_of(server.next_event("ready")["endpoint"])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{")
            wait_until(lambda: request(port), "an answer")
            server.process.send_signal(signal.SIGINT)
            wait_until(lambda: not _accepts(port), "the end of listening")
            assert server.end(signal.SIGINT) == 130


def test_a_changed_template_is_deployed_and_a_broken_one_is_told(tmp_path: Path) -> None:
    template = _template(tmp_path)
    with running(UP, tmp_path) as server:
        pool = server.next_event("ready")["pool_id"]
        template.write_text(POOL_TEMPLATE.replace("ClientName: web", "ClientName: site"))
        change = server.next_event("resource")
        assert change["logical_id"] == "Web"
        template.write_text("Resources: [")
        assert "template.yaml" in server.next_event("error")["message"]
        template.write_text(POOL_TEMPLATE)
        assert server.next_event("resource")["logical_id"] == "Web"
        assert server.end() == 0
    with running(UP, tmp_path) as server:
        assert server.next_event("ready")["pool_id"] == pool


def test_other_commands_find_the_development_installation(tmp_path: Path) -> None:

    _template(tmp_path)
    with running(UP, tmp_path) as server:
        ready = server.next_event("ready")
        subprocess.run(
            [sys.executable, "-m", "poolhouse", "users", "create", "somebody", "--email", "somebody@example.com"],
            cwd=tmp_path,
            env=clean_environment(),
            check=True,
            stdout=subprocess.DEVNULL,
        )
        answer = request(port_of(ready["endpoint"]), "/_poolhouse/inbox.json?to=somebody@example.com")
        assert b"temporary password" in answer
        noted = json.loads((tmp_path / ".poolhouse/development.json").read_text())
        assert noted["settings"]["POOLHOUSE_MODE"] == "development"


def test_it_tells_people_what_to_paste_next(tmp_path: Path) -> None:

    _template(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-m", "poolhouse", *UP],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while "inbox.json" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    for part in ("Endpoint", "Region", "Pool id", "Client id", "Inbox", "State", "users create you"):
        assert part in said
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert "Stopping" in process.stdout.read()
    process.stdout.close()


def test_https_is_served_with_a_certificate_of_the_operator_s_own(tmp_path: Path) -> None:
    _template(tmp_path)
    own = development_certificate(tmp_path / "own", time.time)
    files = {"POOLHOUSE_TLS_CERTIFICATE": str(own.chain), "POOLHOUSE_TLS_KEY": str(own.key)}
    with running([*UP, "--tls"], tmp_path, files) as server:
        ready = server.next_event("ready")
        # The authority that nobody uses is not one to trust.
        assert ready["certificate_authority"] is None
        context = ssl.create_default_context(cafile=own.authority)
        with (
            socket.create_connection(("127.0.0.1", port_of(ready["endpoint"]))) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b'{"status":"ok"}' in read_all(connection)
        assert server.end() == 0


def test_https_is_served_with_the_development_authority(tmp_path: Path) -> None:

    _template(tmp_path)
    with running([*UP, "--tls"], tmp_path) as server:
        ready = server.next_event("ready")
        assert ready["endpoint"].startswith("https://localhost:")
        context = ssl.create_default_context(cafile=ready["certificate_authority"])
        port = port_of(ready["endpoint"])
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert b'{"status":"ok"}' in read_all(connection)
        assert server.end() == 0


def test_it_ends_cleanly_when_its_terminal_is_closed(tmp_path: Path) -> None:
    _template(tmp_path)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "poolhouse", *UP],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    said = b""
    while b"inbox.json" not in said:
        said += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(30) == 0


def test_in_a_narrow_terminal_no_line_of_the_deploy_is_broken(tmp_path: Path) -> None:
    _template(tmp_path)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "poolhouse", "up", *UP[1:]],
        cwd=tmp_path,
        env=clean_environment(),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    said = b""
    while b"inbox.json" not in said:
        said += os.read(ours, 65536)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    os.close(ours)
    deployed = said.decode().partition("Poolhouse is ready")[0].splitlines()
    assert [line for line in deployed if len(line) > 80] == []
    assert any("created" in line for line in deployed)


def test_under_nohup_it_outlives_its_terminal(tmp_path: Path) -> None:
    _template(tmp_path)
    ignored = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with running(UP, tmp_path) as server:
            port = port_of(server.next_event("ready")["endpoint"])
            server.process.send_signal(signal.SIGHUP)
            assert b'{"status":"ok"}' in request(port)
            assert server.end() == 0
    finally:
        signal.signal(signal.SIGHUP, ignored)
