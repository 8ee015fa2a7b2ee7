"""coverage and doctor."""

import json
from pathlib import Path

import pytest

from poolhouse.cli import overview
from tests.cli.conftest import CommandLine


def test_coverage_lists_every_operation_of_the_models(command: CommandLine) -> None:
    rows = command.json("coverage")
    assert len(rows) > 170
    found = {row["operation"]: row for row in rows}
    assert found["AdminCreateUser"]["built"]
    assert not found["CreateUserImportJob"]["built"]
    assert all(row["built"] for row in rows if row["tested"])
    assert "built" in command.text("coverage")


def test_tested_targets_are_targets() -> None:
    assert all("." in target for target in overview.tested_targets())


def _verdicts(command: CommandLine, code: int) -> dict[str, str]:
    status, said, _ = command.run("doctor", "--output", "json")
    assert status == code, said
    return {one["check"]: one["verdict"] for one in json.loads(said)}


def test_the_doctor_finds_a_sound_installation_sound(installed: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_PORT", "0")
    monkeypatch.setenv("POOLHOUSE_GATEWAY_PORT", "0")
    found = _verdicts(installed, 0)
    assert found["database"] == found["master key"] == found["state"] == found["arithmetic"] == "fine"
    assert found["mail"] == "off"


def test_the_doctor_says_what_is_wrong_and_what_to_do(installed: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_MASTER_KEY", installed.json("keys", "generate")["master_key"])
    monkeypatch.setenv("POOLHOUSE_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("POOLHOUSE_SMTP_PORT", "1")
    found = _verdicts(installed, 1)
    assert found["master key"] == "wrong"
    assert found["mail"] == "wrong"
    _, said, _ = installed.run("doctor")
    assert "check POOLHOUSE_SMTP_HOST" in said


def test_the_doctor_makes_nothing(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_PORT", "0")
    monkeypatch.setenv("POOLHOUSE_GATEWAY_PORT", "0")
    assert _verdicts(command, 1)["database"] == "off"
    assert not Path(".poolhouse").exists()


def test_a_configuration_that_cannot_be_is_a_finding(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_WORKERS", "many")
    assert _verdicts(command, 1)["configuration"] == "wrong"
