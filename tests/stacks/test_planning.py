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
