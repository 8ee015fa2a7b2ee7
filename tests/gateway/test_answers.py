"""What an API changes about the gateway's own answers, CORS by MOCK, and documents that are refused."""

from typing import Any

import pytest

from poolhouse.gateway.compile import compile_api
from poolhouse.gateway.definition import ApiInvalid
from tests.gateway.harness import cognito, definition, document, guarded, method, proxy, running

GUARDED = {"/foo": {"get": method(security=guarded())}}
CORS = {"responseParameters": {"gatewayresponse.header.Access-Control-Allow-Origin": "'*'"}, "responseTemplates": {}}


def responses(**changed: Any) -> dict[str, Any]:
    return document(GUARDED, **{"x-amazon-apigateway-gateway-responses": changed})


async def test_a_default_response_changes_its_whole_class() -> None:
    async with running(responses(DEFAULT_4XX=CORS)) as run:
        for target, status in (("/val/foo", 401), ("/val/none", 403)):
            got, headers, body = await run.ask(target)
            assert (got, headers[b"access-control-allow-origin"]) == (status, b"*")
            assert body.startswith(b'{"message":')
    async with running(responses(DEFAULT_4XX={"statusCode": "418"}, UNAUTHORIZED=CORS)) as run:
        assert (await run.ask("/val/foo"))[0] == 401
        assert (await run.ask("/val/none"))[0] == 418


async def test_status_headers_and_template_of_a_type_can_be_changed() -> None:
    changed = {
        "statusCode": 418,
        "responseParameters": {
            "gatewayresponse.header.X-Echo": "method.request.header.X-In",
            "gatewayresponse.header.X-Absent": "method.request.header.Nothing",
            "gatewayresponse.header.X-Stage": "context.stage",
        },
        "responseTemplates": {
            "application/json": '{"m":$context.error.messageString,"t":"$context.error.responseType",'
            '"i":"${context.requestId}","s":"$stageVariables.a","u":"$context.unknown"}'
        },
    }
    async with running(responses(UNAUTHORIZED=changed), variables={"a": "b"}) as run:
        status, headers, body = await run.ask("/val/foo", headers={"X-In": "in"})
    assert (status, headers[b"x-echo"], headers[b"x-stage"]) == (418, b"in", b"val")
    assert b"x-absent" not in headers
    assert (
        body.decode()
        == f'{{"m":"Unauthorized","t":"UNAUTHORIZED","i":"{headers[b"x-amzn-requestid"].decode()}","s":"b","u":""}}'
    )
    assert headers[b"x-amzn-errortype"] == b"UnauthorizedException"


async def test_a_default_5xx_reaches_browsers_too() -> None:
    async def broken(event: dict[str, Any]) -> Any:
        return {"nonsense": True}

    body = document({"/foo": {"get": method()}}, **{"x-amazon-apigateway-gateway-responses": {"DEFAULT_5XX": CORS}})
    async with running(body, broken) as run:
        status, headers, text = await run.ask("/val/foo")
    assert (status, text, headers[b"access-control-allow-origin"]) == (
        502,
        b'{"message": "Internal server error"}',
        b"*",
    )


def preflight(**more: Any) -> dict[str, Any]:
    """The OPTIONS method that SAM makes of `Cors`."""
    mock = {
        "type": "mock",
        "requestTemplates": {"application/json": '{\n  "statusCode" : 200\n}\n'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseTemplates": {"application/json": "{}\n"},
                "responseParameters": {
                    "method.response.header.Access-Control-Allow-Headers": "'Authorization,Content-Type'",
                    "method.response.header.Access-Control-Allow-Origin": "'http://localhost:5173'",
                    "method.response.header.Access-Control-Max-Age": "'600'",
                    "method.response.header.Access-Control-Allow-Methods": "'GET,OPTIONS'",
                },
            }
        },
    }
    return method(mock, consumes=["application/json"], produces=["application/json"], **more)


async def test_a_preflight_is_answered_as_sam_configures_it() -> None:
    body = document({"/foo": {"get": method(security=guarded()), "options": preflight()}})
    async with running(body) as run:
        status, headers, text = await run.ask("/val/foo", method="OPTIONS", headers={"Origin": "http://localhost:5173"})
    assert (status, text) == (200, b"{}\n")
    assert headers[b"access-control-allow-headers"] == b"Authorization,Content-Type"
    assert headers[b"access-control-allow-origin"] == b"http://localhost:5173"
    assert headers[b"access-control-max-age"] == b"600"
    assert headers[b"access-control-allow-methods"] == b"GET,OPTIONS"
    assert headers[b"content-type"] == b"application/json"


async def test_a_preflight_with_the_default_authorizer_is_guarded_too() -> None:
    async with running(document({"/foo": {"options": preflight(security=guarded())}})) as run:
        assert (await run.ask("/val/foo", method="OPTIONS"))[0] == 401


async def test_a_mock_chooses_its_answer_by_status_and_its_failures_are_500() -> None:
    def mock(template: str, responses: dict[str, Any]) -> dict[str, Any]:
        return {
            "get": method({"type": "mock", "requestTemplates": {"application/json": template}, "responses": responses})
        }

    answers = {
        "2\\d\\d": {"statusCode": 201},
        "404": {"statusCode": 404, "responseTemplates": {"text/plain": "no $context.path"}},
    }
    paths = {
        "/ok": mock('{"statusCode": 299}', answers),
        "/none": mock('{"statusCode": 404}', answers),
        "/unmapped": mock('{"statusCode": 500}', answers),
        "/broken": mock("nonsense", answers),
    }
    async with running(document(paths)) as run:
        assert (await run.ask("/val/ok"))[0] == 201
        status, headers, body = await run.ask("/val/none")
        assert (status, body, headers[b"content-type"]) == (404, b"no /val/none", b"text/plain")
        assert (await run.ask("/val/unmapped"))[0] == 500
        assert (await run.ask("/val/broken"))[0] == 500


@pytest.mark.parametrize("value", ["a%0d%0aX-Evil:%201", "%0a", "%00"])
async def test_what_no_header_can_hold_is_not_mapped_into_one(value: str) -> None:
    mapping = {"method.response.header.X-Q": "method.request.querystring.q"}
    answers = {"default": {"statusCode": "200", "responseParameters": mapping}}
    template = {"application/json": '{"statusCode": 200}'}
    mock = method({"type": "mock", "requestTemplates": template, "responses": answers})
    async with running(document({"/m": {"get": mock}})) as run:
        status, headers, _ = await run.ask(f"/val/m?q={value}")
        assert (status, headers.keys() & {b"x-q", b"x-evil"}) == (200, set())
        assert (await run.ask("/val/m?q=plain"))[1][b"x-q"] == b"plain"


def integration(**members: Any) -> dict[str, Any]:
    return document({"/foo": {"get": method({"type": "http_proxy", "uri": "http://h/", **members})}})


SIGV4 = {"type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "awsSigv4"}
API_KEY = {"type": "apiKey", "name": "x-api-key", "in": "header"}
LAMBDA = cognito() | {"x-amazon-apigateway-authorizer": {"type": "request", "authorizerUri": "arn:x"}}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "IAM, which would otherwise be open": (
        document(GUARDED, securityDefinitions={"Auth": SIGV4}),
        "securityDefinitions.Auth",
    ),
    "API keys, which would otherwise be open": (
        document(GUARDED, securityDefinitions={"Auth": API_KEY}),
        "securityDefinitions.Auth",
    ),
    "a Lambda authorizer": (document(GUARDED, securityDefinitions={"Auth": LAMBDA}), "securityDefinitions.Auth"),
    "IAM in the extension's form": (
        document({"/foo": {"get": method() | {"x-amazon-apigateway-auth": {"type": "AWS_IAM"}}}}),
        "paths./foo.get.x-amazon-apigateway-auth.type",
    ),
    "a resource policy": (
        document(GUARDED, **{"x-amazon-apigateway-policy": {"Version": "x"}}),
        "x-amazon-apigateway-policy",
    ),
    "an authorizer that is not defined": (
        document({"/foo": {"get": method(security=[{"Other": []}])}}),
        "paths./foo.get.security[0].Other",
    ),
    "two authorizers": (
        document(
            {"/foo": {"get": method(security=[{"Auth": []}, {"B": []}])}},
            securityDefinitions={"Auth": cognito(), "B": cognito()},
        ),
        "paths./foo.get.security",
    ),
    "an authorizer without pools": (
        document(GUARDED, securityDefinitions={"Auth": cognito(providerARNs=[])}),
        "securityDefinitions.Auth.x-amazon-apigateway-authorizer.providerARNs",
    ),
    "a broken validation expression": (
        document(GUARDED, securityDefinitions={"Auth": cognito(identityValidationExpression="(")}),
        "identityValidationExpression",
    ),
    "no integration": (document({"/foo": {"get": {}}}), "paths./foo.get.x-amazon-apigateway-integration"),
    "an AWS service integration": (integration(type="aws"), "type"),
    "a VPC link": (integration(connectionType="VPC_LINK"), "connectionType"),
    "a function that is none": (document({"/foo": {"get": method(proxy() | {"uri": "arn:aws:x"})}}), "uri"),
    "an upstream without a host": (integration(uri="http:///x"), "uri"),
    "an upstream of another scheme": (integration(uri="file:///etc/passwd"), "uri"),
    "an upstream whose host is a parameter": (integration(uri="http://{host}/"), "uri"),
    "an upstream whose query is not encoded": (integration(uri="http://h/?q=☃"), "uri"),
    "an unmapped path parameter": (integration(uri="http://h/{id}"), "uri"),
    "an unset stage variable": (integration(uri="http://${stageVariables.x}/"), "uri"),
    "a header that must not be mapped": (
        integration(requestParameters={"integration.request.header.Authorization": "'x'"}),
        "requestParameters",
    ),
    "a header that none can be": (
        integration(requestParameters={"integration.request.header.X Y": "'x'"}),
        "requestParameters.integration.request.header.X Y",
    ),
    "a gateway response's header that none can be": (
        responses(DEFAULT_4XX={"responseParameters": {"gatewayresponse.header.Größe": "'x'"}}),
        "responseParameters.gatewayresponse.header.Größe",
    ),
    "a gateway response's status that none can be": (responses(DEFAULT_4XX={"statusCode": 99}), "statusCode"),
    "a mapping of the body": (
        integration(requestParameters={"integration.request.header.X": "method.request.body.x"}),
        "requestParameters",
    ),
    "a timeout out of range": (integration(timeoutInMillis=49), "timeoutInMillis"),
    "a template that is a program": (
        document({"/foo": {"get": method({"type": "mock", "requestTemplates": {"application/json": "#set($x = 1)"}})}}),
        "requestTemplates",
    ),
    "a mock without a template": (document({"/foo": {"get": method({"type": "mock"})}}), "requestTemplates"),
    "an unknown gateway response": (responses(SOMETHING={}), "SOMETHING"),
    "a validator that is not defined": (
        document({"/foo": {"get": method() | {"x-amazon-apigateway-request-validator": "v"}}}),
        "request-validator",
    ),
    "a shape that is wrong": (document({"/foo": {"get": method(security="Auth")}}), "security"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_served_as_written_is_refused_when_it_is_deployed(name: str) -> None:
    body, where = REFUSED[name]
    with pytest.raises(ApiInvalid) as refused:
        compile_api(definition(body))
    assert where in refused.value.where
    assert refused.value.message


def test_an_openapi_3_document_is_read_too() -> None:
    body = document(GUARDED)
    body["components"] = {"securitySchemes": body.pop("securityDefinitions")}
    api = compile_api(definition(body))
    found = api.stages["val"].router.find("/foo")
    assert found is not None
    route = found[0].route("GET")
    assert route is not None
    assert route.guard is not None
