"""users: thin clients of the operations, in the service's own words."""

import io

import pytest

from tests.cli.conftest import CommandLine

PASSWORD = "Correct-Horse-7"


def create(command: CommandLine, name: str = "somebody", *arguments: str) -> str:
    return command.text("users", "create", name, "--email", f"{name}@example.com", *arguments)


def test_a_user_is_created_found_and_shown(installed: CommandLine) -> None:
    assert "somebody created and invited" in create(installed)
    listed = installed.json("users", "list")
    assert [user["Username"] for user in listed["Users"]] == ["somebody"]
    assert listed["More"] is False
    shown = installed.json("users", "show", "somebody")
    attributes = {one["Name"]: one["Value"] for one in shown["UserAttributes"]}
    assert attributes["email"] == "somebody@example.com"
    assert attributes["email_verified"] == "true"
    assert shown["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert "somebody@example.com" in installed.text("users", "show", "somebody")
    assert "somebody" in installed.text("users", "list")


def test_what_is_created_can_be_chosen(installed: CommandLine) -> None:
    create(installed, "quiet", "--suppress", "--temporary-password", PASSWORD, "-a", "name=Q. Quiet")
    shown = installed.json("users", "show", "quiet")
    assert {"Name": "name", "Value": "Q. Quiet"} in shown["UserAttributes"]


def test_an_invitation_that_goes_nowhere_is_not_claimed_to_be_sent(installed: CommandLine) -> None:
    said = installed.text("users", "create", "nowhere")
    assert "nowhere created, not invited: there is no e-mail address" in said
    said = installed.text("users", "create", "nowhere", "--resend", "--sms")
    assert "nowhere has a new password, not invited: there is no phone number" in said


def test_who_has_only_a_phone_number_is_invited_by_sms(installed: CommandLine) -> None:
    assert "created and invited" in installed.text("users", "create", "caller", "--phone", "+491701234567")
    assert "created and invited" in installed.text("users", "create", "+491701234568")
    for name, number in (("caller", "+491701234567"), ("+491701234568", "+491701234568")):
        shown = installed.json("users", "show", name)
        attributes = {one["Name"]: one["Value"] for one in shown["UserAttributes"]}
        assert attributes["phone_number"] == number
        assert attributes["phone_number_verified"] == "true"


def test_a_user_cannot_write_on_the_administrators_terminal(installed: CommandLine) -> None:
    """Attributes are the users' own to write: no escape sequence, line break or change of direction gets through."""
    create(installed, "somebody", "-a", "name=a\x1b[2Jb\x9bc\rd\ne\u202ef", "-a", "nickname=Zo\u00eb \U0001f600")
    said = installed.text("users", "show", "somebody")
    assert r"a\x1b[2Jb\x9bc\x0dd\x0ae\u202ef" in said
    assert "Zo\u00eb \U0001f600" in said


def test_an_existing_user_is_invited_again(installed: CommandLine) -> None:
    create(installed)
    assert "invited again" in installed.text("users", "create", "somebody", "--resend")
    said = installed.refusal("users", "create", "somebody", "--email", "somebody@example.com")
    assert said.startswith("UsernameExistsException: ")


def test_a_user_goes_through_life(installed: CommandLine) -> None:
    create(installed)
    assert "disabled" in installed.text("users", "disable", "somebody")
    assert installed.json("users", "show", "somebody")["Enabled"] is False
    assert "enabled" in installed.text("users", "enable", "somebody")
    assert "signed out everywhere" in installed.text("users", "sign-out", "somebody")
    assert "add --yes" in installed.refusal("users", "delete", "somebody")
    assert "deleted" in installed.text("users", "delete", "somebody", "--yes")
    assert installed.refusal("users", "show", "somebody") == (
        "UserNotFoundException: User does not exist. `poolhouse users list` shows those there are."
    )


def test_a_password_is_read_from_standard_input(installed: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    create(installed)
    monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD + "\n"))
    assert "has a new password" in installed.text("users", "set-password", "somebody")
    assert installed.json("users", "show", "somebody")["UserStatus"] == "CONFIRMED"
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert "no password was given" in installed.refusal("users", "set-password", "somebody")
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert installed.refusal("users", "set-password", "somebody").startswith("InvalidPasswordException: ")


def test_a_malformed_request_is_refused_in_the_services_words(installed: CommandLine) -> None:
    said = installed.refusal("users", "show", "x" * 200)
    assert "failed to satisfy constraint" in said
    assert installed.refusal("users", "create", "x", "-a", "name") == "--attribute name: write it as NAME=VALUE"


def test_lists_are_paged_to_the_limit(installed: CommandLine) -> None:
    for number in range(4):
        create(installed, f"user{number}", "--suppress")
    listed = installed.json("users", "list", "--limit", "3")
    assert len(listed["Users"]) == 3
    assert listed["More"] is True
    assert "raise --limit" in installed.text("users", "list", "--limit", "3")
    found = installed.json("users", "list", "--filter", 'username = "user2"')
    assert [user["Username"] for user in found["Users"]] == ["user2"]


def test_the_pool_is_chosen_by_id_or_name_where_there_are_several(installed: CommandLine) -> None:
    other = installed.folder / "other.yaml"
    other.write_text("Resources: {Staff: {Type: AWS::Cognito::UserPool, Properties: {UserPoolName: staff}}}\n")
    installed.text("deploy", "other.yaml", "--stack", "other")
    said = installed.refusal("users", "list")
    assert "choose one with --pool" in said
    assert "(people)" in said
    assert "(staff)" in said
    create(installed, "somebody", "--pool", "staff")
    pool_id = installed.json("describe", "other")["resources"][0]["physical_id"]
    assert len(installed.json("users", "list", "--pool", pool_id)["Users"]) == 1
    assert len(installed.json("users", "list", "--pool", "people")["Users"]) == 0
    assert installed.refusal("users", "list", "--pool", "moon").startswith("there is no user pool moon")


def test_without_a_pool_it_says_how_to_make_one(installed: CommandLine) -> None:
    installed.text("delete", "poolhouse", "--yes", "--allow-delete-pools")
    assert "there is no user pool yet" in installed.refusal("users", "list")
