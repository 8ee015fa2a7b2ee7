"""keys: made once, rotated without anybody noticing, issued and refused."""

import stat
from pathlib import Path

import pytest

from poolhouse.crypto.master_key import MasterKey
from tests.cli.conftest import CommandLine


def test_a_generated_key_is_one(command: CommandLine) -> None:
    said = command.json("keys", "generate")
    assert MasterKey.parse(said["master_key"]).key_id == said["key_id"]
    MasterKey.parse(command.text("keys", "generate"))


def test_a_key_file_is_private_and_never_overwritten(command: CommandLine) -> None:
    command.text("keys", "generate", "--file", "master.key")
    assert stat.S_IMODE(Path("master.key").stat().st_mode) == 0o600
    before = Path("master.key").read_text()
    assert "never overwritten" in command.refusal("keys", "generate", "--file", "master.key")
    assert Path("master.key").read_text() == before


def test_the_master_key_is_rotated(installed: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.text("users", "create", "somebody")
    installed.text("keys", "generate", "--file", "new.key")
    installed.text("keys", "rotate-master", "--new-key-file", "new.key")
    assert "this is not the master key" in installed.refusal("users", "list")
    Path("new.key").replace(".poolhouse/master.key")
    assert len(installed.json("users", "list")["Users"]) == 1
    assert installed.json("describe")["name"] == "poolhouse"
    another = installed.json("keys", "generate")
    monkeypatch.setenv("POOLHOUSE_NEW_MASTER_KEY", another["master_key"])
    assert installed.json("keys", "rotate-master") == {"key_id": another["key_id"], "data_keys": 1}


def test_a_rotation_without_a_new_key_says_how(installed: CommandLine) -> None:
    assert "poolhouse keys generate" in installed.refusal("keys", "rotate-master")


def test_data_keys_are_added_and_old_seals_stay_readable(installed: CommandLine) -> None:
    installed.text("users", "create", "somebody")
    first = installed.json("keys", "rotate-data")["data_key"]
    assert installed.json("keys", "rotate-data")["data_key"] != first
    assert installed.json("describe")["name"] == "poolhouse"
    installed.text("users", "create", "else")
    installed.text("keys", "generate", "--file", "new.key")
    assert installed.json("keys", "rotate-master", "--new-key-file", "new.key")["data_keys"] == 3


def test_signing_keys_are_rotated(installed: CommandLine) -> None:
    pool_id = installed.json("describe")["outputs"]["PoolId"]["value"]
    assert installed.json("keys", "rotate-signing") == {"pool_id": pool_id}


def test_access_keys_are_issued_listed_and_disabled(installed: CommandLine) -> None:
    issued = installed.json("keys", "access", "create", "deploy-bot")
    assert issued["Principal"] == "deploy-bot"
    (listed,) = installed.json("keys", "access", "list")
    assert listed["AccessKeyId"] == issued["AccessKeyId"]
    assert listed["Status"] == "Active"
    assert issued["SecretAccessKey"] not in installed.text("keys", "access", "list")
    installed.text("keys", "access", "disable", issued["AccessKeyId"])
    assert installed.json("keys", "access", "list")[0]["Status"] == "Inactive"
    assert "there is no access key AKIA" in installed.refusal("keys", "access", "disable", "AKIA" + "A" * 16)


def test_an_access_keys_policy_is_checked_before_it_is_issued(installed: CommandLine) -> None:
    Path("policy.json").write_text('{"Version":"2012-10-17","Statement":[{"Effect":"Perhaps","Action":"*"}]}')
    assert "policy" in installed.refusal("keys", "access", "create", "--policy", "policy.json")
    assert "cannot be read" in installed.refusal("keys", "access", "create", "--policy", "none.json")
    assert "cannot be a name" in installed.refusal("keys", "access", "create", "no blanks")
    assert installed.json("keys", "access", "list") == []
