"""Rules of the supervisor and of what other commands believe of a development server's note."""

import os
from pathlib import Path

import msgspec
import pytest

from poolhouse.cli.record import Record, find_config, fingerprint, settings_of, write_record
from poolhouse.cli.supervisor import FIRST_PAUSE, LONGEST_PAUSE, STABLE_SECONDS, next_pause, worker_environment
from poolhouse.config import load_config


@pytest.mark.parametrize(
    ("pause", "lived", "expected"),
    [
        (0.0, 0.1, FIRST_PAUSE),
        (FIRST_PAUSE, 0.1, 2 * FIRST_PAUSE),
        (4.0, 59.9, 8.0),
        (LONGEST_PAUSE, 0.1, LONGEST_PAUSE),
        (20.0, 0.1, LONGEST_PAUSE),
        (LONGEST_PAUSE, STABLE_SECONDS, FIRST_PAUSE),
    ],
)
def test_pauses_grow_with_each_crash_until_a_worker_was_stable(pause: float, lived: float, expected: float) -> None:
    assert next_pause(pause, lived) == expected


def test_a_worker_sees_the_supervisors_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_REGION", "eu-central-1")
    config = load_config(os.environ, workers=3, port=1234, gateway_port=4321, host="::1", state_dir="elsewhere")
    assert load_config(worker_environment(config)) == config


def _record(folder: Path) -> Record:
    config = load_config({}, mode="development", state_dir=folder, port=4711, smtp_host="mail.example.com")
    empty: dict[str, object] = {
        name: [] if name in ("pools", "clients", "apis") else {} if name == "outputs" else ""
        for name in Record.__struct_fields__
    }
    known = {"pid": 1, "pool_id": None, "client_id": None, "certificate_authority": None}
    return msgspec.convert({**empty, **known, "database": fingerprint(config), "settings": settings_of(config)}, Record)


def test_commands_see_what_the_development_server_noted(tmp_path: Path) -> None:
    write_record(tmp_path, _record(tmp_path))
    config = find_config({}, tmp_path)
    assert (config.mode, config.port, config.smtp_host) == ("development", 4711, "mail.example.com")
    assert find_config({"POOLHOUSE_PORT": "1"}, tmp_path).port == 1
    assert find_config({"POOLHOUSE_STATE_DIR": str(tmp_path)}, None).port == 4711


def test_a_note_about_another_database_is_not_believed(tmp_path: Path) -> None:
    write_record(tmp_path, _record(tmp_path))
    assert find_config({"POOLHOUSE_DATABASE_URL": "postgresql://db/poolhouse"}, tmp_path).mode == "production"


def test_a_damaged_note_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "development.json").write_text('{"pid": 1')
    assert find_config({}, tmp_path).mode == "production"


def test_the_note_holds_no_address_that_may_carry_a_token() -> None:
    config = load_config({}, sms_webhook_url="https://sms.example.com/send?token=abc", smtp_password="hush")
    text = str(settings_of(config))
    assert "abc" not in text
    assert "hush" not in text
