"""deploy, describe, delete."""

import json
from pathlib import Path

from tests.cli.conftest import CommandLine


def test_a_deploy_tells_each_resource_and_the_outputs(command: CommandLine) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    said = command.text("deploy", "template.yaml")
    assert "+ People  AWS::Cognito::UserPool  created" in said
    assert "PoolId" in said
    assert "The pool" in said


def test_an_unchanged_stack_is_said_to_be(installed: CommandLine) -> None:
    assert "= unchanged" in installed.text("deploy", "template.yaml")


def test_a_deploy_speaks_to_scripts_in_lines(command: CommandLine) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    events = [json.loads(line) for line in command.text("deploy", "template.yaml", "-o", "json").splitlines()]
    assert [event["action"] for event in events if event["event"] == "change"] == ["ADD", "ADD"]
    assert events[-1]["event"] == "deployed"
    assert set(events[-1]["outputs"]) == {"PoolId", "ClientId"}


def test_describe_finds_the_only_stack(installed: CommandLine) -> None:
    found = installed.json("describe")
    assert found["name"] == "poolhouse"
    assert found["status"] == "CREATE_COMPLETE"
    assert found["outputs"]["PoolId"]["value"].startswith("eu-west-1_")
    assert {one["logical_id"] for one in found["resources"]} == {"People", "Web"}
    assert found["outputs"]["PoolId"]["value"] in installed.text("describe", "poolhouse")


def test_an_api_that_cannot_be_served_is_told_at_its_line_in_the_body(command: CommandLine) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    lines = (
        "Resources:",
        "  Api:",
        "    Type: AWS::ApiGateway::RestApi",
        "    Properties:",
        "      Name: shop",
        "      Body:",
        "        swagger: '2.0'",
        "        paths:",
        "          /v1.0:",
        "            get:",
        "              x-amazon-apigateway-integration:",
        "                uri: arn:aws:apigateway:eu-west-1:sqs:path/x",
        "                type: aws",
        "  Stage:",
        "    Type: AWS::ApiGateway::Stage",
        "    Properties: {RestApiId: !Ref Api, StageName: v}",
    )
    (command.folder / "template.yaml").write_text("\n".join(lines))
    where = "template.yaml:13: Api cannot be served: paths./v1.0.get.x-amazon-apigateway-integration.type: "
    assert command.refusal("deploy", "template.yaml").startswith(where)


def test_describe_tells_scripts_the_tags_of_each_resource(command: CommandLine) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    pool = "  Pool: {Type: AWS::Cognito::UserPool, Properties: {UserPoolTags: {team: blue}}}\n"
    api = (
        "  Api: {Type: AWS::ApiGateway::RestApi, Properties: {Name: shop, Tags: [{Key: team, Value: red}]}}\n"
        "  Bare: {Type: AWS::ApiGateway::RestApi, Properties: {Name: bare}}\n"
    )
    (command.folder / "template.yaml").write_text("Resources:\n" + pool + api)
    command.text("deploy", "template.yaml")
    tags = {one["logical_id"]: one["tags"] for one in command.json("describe")["resources"]}
    assert tags == {"Pool": {"team": "blue"}, "Api": {"team": "red"}, "Bare": {}}


def test_describe_asks_which_of_several(installed: CommandLine) -> None:
    installed.text("deploy", "template.yaml", "--stack", "other")
    assert installed.refusal("describe") == "there are several stacks, name one: other, poolhouse"
    assert installed.json("describe", "other")["name"] == "other"


def test_an_unknown_stack(installed: CommandLine) -> None:
    assert "there is no stack named shop" in installed.refusal("describe", "shop")
    assert "there is no stack named shop" in installed.refusal("delete", "shop", "--yes")


def test_a_pool_is_deleted_only_when_that_is_allowed(installed: CommandLine) -> None:
    assert "add --yes" in installed.refusal("delete", "poolhouse")
    said = installed.refusal("delete", "poolhouse", "--yes")
    assert "would lose" in said
    assert installed.json("describe")["status"] == "CREATE_COMPLETE"
    assert "deleted poolhouse" in installed.text("delete", "poolhouse", "--yes", "--allow-delete-pools")
    assert "no stack is deployed" in installed.refusal("describe")


def test_a_state_folder_of_another_name(command: CommandLine, tmp_path: Path) -> None:
    state = str(tmp_path / "elsewhere")
    command.text("keys", "generate", "--file", f"{state}/master.key")
    command.text("deploy", "template.yaml", "--state", state)
    assert command.json("describe", "--state", state)["name"] == "poolhouse"


def test_a_template_without_the_pool_is_refused_with_the_way_out(installed: CommandLine) -> None:
    installed.template.write_text("Resources: {Staff: {Type: AWS::Cognito::UserPool, Properties: {UserPoolName: b}}}")
    said = installed.refusal("deploy", "template.yaml")
    assert "deleting it would lose its users" in said
    assert "--allow-delete-pools" in said
    assert "another --stack or --state" in said
