"""Each runtime: cold and warm calls, what the handler sees, how its failures read."""

import json
import sys
from pathlib import Path

import pytest

from poolhouse.functions.spec import CallContext, FunctionsBroken, FunctionSpec

from .conftest import HANDLERS, MakeHouse, handler, spec

CONTEXT = CallContext(
    cognito_identity='{"cognitoIdentityId":"eu-west-1:abc","cognitoIdentityPoolId":"eu-west-1:pool"}',
    client_context='{"client":{"app_title":"Tïtle 🏊"},"custom":{},"env":{}}',
)


def result(payload: bytes) -> dict[str, object]:
    value = json.loads(payload)
    assert isinstance(value, dict)
    return value


async def cold_and_warm(make: MakeHouse, deployed: FunctionSpec) -> None:
    """One process serves both calls; each sees its own event, id, ARN and deadline; the log is complete."""
    house = await make(deployed)
    first = await house.invoke(deployed.name, b'{"n":1}', context=CONTEXT)
    second = await house.invoke(deployed.arn, b'{"n":2}')
    for number, invocation in ((1, first), (2, second)):
        assert invocation.error is None
        seen = result(invocation.payload)
        assert seen["event"] == {"n": number}
        assert seen["request_id"] == invocation.request_id
        assert seen["arn"] == deployed.arn
        assert 5 < float(str(seen["remaining"])) <= deployed.timeout
    assert result(first.payload)["pid"] == result(second.payload)["pid"]
    tail = first.log_tail.decode().splitlines()
    assert tail[0] == f"START RequestId: {first.request_id} Version: $LATEST"
    assert "a line of" in tail[1]
    assert tail[-2] == f"END RequestId: {first.request_id}"
    figures = tail[-1].split("\t")
    assert figures[0] == f"REPORT RequestId: {first.request_id}"
    assert [figure.partition(":")[0] for figure in figures[1:]] == [
        *("Duration", "Billed Duration", "Memory Size", "Max Memory Used", "Init Duration")
    ]
    assert b"Init Duration" not in second.log_tail


async def test_python_cold_and_warm(house: MakeHouse) -> None:
    await cold_and_warm(house, handler("echo"))


async def test_node_cold_and_warm(house: MakeHouse, node: str) -> None:
    await cold_and_warm(house, spec("echo", "common.echo", "nodejs20.x"))


async def test_go_with_aws_lambda_go_cold_and_warm(house: MakeHouse, go: str) -> None:
    await cold_and_warm(house, spec("echo", "handler", "go1.x", HANDLERS / "go"))


async def test_a_provided_runtime_runs_the_bootstrap_built_from_go_sources(house: MakeHouse, go: str) -> None:
    functions = await house(spec("echo", "ignored", "provided.al2023", HANDLERS / "go"))
    assert result((await functions.invoke("echo", b'{"n":1}')).payload)["event"] == {"n": 1}


async def test_python_sees_identity_and_client_context(house: MakeHouse) -> None:
    functions = await house(handler("echo"))
    seen = result((await functions.invoke("echo", b"{}", context=CONTEXT)).payload)
    assert (seen["identity"], seen["client"]) == ("eu-west-1:abc", "Tïtle 🏊")


async def test_node_sees_identity(house: MakeHouse, node: str) -> None:
    functions = await house(spec("echo", "common.echo", "nodejs20.x"))
    assert result((await functions.invoke("echo", b"{}", context=CONTEXT)).payload)["identity"] == "eu-west-1:abc"


async def test_a_gateway_event_reaches_go_with_its_claims(house: MakeHouse, go: str) -> None:
    functions = await house(spec("claims", "handler", "go1.x", HANDLERS / "go"))
    claims = {"sub": "1b2c", "cognito:groups": "admins", "email_verified": "true"}
    event = {"do": "claims", "httpMethod": "GET", "requestContext": {"authorizer": {"claims": claims}}}
    assert result((await functions.invoke("claims", json.dumps(event).encode())).payload) == claims


async def test_a_streamed_go_result_is_collected(house: MakeHouse, go: str) -> None:
    functions = await house(spec("stream", "handler", "go1.x", HANDLERS / "go"))
    assert (await functions.invoke("stream", b'{"do":"stream"}')).payload == b"streamed"


async def test_a_python_exception_is_passed_on_as_the_runtime_reports_it(house: MakeHouse) -> None:
    functions = await house(handler("fail"))
    invocation = await functions.invoke("fail", b"{}")
    assert invocation.error == "Unhandled"
    failure = result(invocation.payload)
    assert (failure["errorMessage"], failure["errorType"]) == ("as ordered", "ValueError")
    assert failure["requestId"] == invocation.request_id
    assert isinstance(failure["stackTrace"], list)
    traceback = [line for line in invocation.log_tail.split(b"\n") if b"Traceback" in line]
    assert len(traceback) == 1  # the runtime folds it with CR; the log cuts at LF alone
    assert b"\r" in traceback[0]


async def test_a_python_import_error_reaches_the_caller_with_its_log(house: MakeHouse) -> None:
    functions = await house(spec("absent", "absent.handler"))
    invocation = await functions.invoke("absent", b"{}")
    assert invocation.error == "Unhandled"
    failure = result(invocation.payload)
    assert failure["errorType"] == "Runtime.ImportModuleError"
    assert "Unable to import module 'absent': No module named 'no_such_module_anywhere'" in str(failure["errorMessage"])
    assert b"Unable to import module" in invocation.log_tail
    assert b"REPORT RequestId: " + invocation.request_id.encode() in invocation.log_tail


@pytest.mark.parametrize(("do", "kind"), [("fail", "errorString"), ("panic", "string")])
async def test_a_go_failure_is_passed_on(house: MakeHouse, go: str, do: str, kind: str) -> None:
    functions = await house(spec("go", "handler", "go1.x", HANDLERS / "go"))
    invocation = await functions.invoke("go", json.dumps({"do": do}).encode())
    assert invocation.error == "Unhandled"
    failure = result(invocation.payload)
    assert (failure["errorMessage"], failure["errorType"]) == ("as ordered", kind)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("common.callback", {"style": "callback"}),
        ("common.contextDone", "done"),
        ("common.callbackWaits", "answered"),
        ("common.callbackDoesNotWait", "answered"),
        ("common.succeedWithOpenLoop", "at once"),
        ("common.asyncSucceeds", "by the context"),
        ("common.asyncCallsBack", "by the callback"),
        ("common.nothing", None),
        ("common.nested.deep.handler", "nested"),
        ("dynamic.handler", "seen at run time only"),
        ("module.handler", "top-level await"),
    ],
)
async def test_node_handler_styles(house: MakeHouse, node: str, name: str, expected: object) -> None:
    functions = await house(spec("styles", name, "nodejs20.x"))
    for _ in range(2):
        invocation = await functions.invoke("styles", b"{}")
        assert invocation.error is None
        assert json.loads(invocation.payload) == expected


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("common.fail", "RangeError", "as ordered"),
        ("common.throwNow", "RangeError", "as ordered"),
        ("common.callbackError", "TypeError", "as ordered"),
        ("common.failWithText", "string", "only text"),
        ("common.failWithNothing", "string", "handled"),
        ("common.circular", "Runtime.MarshalError", "Unable to stringify response body"),
        ("common.notAwaited", "Runtime.UnhandledPromiseRejection", "Error: nobody awaits"),
        ("common.throwLater", "Error", "out of the blue"),
        ("common.absent", "Runtime.HandlerNotFound", "common.absent is undefined or not exported"),
        ("common.notAFunction", "Runtime.HandlerNotFound", "common.notAFunction is not a function"),
        ("common", "Runtime.MalformedHandlerName", "Bad handler 'common'"),
        ("missing.handler", "Runtime.ImportModuleError", "Cannot find module 'missing'"),
        ("needs.handler", "Runtime.ImportModuleError", "no-such-package-anywhere"),
        ("broken.handler", "Runtime.UserCodeSyntaxError", "SyntaxError"),
        ("raises.handler", "Error", "at load"),
    ],
)
async def test_node_failures(house: MakeHouse, node: str, name: str, kind: str, message: str) -> None:
    functions = await house(spec("failures", name, "nodejs20.x"))
    invocation = await functions.invoke("failures", b"{}")
    assert invocation.error == "Unhandled"
    failure = result(invocation.payload)
    assert failure["errorType"] == kind
    assert message in str(failure["errorMessage"])
    assert isinstance(failure["trace"], list)


async def test_a_node_log_event_is_one_line(house: MakeHouse, node: str) -> None:
    functions = await house(spec("echo", "common.echo", "nodejs20.x"))
    invocation = await functions.invoke("echo", b"{}")
    line = next(line for line in invocation.log_tail.split(b"\n") if b"a line of" in line)
    stamp, request_id, level, text = line.split(b"\t")
    assert (request_id.decode(), level, text) == (invocation.request_id, b"INFO", b"a line of\rNode")
    assert stamp.endswith(b"Z")


async def test_a_python_runtime_of_another_minor_version_runs_on_the_projects_interpreter(house: MakeHouse) -> None:
    functions = await house(spec("echo", "app.echo", f"python3.{sys.version_info.minor + 1}"))
    assert (await functions.invoke("echo", b"{}")).error is None


BROKEN = [
    (spec("f", "app.echo", "ruby3.3", HANDLERS / "python"), "runtime ruby3.3 is not supported; supported: python3.x"),
    (spec("f", "app.echo", code=Path("/nowhere/at/all")), "the code folder /nowhere/at/all does not exist"),
    (spec("f", "handler", "go1.x", HANDLERS / "node"), "handlers/node/handler, which does not exist"),
    (spec("f", "app.py", "provided.al2", HANDLERS / "python"), "handlers/python/bootstrap, which does not exist"),
    (spec("f", "../../x", "go1.x", HANDLERS / "node"), "leads out of the code folder"),
    (handler("echo", environment={"AWS_REGION": "x", "OWN": "y"}), "Reserved keys used in this request: AWS_REGION"),
]


@pytest.mark.parametrize(("wrong", "message"), BROKEN)
async def test_what_cannot_run_is_refused_at_deployment(house: MakeHouse, wrong: FunctionSpec, message: str) -> None:
    with pytest.raises(FunctionsBroken) as caught:
        await house(wrong)
    assert message in str(caught.value)


async def test_a_file_that_is_no_program_says_so_to_the_caller(house: MakeHouse, tmp_path: Path) -> None:
    (tmp_path / "bootstrap").write_bytes(b"\x7fELF nonsense")
    (tmp_path / "bootstrap").chmod(0o755)
    functions = await house(spec("f", "x", "provided.al2023", tmp_path))
    failure = result((await functions.invoke("f", b"{}")).payload)
    assert failure["errorType"] == "Runtime.InvalidEntrypoint"
    assert f"Error: fork/exec {tmp_path}/bootstrap: exec format error" in str(failure["errorMessage"])
