"""Foreseeable failures: exit code 1 and one line that says what to do, never a traceback."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from poolhouse.http.tls import development_certificate
from tests.cli.conftest import CommandLine


@pytest.fixture
def taken_port() -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield str(listening.getsockname()[1])


def up(command: CommandLine, *arguments: str) -> str:
    return command.refusal("up", "template.yaml", "--port", "0", "--gateway-port", "0", *arguments)


def test_a_port_in_use_names_the_option(command: CommandLine, taken_port: str) -> None:
    said = up(command, "--port", taken_port)
    assert taken_port in said
    assert "--port" in said
    said = up(command, "--gateway-port", taken_port)
    assert "--gateway-port" in said


def test_a_port_in_use_is_told_before_anything_is_made(command: CommandLine, taken_port: str) -> None:
    up(command, "--port", taken_port)
    assert not Path(".poolhouse").exists()


def test_workers_are_not_started_on_ports_of_somebody_else(
    command: CommandLine, taken_port: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command.text("keys", "generate", "--file", "master.key")
    monkeypatch.setenv("POOLHOUSE_MASTER_KEY_FILE", "master.key")
    said = command.refusal("serve", "--workers", "2", "--port", taken_port, "--gateway-port", "0")
    assert said.startswith(f"port {taken_port} is in use")
    assert "POOLHOUSE_PORT" in said


def test_a_state_folder_that_cannot_be_made(command: CommandLine) -> None:
    Path("file").write_text("")
    said = up(command, "--state", "file/state")
    assert said == "the state folder file/state cannot be written: Not a directory; choose another with --state"


def test_development_listens_on_loopback_only(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_HOST", "0.0.0.0")
    assert "listens on 127.0.0.1" in up(command)
    monkeypatch.setenv("POOLHOUSE_MODE", "development")
    assert "listens on 127.0.0.1" in command.refusal("serve")


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "::", "0", "::ffff:10.0.0.1", "127.1", "2130706433", "localhost.example.com"]
)
def test_nothing_but_a_loopback_address_is_one(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("POOLHOUSE_HOST", host)
    assert f"not on '{host}'" in up(command)


def test_an_address_that_is_none_of_this_machine_names_its_variable(
    command: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POOLHOUSE_HOST", "[::1]")
    said = up(command)
    assert "set POOLHOUSE_HOST to an address of this machine" in said
    assert "another port" not in said


def test_an_option_that_cannot_be_is_named(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_REGION", "moon")
    assert up(command).startswith("POOLHOUSE_REGION: ")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Resources:\n  People:\n    Type: AWS::Cognito::UserPol\n", "template.yaml:3: "),
        ("Resources:\n  People: {Type: AWS::Cognito::UserPool, Properties: {Colour: red}}\n", "template.yaml:2: "),
        ("Resources: [\n", "template.yaml:"),
        ("", "template.yaml"),
    ],
)
def test_a_broken_template_is_told_with_its_line(command: CommandLine, text: str, part: str) -> None:
    command.template.write_text(text)
    assert part in up(command)


def test_a_template_that_is_not_there(command: CommandLine) -> None:
    command.template.unlink()
    assert up(command) == "template.yaml: cannot be read: No such file or directory; check the path"


def test_a_parameter_without_a_value_sign(command: CommandLine) -> None:
    assert up(command, "--parameter", "Env") == "--parameter Env: write it as Key=Value"


def test_a_value_that_a_parameter_does_not_take(command: CommandLine) -> None:
    text = "Parameters: {Env: {Type: String, Default: val, AllowedValues: [val, test]}}\n"
    command.template.write_text(text + command.template.read_text())
    said = up(command, "--parameter", "Env=prod")
    assert "val" in said
    assert "test" in said


def test_production_needs_a_master_key(command: CommandLine) -> None:
    said = command.refusal("serve")
    assert "POOLHOUSE_MASTER_KEY" in said
    assert "poolhouse keys generate" in said


def test_a_wrong_master_key_is_refused(installed: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_MASTER_KEY", installed.json("keys", "generate")["master_key"])
    assert "this is not the master key of this database" in installed.refusal("users", "list")
    assert "this is not the master key of this database" in up(installed)


def test_a_master_key_that_others_can_read_is_refused(installed: CommandLine) -> None:
    Path(".poolhouse/master.key").chmod(0o644)
    assert "chmod 600" in installed.refusal("users", "list")


def test_a_database_that_is_away(command: CommandLine, monkeypatch: pytest.MonkeyPatch, taken_port: str) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    monkeypatch.setenv("POOLHOUSE_DATABASE_URL", "postgresql://poolhouse@127.0.0.1:1/poolhouse")
    said = command.refusal("users", "list")
    assert "cannot connect to PostgreSQL" in said
    assert "POOLHOUSE_DATABASE_URL" in said


def test_a_database_of_a_kind_that_is_not_known(command: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    monkeypatch.setenv("POOLHOUSE_DATABASE_URL", "mysql://localhost/poolhouse")
    assert command.refusal("serve").startswith("POOLHOUSE_DATABASE_URL: must start with sqlite:/// or postgresql://")


def test_a_database_file_that_is_none(command: CommandLine) -> None:
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    Path(".poolhouse/poolhouse.db").write_text("this is not a database, whatever its name says\n" * 100)
    assert "not a database" in command.refusal("users", "list")


@pytest.fixture(params=["up", "serve"])
def starting(request: pytest.FixtureRequest, command: CommandLine) -> Callable[[], str]:
    """The refusal of each command that serves."""
    if request.param == "up":
        return lambda: up(command)
    command.text("keys", "generate", "--file", ".poolhouse/master.key")
    return lambda: command.refusal("serve", "--port", "0", "--gateway-port", "0")


@pytest.mark.parametrize("name", ["CERTIFICATE", "KEY"])
def test_https_needs_certificate_and_key(
    starting: Callable[[], str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"POOLHOUSE_TLS_{name}", "some.pem")
    assert starting() == "HTTPS needs both POOLHOUSE_TLS_CERTIFICATE and POOLHOUSE_TLS_KEY"


def test_a_certificate_that_cannot_be_read(starting: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POOLHOUSE_TLS_CERTIFICATE", "chain.pem")
    monkeypatch.setenv("POOLHOUSE_TLS_KEY", "key.pem")
    assert starting() == "POOLHOUSE_TLS_CERTIFICATE: chain.pem cannot be read"
    Path("chain.pem").write_text("")
    assert starting() == "POOLHOUSE_TLS_KEY: key.pem cannot be read"


@pytest.mark.parametrize("wrong", ["no certificate", "another's key", "sealed key"])
def test_a_certificate_and_a_key_that_are_no_pair(
    starting: Callable[[], str], monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    one, other = (development_certificate(Path(folder), time.time) for folder in ("one", "other"))
    monkeypatch.setenv("POOLHOUSE_TLS_CERTIFICATE", str(one.chain))
    monkeypatch.setenv("POOLHOUSE_TLS_KEY", str(one.key))
    match wrong:
        case "no certificate":
            one.chain.write_text("this is no certificate\n")
        case "another's key":
            one.key.write_bytes(other.key.read_bytes())
        case _:
            one.key.write_bytes(sealed(one.key.read_bytes()))
    assert starting() == (
        "POOLHOUSE_TLS_CERTIFICATE and POOLHOUSE_TLS_KEY: one/localhost.pem and one/localhost.key are not a "
        "certificate chain and its key; give both as PEM, the key without a passphrase"
    )


def sealed(key: bytes) -> bytes:
    return load_pem_private_key(key, None).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase")
    )


def test_a_command_for_an_installation_that_is_not_there_makes_none(command: CommandLine) -> None:
    said = command.refusal("users", "list")
    assert said.startswith("there is no installation in .poolhouse; run `poolhouse up TEMPLATE` there")
    assert not Path(".poolhouse").exists()


def test_a_folder_that_the_system_keeps_from_us_is_told_without_a_traceback(
    installed: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Longer than any file system takes a name: refused to root too, unlike what permissions forbid.
    name = "x" * 300
    said = installed.refusal("users", "list", "--state", name)
    assert said.startswith(f"{name}/poolhouse.db: ")
    assert "check the path" in said


def test_words_of_the_service_stay_on_one_line(installed: CommandLine) -> None:
    said = installed.refusal("users", "create", "x", "--email", "x@example.com", "-a", "custom:nope=1")
    assert "Attribute does not exist in the schema" in said


def test_an_existing_user_is_met_with_the_way_on(installed: CommandLine) -> None:
    installed.text("users", "create", "x", "--email", "x@example.com")
    assert "users create USER --resend" in installed.refusal("users", "create", "x", "--email", "x@example.com")


def test_an_invitation_cannot_be_suppressed_and_sent_again_at_once(installed: CommandLine) -> None:
    said = installed.refusal("users", "create", "x", "--suppress", "--resend")
    assert said == "--suppress sends no invitation and --resend sends one: give one of them"
