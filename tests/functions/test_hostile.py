"""A function that abuses its Runtime API harms only itself. Its own notes come back as the call's result."""

import asyncio
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from poolhouse.functions.spec import FunctionSpec

from .conftest import House, MakeHouse, handler, spec
from .waiting import until

Bootstrap = Callable[[str, str], Path]


def hostile(folder: Path, **more: object) -> FunctionSpec:
    return spec("hostile", "x", "provided.al2023", folder, **more)


async def notes(house: House, event: bytes = b"{}") -> object:
    invocation = await house.invoke("hostile", event)
    assert invocation.error is None
    return json.loads(invocation.payload)


ABUSES = [
    (
        "a wrong id",
        "call('POST', '/invocation/00000000-0000-4000-8000-000000000000/response', '1')",
        400,
        "InvalidRequestID",
    ),
    ("an id that is a path", "call('POST', '/invocation/../../x/response', '1')", 404, "NotFound"),
    ("an empty id", "call('POST', '/invocation//response', '1')", 400, "InvalidRequestID"),
    ("an unknown verb", "call('POST', f'/invocation/{id}/stroke', '1')", 404, "NotFound"),
    ("a wrong method", "call('DELETE', f'/invocation/{id}/response')", 404, "NotFound"),
    ("next while busy", "call('GET', '/invocation/next')", 403, "InvalidStateTransition"),
    ("an init error after the start", "call('POST', '/init/error', '{}')", 403, "InvalidStateTransition"),
    ("another API version", "call('GET', '/../../2019-01-01/runtime/invocation/next')", 404, "NotFound"),
]


@pytest.mark.parametrize(("abuse", "status", "kind"), [pytest.param(*row[1:], id=row[0]) for row in ABUSES])
async def test_a_refused_request_leaves_the_call_as_it_was(
    house: MakeHouse, bootstrap: Bootstrap, abuse: str, status: int, kind: str
) -> None:
    program = f"""
while True:
    id, event, _ = following()
    status, body, _ = {abuse}
    respond(id, [status, json.loads(body)["errorType"]])
"""
    functions = await house(hostile(bootstrap("code", program)))
    for _ in range(2):
        assert await notes(functions) == [status, kind]


async def test_the_second_answer_to_a_call_is_refused(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
id, event, _ = following()
first, _, _ = respond(id, "first")
second, body, _ = respond(id, "second")
late, _, _ = call("POST", f"/invocation/{id}/error", "{}")
id, event, _ = following()
stale, _, _ = respond("00000000-0000-4000-8000-000000000000", "x")
respond(id, [first, second, json.loads(body)["errorType"], late, stale])
following()
"""
    functions = await house(hostile(bootstrap("code", program)))
    assert await notes(functions) == "first"
    assert await notes(functions) == [202, 403, "InvalidStateTransition", 403, 400]


async def test_a_sandbox_cannot_answer_anothers_call(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
while True:
    id, event, _ = following()
    status, body, _ = call("POST", f"/invocation/{event['victim']}/response", '"stolen"')
    respond(id, status)
"""
    functions = await house(hostile(bootstrap("code", program)), handler("sleep"))
    victim = asyncio.create_task(functions.invoke("sleep", b'{"seconds":1}'))
    await until(lambda: any(line.startswith("START") for line in functions.lines("sleep")))
    victim_id = functions.lines("sleep")[0].split()[2]
    assert await notes(functions, json.dumps({"victim": victim_id}).encode()) == 400
    assert b"stolen" not in (await victim).payload


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")
async def test_a_sandbox_cannot_take_anothers_event_at_its_port(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
while True:
    id, event, _ = following()
    # A child that copies the victim's variable is no evidence either.
    script = "import http.client, sys\\nc = http.client.HTTPConnection(sys.argv[1], timeout=5)\\n"
    script += "c.request('GET', '/2018-06-01/runtime/invocation/next'); print(c.getresponse().read())"
    import subprocess
    environment = {"AWS_LAMBDA_RUNTIME_API": event["api"]}
    run = subprocess.run([sys.executable, "-c", script, event["api"]], env=environment, capture_output=True, text=True)
    respond(id, [run.returncode, run.stdout])
"""
    functions = await house(hostile(bootstrap("code", program)), handler("environment"))
    first = json.loads((await functions.invoke("environment", b"{}")).payload)
    (pid,) = functions.sandbox_pids("environment")
    event = json.dumps({"api": first["env"]["AWS_LAMBDA_RUNTIME_API"]}).encode()
    assert await notes(functions, event) == [1, ""]
    assert (await functions.invoke("environment", b"{}")).error is None
    assert functions.sandbox_pids("environment") == [pid]  # and it noticed nothing


SPEAKERS = {
    "a child": """
if os.fork():
    os.wait()
connection = http.client.HTTPConnection(ADDRESS)
""",
    "a socket of version 6": """
host, port = ADDRESS.split(":")
connection.sock = socket.create_connection(("::ffff:" + host, int(port)))
""",
}


@pytest.mark.parametrize("speaker", SPEAKERS)
async def test_whatever_belongs_to_a_sandbox_may_speak_for_it(
    speaker: str, house: MakeHouse, bootstrap: Bootstrap
) -> None:
    program = (
        SPEAKERS[speaker]
        + """
while True:
    id, event, _ = following()
    respond(id, event)
"""
    )
    functions = await house(hostile(bootstrap("code", program)))
    assert await notes(functions, b'"heard"') == "heard"


async def test_a_later_poll_takes_the_place_of_an_earlier_one(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
statuses = []
def poll():
    statuses.append(call("GET", "/invocation/next", on=http.client.HTTPConnection(ADDRESS))[0])
thread = threading.Thread(target=poll)
id, event, _ = following()
respond(id, 0)
thread.start()
time.sleep(0.2)
id, event, _ = following()
thread.join()
respond(id, statuses)
following()
"""
    functions = await house(hostile(bootstrap("code", program)))
    await notes(functions)
    await asyncio.sleep(0.4)
    assert await notes(functions) == [403]


async def test_a_runtime_that_lost_its_connection_gets_the_event_on_the_new_one(
    house: MakeHouse, bootstrap: Bootstrap
) -> None:
    program = """
id, event, _ = following()
respond(id, 0)
half = socket.create_connection(ADDRESS.split(":"))
half.sendall(b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n")
time.sleep(0.1)
half.close()
id, event, _ = following()
respond(id, "served")
following()
"""
    functions = await house(hostile(bootstrap("code", program)))
    await notes(functions)
    await asyncio.sleep(0.3)
    assert await notes(functions) == "served"


GARBAGE = [
    r"b'\x00\xff\x16\x03\x01' * 1000",
    r"b'GET ' + b'x' * 100000",
    r"b'POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nContent-Length: -5\r\n\r\n'",
    r"b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n' + b'X: y\r\n' * 5000",
    r"b'POST /2018-06-01/runtime/init/error HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'",
]


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_garbage_on_the_wire_breaks_nothing(house: MakeHouse, bootstrap: Bootstrap, garbage: str) -> None:
    program = f"""
while True:
    id, event, _ = following()
    for _ in range(20):
        raw = socket.create_connection(ADDRESS.split(":"))
        try:
            raw.sendall({garbage})
        except OSError:
            pass
        raw.close()
    respond(id, "alive")
"""
    functions = await house(hostile(bootstrap("code", program)), handler("echo"))
    assert await notes(functions) == "alive"
    assert (await functions.invoke("echo", b"{}")).error is None


async def test_an_endless_body_is_a_result_too_large(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
id, event, _ = following()
raw = socket.create_connection(ADDRESS.split(":"))
raw.sendall(f"POST {BASE}/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\n".encode())
raw.sendall(b"Transfer-Encoding: chunked\\r\\n\\r\\n")
block = b"10000\\r\\n" + b"x" * 65536 + b"\\r\\n"
sent = 0
try:
    while True:
        raw.sendall(block)
        sent += 1
except OSError:
    pass
print("blocks sent:", sent)
following()
"""
    functions = await house(hostile(bootstrap("code", program)))
    invocation = await functions.invoke("hostile", b"{}")
    assert json.loads(invocation.payload)["errorType"] == "Function.ResponseSizeTooLarge"


async def test_a_body_that_stops_halfway_ends_with_the_functions_timeout(
    house: MakeHouse, bootstrap: Bootstrap
) -> None:
    program = """
id, event, _ = following()
raw = socket.create_connection(ADDRESS.split(":"))
raw.sendall(f"POST {BASE}/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\n".encode())
raw.sendall(b"Content-Length: 100\\r\\n\\r\\nhalf")
time.sleep(3600)
"""
    functions = await house(hostile(bootstrap("code", program), timeout=0.5))
    invocation = await functions.invoke("hostile", b"{}")
    assert json.loads(invocation.payload)["errorType"] == "Sandbox.Timedout"


async def test_chunked_results_with_trailers_are_taken(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
while True:
    id, event, _ = following()
    raw = socket.create_connection(ADDRESS.split(":"))
    raw.sendall(f"POST {BASE}/invocation/{id}/response HTTP/1.1\\r\\nHost: x\\r\\nTransfer-Encoding: chunked\\r\\n"
                "Trailer: Lambda-Runtime-Function-Error-Type\\r\\n\\r\\n"
                "3\\r\\n[1,\\r\\n2\\r\\n2]\\r\\n0\\r\\nLambda-Runtime-Function-Error-Type: \\r\\n\\r\\n".encode())
    assert raw.recv(1000).startswith(b"HTTP/1.1 202")
"""
    functions = await house(hostile(bootstrap("code", program)))
    assert await notes(functions) == [1, 2]
    assert await notes(functions) == [1, 2]


@pytest.mark.parametrize(
    ("body", "headers", "kind", "message"),
    [
        ("not json", {}, "Runtime.Unknown", "Unknown application error occurred"),
        ("[1]", {"Lambda-Runtime-Function-Error-Type": "My.Kind"}, "My.Kind", "Unknown application error occurred"),
        ("", {}, "Runtime.Unknown", "Unknown application error occurred"),
        ("[" * 100_000, {}, "Runtime.Unknown", "Unknown application error occurred"),
    ],
)
async def test_a_malformed_error_report_becomes_a_well_formed_one(
    house: MakeHouse, bootstrap: Bootstrap, body: str, headers: dict[str, str], kind: str, message: str
) -> None:
    program = f"""
body = {body!r}
while True:
    id, event, _ = following()
    call("POST", f"/invocation/{{id}}/error", body, {headers!r})
"""
    functions = await house(hostile(bootstrap("code", program)))
    invocation = await functions.invoke("hostile", b"{}")
    assert invocation.error == "Unhandled"
    assert json.loads(invocation.payload) == {
        "errorType": kind,
        "errorMessage": f"RequestId: {invocation.request_id} Error: {message}",
    }


async def test_an_init_error_without_an_exit_still_ends_the_sandbox(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
call("POST", "/init/error", '{"errorType":"Mine","errorMessage":"no start"}')
time.sleep(3600)
"""
    functions = await house(hostile(bootstrap("code", program)))
    invocation = await functions.invoke("hostile", b"{}")
    assert json.loads(invocation.payload) == {"errorType": "Mine", "errorMessage": "no start"}
    assert functions.sandbox_count("hostile") == 0


async def test_a_flood_of_output_leaves_the_others_running(house: MakeHouse, bootstrap: Bootstrap) -> None:
    program = """
id, event, _ = following()
while True:
    os.write(1, b"x" * 65536)
"""
    functions = await house(hostile(bootstrap("code", program), timeout=1.0), handler("echo"))
    flood = asyncio.create_task(functions.invoke("hostile", b"{}"))
    await until(lambda: functions.lines("hostile") != [])
    for _ in range(20):
        assert (await functions.invoke("echo", b"{}")).error is None
    assert json.loads((await flood).payload)["errorType"] == "Sandbox.Timedout"
    assert sum(map(len, functions.lines("hostile"))) < 6 << 20
