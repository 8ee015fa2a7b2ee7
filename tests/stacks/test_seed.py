"""The template of the first user deploys unchanged, and every property of it has its effect."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from poolhouse.functions.spec import FunctionSpec
from poolhouse.model.cognito_idp_model import DescribeUserPoolClientRequest, UserPoolClientType
from poolhouse.stacks.errors import TemplateInvalid
from poolhouse.stacks.state import StackState
from poolhouse.userpools.operations.clients import describe_user_pool_client
from tests.stacks.workshop import SEED, Workshop

TEMPLATE = SEED.read_text()


@pytest.fixture
async def seed(workshop: Workshop) -> StackState:
    return await workshop.with_code("app/foo").deploy(TEMPLATE)


async def client_of(workshop: Workshop, state: StackState) -> UserPoolClientType:
    request = DescribeUserPoolClientRequest(
        user_pool_id=state.outputs["PoolId"].value, client_id=state.outputs["ClientId"].value
    )
    response = await describe_user_pool_client(workshop.house.call(), request)
    assert response.user_pool_client is not None
    return response.user_pool_client


async def test_the_outputs_name_pool_and_client(seed: StackState) -> None:
    assert seed.status == "CREATE_COMPLETE"
    assert seed.outputs["PoolId"].value.startswith("eu-west-1_")
    assert seed.outputs["PoolId"].description == "User pool identifier"
    assert len(seed.outputs["ClientId"].value) == 26
    assert seed.description == "AWS Cognito User pool and client configuration example"
    assert seed.parameters == {"Env": "val", "App": "cognito-example"}


async def test_every_property_of_the_pool_has_its_effect(workshop: Workshop, seed: StackState) -> None:
    pool = await workshop.pool(seed.outputs["PoolId"].value)
    assert pool.name == "val-user-pool"
    [email] = [one for one in pool.schema_attributes or [] if one.name == "email"]
    assert (email.required, email.mutable) == (True, True)
    assert pool.auto_verified_attributes == ["email"]
    assert pool.admin_create_user_config is not None
    assert pool.admin_create_user_config.allow_admin_create_user_only is True
    assert pool.policies is not None
    policy = pool.policies.password_policy
    assert policy is not None
    assert (policy.minimum_length, policy.temporary_password_validity_days) == (6, 15)
    assert policy.require_lowercase is policy.require_uppercase is True
    assert policy.require_numbers is policy.require_symbols is True
    assert pool.username_attributes == ["email"]
    assert pool.username_configuration is not None
    assert pool.username_configuration.case_sensitive is False
    assert pool.user_pool_tags == {"Key": "App", "Value": "cognito-example"}


async def test_every_property_of_the_client_has_its_effect(workshop: Workshop, seed: StackState) -> None:
    client = await client_of(workshop, seed)
    assert client.client_name == "val-user-pool-client"
    assert (client.access_token_validity, client.id_token_validity) == (1, 1)
    assert client.explicit_auth_flows is not None
    assert set(client.explicit_auth_flows) == {"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
    assert client.client_secret is None


async def test_the_api_is_served_with_its_authorizer_and_its_stages(workshop: Workshop, seed: StackState) -> None:
    [api] = await workshop.served.load("api")
    pool = await workshop.pool(seed.outputs["PoolId"].value)
    body = api["body"]
    assert isinstance(body, dict)
    assert body["securityDefinitions"] == {
        "CognitoAuth": {
            "in": "header",
            "type": "apiKey",
            "name": "Authorization",
            "x-amazon-apigateway-authorizer": {"providerARNs": [pool.arn], "type": "cognito_user_pools"},
            "x-amazon-apigateway-authtype": "cognito_user_pools",
        }
    }
    uri = (
        "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:eu-west-1:000000000000:function:val-cognito-example-foo/invocations"
    )
    integration = {"httpMethod": "POST", "type": "aws_proxy", "uri": uri}
    assert body["paths"] == {
        "/foo": {
            "get": {"x-amazon-apigateway-integration": integration, "security": [{"CognitoAuth": []}], "responses": {}}
        }
    }
    stages = api["stages"]
    assert isinstance(stages, dict)
    # The transform makes a stage named Stage beside the one that was asked for, as it does on AWS.
    assert stages.keys() == {"val", "Stage"}
    stage = stages["val"]
    assert isinstance(stage, dict)
    assert stage["tags"] == {"App": "cognito-example", "Env": "val"}
    assert (api["name"], api["description"], api["region"]) == ("shop", "Rest API for foo bar", "eu-west-1")


async def test_globals_tags_and_tracing_reach_the_functions(workshop: Workshop, seed: StackState) -> None:
    bar, foo = await workshop.served.load("function")
    assert (bar["name"], foo["name"]) == ("val-cognito-example-bar", "val-cognito-example-foo")
    assert (foo["timeout"], foo["memory_mb"], foo["tracing"]) == (3, 128, "Active")
    assert (foo["runtime"], foo["handler"], foo["environment"]) == ("go1.x", "handler", {})
    assert foo["code_dir"] == str(workshop.folder / "app/foo")
    assert foo["tags"] == {"lambda:createdBy": "SAM", "App": "cognito-example", "Env": "val"}
    assert msgspec.convert(foo, FunctionSpec).timeout == 3.0
    assert foo["role_arn"] == seed.resources["FooFunctionRole"].attributes["Arn"]


async def test_what_is_probably_not_meant_is_pointed_out_with_its_line(seed: StackState) -> None:
    retired = "AWS has retired the runtime go1.x; it runs here, but could no longer be deployed there"
    assert list(seed.warnings) == [
        "template.yaml:48: UserPoolTags gives the pool two tags, named Key and Value; to tag it App, write App: …",
        f"template.yaml:86: {retired}; use provided.al2023",
        "template.yaml:99: no route reaches BarFunction; "
        "give it an event of Type: Api, or call it through the Lambda API",
        f"template.yaml:106: {retired}; use provided.al2023",
    ]


async def test_another_environment_is_a_parameter_away(workshop: Workshop) -> None:
    state = await workshop.with_code("app/foo").deploy(TEMPLATE, {"Env": "test", "App": "shop"})
    assert (await workshop.pool(state.outputs["PoolId"].value)).name == "test-user-pool"
    [api] = await workshop.served.load("api")
    assert isinstance(api["stages"], dict)
    assert "test" in api["stages"]


async def test_an_environment_that_is_not_allowed_is_refused_with_those_that_are(workshop: Workshop) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.with_code("app/foo").deploy(TEMPLATE, {"Env": "prod"})
    assert str(refused.value) == "template.yaml:11: parameter Env: the value 'prod' is not allowed; allowed: val, test"


async def test_a_missing_code_folder_is_refused_with_its_line_and_place(workshop: Workshop) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(TEMPLATE)
    place = workshop.folder / "app/foo"
    assert str(refused.value).splitlines()[0] == (
        f"template.yaml:84: the code folder app/foo/ does not exist; it is looked for at {place}"
    )
    assert await workshop.deployer.list_stacks() == []


UNCHANGED = """
import asyncio, sys
from pathlib import Path
from tests.house import open_house
from tests.stacks.workshop import SEED, Workshop

async def main(folder):
    house = await open_house(f"sqlite:///{folder}/state/poolhouse.db", Path(folder, "state"))
    workshop = Workshop(house, Path(folder, "work"))
    state = await workshop.deploy(SEED.read_text())
    await house.close()
    print(state.status, state.version, "samtranslator" in sys.modules, "boto3" in sys.modules)

asyncio.run(main(sys.argv[1]))
"""


def test_an_unchanged_stack_is_answered_without_the_translator(tmp_path: Path) -> None:
    (tmp_path / "work/app/foo").mkdir(parents=True)
    first, second = (
        subprocess.run(
            [sys.executable, "-c", UNCHANGED, str(tmp_path)],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        .stdout.splitlines()[-1]
        .split()
        for _ in range(2)
    )
    assert first[0] == second[0] == "CREATE_COMPLETE"
    assert first[2] == "True"
    assert second == ["CREATE_COMPLETE", first[1], "False", "False"]
