"""What a sandbox can see: the contract's variables and nothing of the server's."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from poolhouse.functions import environment
from poolhouse.functions.spec import Credentials

from .conftest import MakeHouse, handler, spec


async def test_the_environment_is_built_from_nothing(house: MakeHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_MASTER_KEY", "top-secret")
    monkeypatch.setenv("PYTHONSTARTUP", "/x")
    functions = await house(handler("environment", environment={"COLOUR": "blüe", "PATH": "/own"}))
    seen = json.loads((await functions.invoke("environment", b"{}")).payload)
    env = seen["env"]
    assert "top-secret" not in json.dumps(env)
    assert set(env) - {"LC_CTYPE"} == {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API"),
        *(
            "LAMBDA_TASK_ROOT",
            "LAMBDA_RUNTIME_DIR",
            "LANG",
            "PATH",
            "LD_LIBRARY_PATH",
            "PYTHONPATH",
            "PYTHONPYCACHEPREFIX",
            "TZ",
        ),
        *("AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "AWS_ENDPOINT_URL"),
        *("HOME", "TMPDIR", "TMP", "TEMP", "COLOUR"),
    }
    assert (Path(env["LAMBDA_RUNTIME_DIR"]) / "bootstrap.py").exists()
    assert (env["COLOUR"], env["PATH"]) == ("blüe", "/own")
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9229"
    assert (env["AWS_ACCESS_KEY_ID"], env["AWS_SESSION_TOKEN"]) == ("ASIATEST", "role-token")
    assert env["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{handler('x').runtime}"
    assert env["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", env["AWS_LAMBDA_LOG_STREAM_NAME"])


async def test_a_sandbox_begins_in_its_code_with_closed_stdin_and_no_foreign_descriptor(
    house: MakeHouse, bootstrap: Callable[[str, str], Path], tmp_path: Path
) -> None:
    program = """
found = {}
for number in range(256):
    try:
        found[number] = os.readlink(f"/proc/self/fd/{number}")
    except OSError:
        pass
stdin = os.read(0, 1).decode()
id, event, _ = following()
respond(id, {"found": found, "stdin": stdin, "cwd": os.getcwd(), "session": os.getsid(0) == os.getpid()})
following()
"""
    folder = bootstrap("code", program)
    descriptor = os.open(folder, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        functions = await house(spec("f", "x", "provided.al2023", folder))
        seen = json.loads((await functions.invoke("f", b"{}")).payload)
    finally:
        os.close(descriptor)
    assert sorted(seen["found"]) == ["0", "1", "2"]  # not the launcher's socket, for one
    assert seen["found"]["0"] == "/dev/null"
    assert seen["found"]["1"] == seen["found"]["2"]
    assert (seen["stdin"], seen["cwd"], seen["session"]) == ("", str(folder), True)


@pytest.mark.parametrize(("runtime", "has_it"), [("provided.al2023", False), ("go1.x", True), ("nodejs20.x", True)])
def test_provided_runtimes_have_no_execution_environment_name(runtime: str, has_it: bool) -> None:
    place = environment.Place("127.0.0.1:1", "/tmp/x", "stream", "eu-west-1", "http://x")
    keys = Credentials(access_key_id="a", secret_access_key="b", session_token="c")
    built = environment.build(spec("f", "h", runtime), {}, keys, place)
    assert ("AWS_EXECUTION_ENV" in built) is has_it


def test_credentials_hide_their_secrets_when_printed() -> None:
    keys = Credentials(access_key_id="AKID", secret_access_key="hidden-1", session_token="hidden-2")
    assert "AKID" in repr(keys)
    assert "hidden" not in repr(keys) + str(keys)
