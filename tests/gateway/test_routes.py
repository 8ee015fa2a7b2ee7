"""Which API, stage and route a request means."""

from typing import Any

import pytest

from poolhouse.gateway.compile import compile_api
from poolhouse.gateway.definition import ApiInvalid, StageDefinition
from poolhouse.gateway.model import Resource
from poolhouse.gateway.routes import Router
from tests.gateway.harness import definition, document, guarded, method, running

PATHS = ["/", "/a", "/a/b", "/a/{id}", "/a/{id}/c", "/a/{id}/{proxy+}", "/x/{proxy+}", "/deep/{p}/q/r", "/deep/s/{t}"]
ROUTER = Router([Resource(path, {}) for path in PATHS])


@pytest.mark.parametrize(
    ("path", "resource", "parameters"),
    [
        ("/", "/", {}),
        ("/a", "/a", {}),
        ("/a/", "/a", {}),
        ("/a/b", "/a/b", {}),
        ("/a/b/", "/a/b", {}),
        ("/a/z", "/a/{id}", {"id": "z"}),
        ("/a/z/c", "/a/{id}/c", {"id": "z"}),
        ("/a/b/c", "/a/{id}/c", {"id": "b"}),
        ("/a/z/d", "/a/{id}/{proxy+}", {"id": "z", "proxy": "d"}),
        ("/a/z/d/e/", "/a/{id}/{proxy+}", {"id": "z", "proxy": "d/e"}),
        ("/x/proxy-value/", "/x/{proxy+}", {"proxy": "proxy-value"}),
        ("/x/a%2Fb+c%2B", "/x/{proxy+}", {"proxy": "a%2Fb+c%2B"}),
        ("/x/a//b", "/x/{proxy+}", {"proxy": "a//b"}),
        ("/deep/s/q/r", "/deep/{p}/q/r", {"p": "s"}),
        ("/deep/s/q", "/deep/s/{t}", {"t": "q"}),
        ("/x", None, {}),
        ("/x/", None, {}),
        ("/A", None, {}),
        ("/%61", None, {}),
        ("/a//c", None, {}),
        ("/nothing", None, {}),
        ("/x/" + "/".join("y" * 300), None, {}),
    ],
)
def test_static_beats_parameter_beats_greedy_and_paths_stay_undecoded(
    path: str, resource: str | None, parameters: dict[str, str]
) -> None:
    found = ROUTER.find(path)
    assert (None if found is None else (found[0].path, found[1])) == (
        None if resource is None else (resource, parameters)
    )


@pytest.mark.parametrize(
    "paths",
    [["/a/{b}", "/a/{c}/d"], ["/{p+}/x"], ["/{p+}", "/{q+}"], ["/a{b}"], ["a"], ["/a", "/a/"]],
)
def test_paths_that_cannot_be_told_apart_are_refused(paths: list[str]) -> None:
    with pytest.raises(ApiInvalid):
        Router([Resource(path, {}) for path in paths])


async def test_an_exact_method_beats_any_and_other_methods_are_missing() -> None:
    async def which(event: dict[str, Any]) -> Any:
        return {"body": event["resource"] + " " + event["httpMethod"]}

    body = document(
        {
            "/both": {"get": method(), "x-amazon-apigateway-any-method": method()},
            "/get": {"get": method()},
            "/{proxy+}": {"x-amazon-apigateway-any-method": method()},
        }
    )
    async with running(body, which) as run:
        assert (await run.ask("/val/both"))[2] == b"/both GET"
        assert (await run.ask("/val/both", method="PUT"))[2] == b"/both PUT"
        assert (await run.ask("/val/other", method="DELETE"))[2] == b"/{proxy+} DELETE"
        status, _, text = await run.ask("/val/get", method="POST")
        assert (status, text) == (403, b'{"message":"Missing Authentication Token"}')


MISSING = b'{"message":"Missing Authentication Token"}'
INVALID = (
    b'{"message":"Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and '
    b"encoded with Base64): '2ByAAspPaQ6/MCULJ5TuQWE3W1QJzuxsHPejYwpMb3E='.\"}"
)
REQUIRES = (
    b"{\"message\":\"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' "
    b"parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of "
    b"either a 'X-Amz-Date' or a 'Date' header. Authorization=Bearer\"}"
)


@pytest.mark.parametrize(
    ("authorization", "kind", "text"),
    [
        (None, b"MissingAuthenticationTokenException", MISSING),
        ("AWS4-HMAC-SHA256 Credential=x", b"MissingAuthenticationTokenException", MISSING),
        ("Bearer a.b.c", b"IncompleteSignatureException", None),
        ("Bearer a=b", b"IncompleteSignatureException", REQUIRES),
    ],
)
async def test_an_unknown_route_is_403_in_the_words_of_signature_checking(
    authorization: str | None, kind: bytes, text: bytes | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}
    async with running(document({"/foo": {"get": method(security=guarded())}})) as run:
        status, got, body = await run.ask("/val/unknown", headers=headers)
    assert (status, got[b"x-amzn-errortype"]) == (403, kind)
    if text is not None:
        assert body == text
    else:
        assert body.startswith(
            b'{"message":"Invalid key=value pair (missing equal-sign) in Authorization header (hashed'
        )
        assert body.endswith(b"'.\"}")
    assert b"x-amzn-trace-id" not in got


@pytest.mark.parametrize(
    "target", ["/", "/prod/foo", "//val/foo", "/restapis/abc1234567/val/foo", "/restapis/x/val/_user_request_/foo"]
)
async def test_an_unknown_stage_or_api_is_forbidden(target: str) -> None:
    async with running(document({"/foo": {"get": method()}})) as run:
        status, headers, body = await run.ask(target)
    assert (status, body, headers[b"x-amzn-errortype"]) == (403, b'{"message":"Forbidden"}', b"ForbiddenException")


@pytest.mark.parametrize(
    ("target", "host", "found"),
    [
        ("/val/foo", "localhost:3000", "abc1234567 val"),
        ("/val/foo", "127.0.0.1:3000", "abc1234567 val"),
        ("/v2/foo", "second0000.execute-api.localhost:3000", "second0000 v2"),
        ("/v2/foo", "SECOND0000.execute-api.eu-west-1.amazonaws.com", "second0000 v2"),
        ("/restapis/second0000/v2/_user_request_/foo", "localhost", "second0000 v2"),
        ("/restapis/abc1234567/val/_user_request_/foo?x=y", "second0000.example", "abc1234567 val"),
        ("/val/foo", "unknown.execute-api.localhost", None),
        ("/val/foo", "second0000.execute-api.localhost", None),
    ],
)
async def test_an_api_is_found_by_port_by_host_and_by_path(target: str, host: str, found: str | None) -> None:
    async def which(event: dict[str, Any]) -> Any:
        context = event["requestContext"]
        return {"body": context["apiId"] + " " + context["stage"]}

    body = document({"/foo": {"get": method()}})
    async with running(body, which) as run:
        second = definition(body, api_id="second0000", stages={"v2": StageDefinition()})
        run.gateway.set_apis([compile_api(definition(body)), compile_api(second)], default="abc1234567")
        status, _, text = await run.ask(target, host=host)
    assert (status, text.decode()) == ((200, found) if found else (403, '{"message":"Forbidden"}'))


@pytest.mark.parametrize(
    ("target", "found"), [("/val/foo", "abc1234567"), ("/v2/foo", "second0000"), ("/both/foo", None)]
)
async def test_a_stage_that_only_one_api_has_names_that_api(target: str, found: str | None) -> None:
    async def which(event: dict[str, Any]) -> Any:
        return {"body": event["requestContext"]["apiId"]}

    body = document({"/foo": {"get": method()}})
    stage = StageDefinition()
    async with running(body, which) as run:
        first = definition(body, stages={"val": stage, "both": stage})
        second = definition(body, api_id="second0000", stages={"v2": stage, "both": stage})
        run.gateway.set_apis([compile_api(first), compile_api(second)])
        status, _, text = await run.ask(target)
    assert (status, text.decode()) == ((200, found) if found else (403, '{"message":"Forbidden"}'))


@pytest.mark.parametrize(
    ("target", "path", "context_path"),
    [
        ("/val/foo/a%2Bb+c", "/foo/a%2Bb+c", "/val/foo/a%2Bb+c"),
        ("/val/foo/a//b", "/foo/a//b", "/val/foo/a//b"),
        ("/val//foo/a", "/foo/a", "/val//foo/a"),
        ("/val/foo/a/", "/foo/a/", "/val/foo/a/"),
        ("/restapis/abc1234567/val/_user_request_/foo/a", "/foo/a", "/val/foo/a"),
    ],
)
async def test_the_path_is_passed_on_undecoded(target: str, path: str, context_path: str) -> None:
    async with running(document({"/foo/{proxy+}": {"get": method()}})) as run:
        assert (await run.ask(target))[0] == 200
        assert (run.event["path"], run.event["requestContext"]["path"]) == (path, context_path)
