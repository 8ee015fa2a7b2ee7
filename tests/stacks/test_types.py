"""What single resource types make of their properties."""

import pytest

from poolhouse.model.cognito_idp_model import GetUserPoolMfaConfigRequest, ListUserPoolsRequest
from poolhouse.stacks.errors import DeployFailed, TemplateInvalid
from poolhouse.stacks.template import Tree
from poolhouse.userpools.operations.mfa_config import get_user_pool_mfa_config
from poolhouse.userpools.operations.pools import list_user_pools
from tests.stacks.workshop import Workshop

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def one(kind: str, **properties: object) -> str:
    lines = [f"      {name}: {value}" for name, value in properties.items()]
    return f"Resources:\n  R:\n    Type: {kind}\n    Properties:\n" + "\n".join(lines) + "\n"


async def test_a_pools_factors_are_set_with_it(workshop: Workshop) -> None:
    kind = "AWS::Cognito::UserPool"
    state = await workshop.deploy(one(kind, UserPoolName="a", MfaConfiguration='"OFF"', EnabledMfas="[]"))
    request = GetUserPoolMfaConfigRequest(user_pool_id=state.resources["R"].physical_id)
    config = await get_user_pool_mfa_config(workshop.house.call(), request)
    assert config.mfa_configuration == "OFF"
    changed = await workshop.deploy(one(kind, UserPoolName="a"))
    assert changed.resources["R"].physical_id == state.resources["R"].physical_id


async def test_a_pool_whose_second_step_is_refused_does_not_stay(workshop: Workshop) -> None:
    factors = one(
        "AWS::Cognito::UserPool", UserPoolName="a", MfaConfiguration='"ON"', EnabledMfas="[SMS_MFA, EMAIL_OTP]"
    )
    with pytest.raises(DeployFailed, match=r"yaml:2: R \(AWS::Cognito::UserPool\): InvalidParameterException: "):
        await workshop.deploy(factors)
    listed = await list_user_pools(workshop.house.call(), ListUserPoolsRequest(max_results=10))
    assert listed.user_pools == []


async def test_a_violation_inside_a_list_has_its_own_line(workshop: Workshop) -> None:
    text = one("AWS::Cognito::UserPool") + f"      Schema:\n        - Name: ok\n        - Name: {'x' * 30}\n"
    with pytest.raises(TemplateInvalid, match=r"template.yaml:8: Schema.1.Name: Member must have length less than or"):
        await workshop.deploy(text)


ROLE = "{Version: '2012-10-17', Statement: []}"


async def test_a_role_is_served_with_its_policies_and_keeps_its_id(workshop: Workshop) -> None:
    kind = "AWS::IAM::Role"
    policy = "[{PolicyName: p, PolicyDocument: {Statement: []}}]"
    first = await workshop.deploy(one(kind, AssumeRolePolicyDocument=ROLE, RoleName="r", Path="/x/", Policies=policy))
    [role] = await workshop.served.load("role")
    assert role["arn"] == "arn:aws:iam::000000000000:role/x/r"
    assert role["policies"] == [{"PolicyName": "p", "PolicyDocument": {"Statement": []}}]
    assert str(role["role_id"]).startswith("AROA")
    second = await workshop.deploy(one(kind, AssumeRolePolicyDocument=ROLE, RoleName="r", Path="/x/"))
    assert workshop.planned() == {"R": "MODIFY"}
    assert second.resources["R"].attributes == first.resources["R"].attributes
    with pytest.raises(TemplateInvalid, match=r"template.yaml:6: MaxSessionDuration must be from 3600 to 43200"):
        await workshop.deploy(one(kind, AssumeRolePolicyDocument=ROLE, MaxSessionDuration=60))


async def test_an_api_keeps_its_id_when_its_body_changes(workshop: Workshop) -> None:
    kind = "AWS::ApiGateway::RestApi"
    first = await workshop.deploy(one(kind, Name="a", BinaryMediaTypes="[image/png]", Body="{paths: {}}"))
    second = await workshop.deploy(one(kind, Name="a", Body="{paths: {/x: {get: {}}}}"))
    assert first.resources["R"].physical_id == second.resources["R"].physical_id
    [api] = await workshop.served.load("api")
    assert (api["body"], api["binary_media_types"]) == ({"paths": {"/x": {"get": {}}}}, [])


@pytest.mark.parametrize(
    ("properties", "complaint"),
    [
        ({"BodyS3Location": "{Bucket: b}"}, "5: an OpenAPI body cannot come from S3; put it under Body"),
        ({"Body": "{paths: {}}"}, "4: AWS::ApiGateway::RestApi needs a Name, or a Body with a title"),
    ],
)
async def test_an_api_without_body_or_name_is_refused(workshop: Workshop, properties: Tree, complaint: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(one("AWS::ApiGateway::RestApi", **properties))
    assert complaint in str(refused.value)


@pytest.mark.parametrize(
    ("properties", "complaint"),
    [
        ({"StageName": "s", "Variables": "{a-b: c}"}, "7: a-b cannot be a stage variable's name"),
        ({"Description": "x"}, "AWS::ApiGateway::Stage needs the property StageName"),
    ],
)
async def test_a_broken_stage_is_refused(workshop: Workshop, properties: Tree, complaint: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(one("AWS::ApiGateway::Stage", RestApiId="a", **properties))
    assert complaint in str(refused.value)


async def test_a_stage_has_its_variables(workshop: Workshop) -> None:
    text = one("AWS::ApiGateway::RestApi", Name="a") + (
        "  S:\n    Type: AWS::ApiGateway::Stage\n    Properties:\n"
        "      RestApiId: !Ref R\n      StageName: live\n      Variables: {color: blue, size: 5}\n"
    )
    await workshop.deploy(text)
    [api] = await workshop.served.load("api")
    stages = api["stages"]
    assert isinstance(stages, dict)
    assert isinstance(stages["live"], dict)
    assert stages["live"]["variables"] == {"color": "blue", "size": "5"}


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("[a]", "Code must be a folder's path or a mapping"),
        ("{ImageUri: x}", "a function cannot run a container image here"),
        ("{ZipFile: ''}", "ZipFile must be the code's text"),
        ("{ZipFile: x}", "the runtime go1.x takes no inline code; put the code into a folder"),
    ],
)
async def test_code_that_cannot_run_is_refused(workshop: Workshop, code: str, complaint: str) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(one("AWS::Lambda::Function", Handler="a", Runtime="go1.x", Role="r", Code=code))
    assert complaint in str(refused.value)


async def test_a_function_says_every_limit_that_it_breaks(workshop: Workshop) -> None:
    environment = "{Variables: {A: " + "x" * 5000 + "}}"
    text = one("AWS::Lambda::Function", Role="r", Code="{ZipFile: x}", Runtime="python3.11", Environment=environment)
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(text)
    assert [problem.message for problem in refused.value.problems] == [
        "AWS::Lambda::Function needs the property Handler",
        "the environment is larger than 4 KB",
    ]


async def test_a_log_group_is_recorded_under_its_name(workshop: Workshop) -> None:
    await workshop.deploy(one("AWS::Logs::LogGroup", LogGroupName="/a"))
    state = await workshop.deploy(one("AWS::Logs::LogGroup", LogGroupName="/a", LogGroupClass="STANDARD"))
    assert state.resources["R"].attributes["Arn"] == "arn:aws:logs:eu-west-1:000000000000:log-group:/a:*"
