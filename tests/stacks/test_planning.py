"""What a template asks for is refused with its line, before anything is done."""

from pathlib import Path

import pytest

from poolhouse.stacks.errors import TemplateInvalid
from tests.house import House
from tests.stacks.workshop import Workshop

HEAD = "Transform: AWS::Serverless-2016-10-31\nResources:\n"
POOL = "  Pool:\n    Type: AWS::Cognito::UserPool\n    Properties:\n"
FUNCTION = "  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      CodeUri: code\n"
PLAIN = FUNCTION + "      Handler: a.b\n      Runtime: python3.11\n"
API = "  Api:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: val\n"
ROUTE = (
    "      Events:\n        A:\n          Type: Api\n          Properties:\n"
    "            Path: /a\n            Method: get\n            RestApiId: !Ref Api\n"
)


@pytest.fixture
def workshop(house: House, tmp_path: Path) -> Workshop:
    folder = tmp_path / "work"
    (folder / "code").mkdir(parents=True)
    (folder / "file.zip").write_bytes(b"")
    return Workshop(house, folder)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("text", "complaints"),
    [
        (
            "  A:\n    Type: AWS::Cognito::UserPol\n",
            ["4: the resource type AWS::Cognito::UserPol is not provided; did you"],
        ),
        (
            "  A:\n    Type: AWS::S3::Bucket\n",
            ["4: the resource type AWS::S3::Bucket is not provided; provided: AWS::Api"],
        ),
        (
            POOL + "      UserPoolNam: x\n",
            ["6: unknown property UserPoolNam of AWS::Cognito::UserPool; did you mean UserPoolName?"],
        ),
        (
            POOL + "      Policies:\n        PasswordPolicy:\n          MinLength: 5\n",
            ["8: unknown property MinLength of AWS::Cognito::UserPool; did you mean MinimumLength?"],
        ),
        (
            POOL + "      Policies:\n        PasswordPolicy:\n          MinimumLength: 5\n",
            ["8: Policies.PasswordPolicy.MinimumLength: Member must have value greater than or equal to 6"],
        ),
        (POOL + "      Schema: email\n", ["6: Schema of AWS::Cognito::UserPool must be a list"]),
        (
            POOL + "      Schema:\n        - Name: email\n          Required: maybe\n",
            ["8: Schema.0.Required of AWS::Cognito::UserPool must be true or false"],
        ),
        (
            POOL + "      UsernameAttributes: [mail]\n",
            ["6: UsernameAttributes.0 of AWS::Cognito::UserPool must be one of email, phone_number"],
        ),
        (POOL + "      UserPoolName: 'a/b'\n", ["6: PoolName: Member must satisfy regular expression pattern"]),
        (
            POOL + "      UserPoolName: !Ref Evn\n      MfaConfiguration: !Ref Nothing\n",
            ["6: nothing here is named Evn", "7: nothing here is named Nothing"],
        ),
        (POOL + "      UserPoolName: !GetAtt Other.Arn\n", ["6: there is no resource Other"]),
        (POOL + "      UserPoolName: !Sub '${Other}'\n", ["6: nothing here is named Other"]),
        (
            POOL + "      UserPoolName: !Sub '${Pool}'\n",
            ["6: resources depend on each other in a circle: Pool → Pool (l"],
        ),
        (
            "  A:\n    Type: AWS::Logs::LogGroup\n    DependsOn: B\n"
            "  B:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      LogGroupName: !Ref A\n",
            ["5: resources depend on each other in a circle: A → B (line 5) → A (line 9); cut one"],
        ),
        ("  A:\n    Type: AWS::Logs::LogGroup\n    DependsOn: Bb\n", ["5: A depends on Bb, which is not there"]),
        ("  A:\n    Type: AWS::Logs::LogGroup\n    Condition: Dev\n", ["5: there is no condition Dev"]),
        (
            "  A:\n    Type: AWS::Logs::LogGroup\n    DeletionPolicy: Keep\n",
            ["5: unknown DeletionPolicy Keep; known: "],
        ),
        ("  A:\n    Type: AWS::IAM::Role\n", ["3: AWS::IAM::Role needs the property AssumeRolePolicyDocument"]),
        (
            POOL + "      UserPoolName: a\nOutputs:\n  Id:\n    Valeu: x\n",
            ["8: output Id needs a Value"],
        ),
        (
            POOL + "      UserPoolName: a\nOutputs:\n  Id:\n    Value: !GetAtt Pool.ID\n",
            ["9: Pool has no attribute ID"],
        ),
        (
            "  A:\n    Type: AWS::Serverless::Application\n",
            ["4: AWS::Serverless::Application is not provided; put its res"],
        ),
        (
            "  A:\n    Type: AWS::Serverless::Function\n",
            ["3: A needs the property CodeUri; for example CodeUri: app/foo/"],
        ),
        (FUNCTION + "      Handler: a.b\n", ["3: F: Runtime and Handler needs to be present when PackageType"]),
        (
            FUNCTION + "      Handler: a.b\n      Runtime: java21\n",
            ["8: the runtime java21 is not supported; supported: py"],
        ),
        (PLAIN + "      Timeout: 1000\n", ["9: Timeout must be from 1 to 900"]),
        (PLAIN + "      MemorySize: 64\n", ["9: MemorySize must be from 128 to 10240"]),
        (PLAIN + "      FunctionName: a b\n", ["9: a b cannot be a function's name"]),
        (PLAIN.replace("code", "gone"), ["6: the code folder gone does not exist; it is looked for at "]),
        (PLAIN.replace("code", "file.zip"), ["6: the code file.zip is not a folder"]),
        (
            PLAIN.replace("code", "s3://bucket/key"),
            ["6: a function cannot run code in S3 here; give a local folder as C"],
        ),
        (PLAIN.replace("code", "[a]"), ["6: CodeUri must be a folder's path"]),
        (PLAIN.replace("code", "!Ref Nobody"), ["6: nothing here is named Nobody"]),
        (
            PLAIN
            + "      Events:\n        E:\n          Type: Schedule\n          Properties:\n            Schedule: x\n",
            ["4: the resource type AWS::Events::Rule is not provided; provided: "],
        ),
        (PLAIN + "      Layers: a\n", ["9: F: Type of property 'Layers' is invalid."]),
        (PLAIN + "      Timeoutt: 3\n", ["9: F: property Timeoutt not defined for resource of type AWS::Serverless"]),
        (
            PLAIN + "      Events:\n        A:\n          Type: Api\n          Properties:\n"
            "            Path: /a\n            Method: get\n            RestApiId: !Ref Nothing\n",
            ["10: F: Event with id [A] is invalid. RestApiId must be a valid reference to"],
        ),
        (
            API + "      Auth:\n        DefaultAuthorizer: Pools\n",
            ["8: Api has a DefaultAuthorizer, and no Authorizers: every route would be open"],
        ),
        (
            API + "      Auth:\n        Authorizers:\n          Pools:\n            UserPoolArn: !GetAtt Pol.Arn\n"
            "        DefaultAuthorizer: Pools\n" + PLAIN + ROUTE,
            ["10: there is no resource Pol; "],
        ),
        (POOL + "      UserPoolName: '{{resolve:ssm:/name}}'\n", ["6: dynamic references ({{resolve:…}}) are not"]),
        (
            POOL + "      UserPoolName: !Ref Env\nParameters:\n  Env:\n    Type: String\n"
            "    Default: '{{resolve:secretsmanager:x}}'\n",
            ["6: dynamic references ({{resolve:…}}) are not supported; use a parameter with NoEcho: true"],
        ),
        (
            POOL + "      UserPoolName: x\nConditions:\n  Odd: !Equals [a]\n  Lost: !Condition Nowhere\n",
            ["8: Fn::Equals takes two values", "9: there is no condition Nowhere"],
        ),
        (
            "  Fn::ForEach::Pools:\n    - Name\n    - [a, b]\n    - ${Name}: {Type: AWS::Cognito::UserPool}\n",
            ["3: Fn::ForEach is not supported; write its members out"],
        ),
        (
            "  A:\n    Type: AWS::Serverless::Api\n    Properties:\n      StageName: 'a b'\n"
            "      DefinitionBody: {swagger: '2.0', info: {title: x}, paths: {}}\n",
            ["6: a b cannot be a stage's name"],
        ),
    ],
)
async def test_a_template_that_cannot_be_deployed_is_refused_with_its_lines(
    workshop: Workshop, text: str, complaints: list[str]
) -> None:
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(HEAD + text)
    lines = str(refused.value).splitlines()
    begun = [line[: len(complaint) + 14] for complaint, line in zip(complaints, lines, strict=True)]
    assert begun == [f"template.yaml:{complaint}" for complaint in complaints], lines
    assert await workshop.deployer.list_stacks() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_serverless_resources_and_globals_need_the_transform(workshop: Workshop) -> None:
    text = "Globals: {}\nResources:\n  F:\n    Type: AWS::Serverless::Function\n"
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(text)
    assert str(refused.value).splitlines() == [
        "template.yaml:1: Globals need the serverless transform; add Transform: AWS::Serverless-2016-10-31",
        "template.yaml:4: AWS::Serverless::Function needs the serverless transform; "
        "add Transform: AWS::Serverless-2016-10-31",
    ]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_code_folder_of_the_globals_is_found_and_blamed_there(workshop: Workshop) -> None:
    text = (
        "Transform: AWS::Serverless-2016-10-31\nParameters:\n  Dir: {Type: String, Default: code}\n"
        "Globals:\n  Function:\n    CodeUri: !Ref Dir\n    Runtime: python3.11\n"
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Properties:\n      Handler: a.b\n"
    )
    await workshop.deploy(text)
    [function] = await workshop.served.load("function")
    assert function["code_dir"] == str(workshop.folder / "code")
    with pytest.raises(TemplateInvalid) as refused:
        await workshop.deploy(text, {"Dir": "gone"})
    assert str(refused.value).startswith("template.yaml:6: the code folder gone does not exist")


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_inline_code_becomes_a_folder(workshop: Workshop) -> None:
    text = (
        "Resources:\n  F:\n    Type: AWS::Lambda::Function\n    Properties:\n      Handler: index.handler\n"
        "      Runtime: python3.11\n      Role: arn:aws:iam::000000000000:role/x\n      FunctionName: inline\n"
        "      Environment: {Variables: {Secret: hush}}\n"
        "      Code:\n        ZipFile: |\n          def handler(event, context):\n              return 1\n"
    )
    state = await workshop.deploy(text)
    [function] = await workshop.served.load("function")
    code = Path(str(function["code_dir"]), "index.py").read_text()
    assert code == "def handler(event, context):\n    return 1\n"
    assert function["environment"] == {"Secret": "hush"}
    rows = await workshop.house.services.database.fetch(
        "SELECT document FROM deployed UNION ALL SELECT document FROM stacks"
    )
    assert not any("hush" in str(row[0]) for row in rows)
    assert state.warnings == (
        "template.yaml:2: no route reaches F; give it an event of Type: Api, or call it through the Lambda API",
    )


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_property_without_effect_is_pointed_out(workshop: Workshop) -> None:
    state = await workshop.deploy(
        "Resources:\n  G:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      RetentionInDays: '7'\n"
    )
    assert state.warnings == (
        "template.yaml:5: RetentionInDays of AWS::Logs::LogGroup has no effect here: "
        "how long logs are kept is decided where they go",
    )
    assert state.resources["G"].properties == {"RetentionInDays": 7}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_cors_preflights_and_authorizers_of_several_kinds_deploy_together(workshop: Workshop) -> None:
    cors = "      Cors:\n        AllowOrigin: \"'*'\"\n        AllowHeaders: \"'Authorization'\"\n"
    auth = (
        "      Auth:\n        DefaultAuthorizer: Pools\n        AddDefaultAuthorizerToCorsPreflight: false\n"
        "        Authorizers:\n          Pools:\n            UserPoolArn: !GetAtt Pool.Arn\n"
        "          Scoped:\n            UserPoolArn: !GetAtt Pool.Arn\n            AuthorizationScopes: [orders/read]\n"
    )
    answers = "      GatewayResponses:\n        DEFAULT_4XX:\n          StatusCode: 418\n"
    scoped = ROUTE.replace("Path: /a", "Path: /b").replace("        A:", "        B:").replace("      Events:\n", "")
    scoped += "            Auth:\n              Authorizer: Scoped\n"
    pool = POOL + "      UserPoolName: x\n"
    state = await workshop.deploy(HEAD + pool + API + cors + auth + answers + PLAIN + ROUTE + scoped)
    assert (state.status, state.warnings) == ("CREATE_COMPLETE", ())


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_policy_may_be_a_function_where_the_language_extensions_are_asked_for(workshop: Workshop) -> None:
    text = (
        "Parameters:\n  Keep:\n    Type: String\n    Default: Retain\n"
        "Resources:\n  Pool:\n    Type: AWS::Cognito::UserPool\n    DeletionPolicy: !Ref Keep\n"
    )
    with pytest.raises(TemplateInvalid, match=r"template\.yaml:8: unknown DeletionPolicy"):
        await workshop.deploy(text)
    state = await workshop.deploy("Transform: AWS::LanguageExtensions\n" + text)
    assert state.resources["Pool"].deletion_policy == "Retain"
