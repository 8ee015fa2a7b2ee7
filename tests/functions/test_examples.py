"""The example stack's handlers, called as the gateway calls them."""

import json
from pathlib import Path

import pytest

from .conftest import PYTHON, MakeHouse, spec, toolchain

EXAMPLES = Path(__file__).parents[2] / "examples" / "functions"

CASES = [
    ("foo", PYTHON, "app.handler", "Python", None),
    ("bar", "nodejs20.x", "index.handler", "Node.js", "node"),
    ("baz", "go1.x", "handler", "Go", "go"),
]


@pytest.mark.parametrize(("name", "runtime", "entry", "language", "tool"), CASES)
@pytest.mark.parametrize(
    ("claims", "greeted"),
    [
        ({"sub": "1b2c", "email": "ada@example.com", "cognito:username": "1b2c"}, "ada@example.com"),
        ({"sub": "1b2c", "username": "ada", "scope": "aws.cognito.signin.user.admin"}, "ada"),
        ({"sub": "1b2c"}, "1b2c"),
    ],
)
async def test_an_example_greets_the_caller(
    house: MakeHouse,
    name: str,
    runtime: str,
    entry: str,
    language: str,
    tool: str | None,
    claims: dict[str, str],
    greeted: str,
) -> None:
    if tool is not None:
        toolchain(tool)
    functions = await house(spec(name, entry, runtime, EXAMPLES / name))
    event = {
        "resource": f"/{name}",
        "httpMethod": "GET",
        "body": None,
        "requestContext": {"authorizer": {"claims": claims}},
    }
    invocation = await functions.invoke(name, json.dumps(event).encode())
    assert invocation.error is None
    answer = json.loads(invocation.payload)
    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == {
        "feature": name,
        "message": f"Hello {greeted}, this is {language}.",
        "sub": "1b2c",
    }
    assert f"{name} called by 1b2c".encode() in invocation.log_tail
