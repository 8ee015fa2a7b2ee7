"""What a sandbox can see: the contract's variables and nothing of the server's."""

import json
import os
import re
from pathlib import Path

import pytest

from poolhouse.functions import environment
from poolhouse.functions.spec import Credentials

from .conftest import HANDLERS, MakeHouse, handler, spec


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
        *("LAMBDA_TASK_ROOT", "LANG", "PATH", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "TZ"),
        *("AWS_XRAY_CONTEXT_MISSING", "AWS_XRAY_DAEMON_ADDRESS", "AWS_ENDPOINT_URL"),
        *("HOME", "TMPDIR", "TMP", "TEMP", "COLOUR"),
    }
    assert (env["COLOUR"], env["PATH"]) == ("blüe", "/own")
    assert env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:9229"
    assert (env["AWS_ACCESS_KEY_ID"], env["AWS_SESSION_TOKEN"]) == ("ASIATEST", "role-token")
    assert env["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{handler('x').runtime}"
    assert env["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", env["AWS_LAMBDA_LOG_STREAM_NAME"])


async def test_cwd_is_the_code_and_stdin_is_closed_and_no_descriptor_leaks(
    house: MakeHouse, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x")
    descriptor = os.open(secret, os.O_RDONLY)
    os.set_inheritable(descriptor, True)
    try:
        functions = await house(handler("environment"))
        seen = json.loads((await functions.invoke("environment", b"{}")).payload)
    finally:
        os.close(descriptor)
    assert seen["cwd"] == str(HANDLERS / "python")
    assert seen["stdin"] == ""
    assert sorted(seen["files"])[:1] == ["/dev/null"]
    output = [name for name in seen["files"] if name.startswith("pipe:")]
    print(seen["files"])
    assert len(output) == 2
    assert len(set(output)) == 1
    assert str(secret) not in seen["files"]


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
