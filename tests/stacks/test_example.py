"""The example's template: what a browser needs, and the features that a missing toolchain takes away."""

from pathlib import Path

import pytest

from poolhouse.stacks.drafting import read_template
from poolhouse.stacks.errors import TemplateInvalid
from poolhouse.stacks.template import JsonValue, Tree
from tests.stacks.workshop import Workshop

EXAMPLE = Path(__file__).parents[2] / "examples/template.yaml"
ORIGIN = "gatewayresponse.header.Access-Control-Allow-Origin"


def inside(tree: JsonValue, *keys: str) -> JsonValue:
    for key in keys:
        assert isinstance(tree, dict)
        tree = tree[key]
    return tree


async def deployed_body(workshop: Workshop, **parameters: str) -> Tree:
    workshop.with_code("functions/foo", "functions/bar", "functions/baz")
    state = await workshop.deploy(read_template(EXAMPLE), parameters)
    assert state.warnings == ()
    [api] = await workshop.served.load("api")
    body = api["body"]
    assert isinstance(body, dict)
    return body


async def test_every_feature_has_a_guarded_route_and_an_open_preflight(workshop: Workshop) -> None:
    body = await deployed_body(workshop)
    paths = body["paths"]
    assert isinstance(paths, dict)
    assert paths.keys() == {"/foo", "/bar", "/baz"}
    for path in paths:
        assert inside(body, "paths", path, "get", "security") == [{"CognitoAuth": []}]
        preflight = inside(body, "paths", path, "options")
        assert isinstance(preflight, dict)
        assert "security" not in preflight
        assert inside(preflight, "x-amazon-apigateway-integration", "type") == "mock"


async def test_a_browser_may_read_the_refusals(workshop: Workshop) -> None:
    responses = (await deployed_body(workshop))["x-amazon-apigateway-gateway-responses"]
    for kind in ("DEFAULT_4XX", "DEFAULT_5XX"):
        assert inside(responses, kind, "responseParameters", ORIGIN) == "'*'"


async def test_every_handler_is_there() -> None:
    files = {"foo": "app.py", "bar": "index.mjs", "baz": "go.mod"}
    assert all((EXAMPLE.parent / "functions" / name / file).is_file() for name, file in files.items())


async def test_a_missing_toolchain_takes_its_feature_away(workshop: Workshop) -> None:
    body = await deployed_body(workshop, WithNode="false", WithGo="false")
    assert list(inside(body, "paths") or ()) == ["/foo"]  # type: ignore[arg-type]
    assert [function["name"] for function in await workshop.served.load("function")] == ["val-cognito-example-foo"]


async def test_the_features_come_and_go_without_touching_the_pool(workshop: Workshop) -> None:
    await deployed_body(workshop, WithGo="false")
    await deployed_body(workshop)
    planned = workshop.planned()
    assert (planned["UserPool"], planned["UserClient"], planned["BazFunction"]) == ("KEEP", "KEEP", "ADD")


@pytest.mark.parametrize(
    ("data", "complaint"),
    [(None, ": cannot be read: No such file or directory; check the path"), (b"a: \xff", ":1: this is not UTF-8")],
)
def test_a_template_that_cannot_be_read_is_named(tmp_path: Path, data: bytes | None, complaint: str) -> None:
    path = tmp_path / "template.yaml"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(TemplateInvalid) as refused:
        read_template(path)
    assert str(refused.value).startswith(f"{path}{complaint}")
