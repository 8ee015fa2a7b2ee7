"""The master key: where it may come from, and how every unusable one is refused."""

import base64
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from poolhouse.crypto.master_key import (
    MasterKey,
    MasterKeyUnusable,
    from_command,
    from_environment,
    from_file,
    from_file_or_new,
)

SECRET = bytes(range(100, 132))
KEY = MasterKey(SECRET)
STANDARD = base64.b64encode(SECRET).decode()

SPELLINGS = {
    "base64": STANDARD,
    "base64 without padding": STANDARD.rstrip("="),
    "url-safe base64": base64.urlsafe_b64encode(SECRET).decode(),
    "hex": SECRET.hex(),
    "upper-case hex": SECRET.hex().upper(),
    "with a newline": STANDARD + "\n",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_key_is_read_in_each_of_its_spellings(spelling: str) -> None:
    assert MasterKey.parse(SPELLINGS[spelling]).secret == SECRET


@pytest.mark.parametrize(
    "text",
    ["", " ", "secret", SECRET.hex()[:-2], SECRET.hex() + "00", "zz" * 32, STANDARD + "AAAA", "é" * 44, "A" * 43 + "="],
)
def test_what_is_no_key_is_refused_with_how_to_make_one(text: str) -> None:
    with pytest.raises(MasterKeyUnusable, match="openssl rand -base64 32"):
        MasterKey.parse(text)


def test_a_key_that_is_not_random_is_refused() -> None:
    with pytest.raises(MasterKeyUnusable, match="not random"):
        MasterKey(b"\0" * 32)


def test_a_key_s_text_is_read_back() -> None:
    assert MasterKey.parse(KEY.text()).key_id == KEY.key_id
    assert MasterKey.generate().key_id != KEY.key_id


def test_the_environment_holds_a_key_or_none() -> None:
    assert from_environment({}) is None
    found = from_environment({"POOLHOUSE_MASTER_KEY": STANDARD})
    assert found is not None
    assert found.secret == SECRET


def test_an_unusable_key_in_the_environment_is_named_without_its_value() -> None:
    with pytest.raises(MasterKeyUnusable, match="environment variable POOLHOUSE_MASTER_KEY") as refused:
        from_environment({"POOLHOUSE_MASTER_KEY": "hunter2hunter2"})
    assert "hunter2" not in str(refused.value)
    with pytest.raises(MasterKeyUnusable):
        from_environment({"POOLHOUSE_MASTER_KEY": ""})


# Commands.


def test_a_command_s_output_is_the_key() -> None:
    assert from_command(f"echo {STANDARD}").secret == SECRET


COMMANDS = {
    "sh -c 'echo denied >&2; exit 3'": "failed with status 3: denied",
    "/no/such/command": "could not be started",
    "": "could not be started",
    "echo 'unbalanced": "could not be started",
    "echo short": "holds no usable master key",
    f"{sys.executable} -c \"print('x'*1000000)\"": "holds no usable master key",
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_gives_no_key_is_refused_with_its_cause(command: str) -> None:
    with pytest.raises(MasterKeyUnusable, match=COMMANDS[command]):
        from_command(command)


def test_a_command_that_hangs_is_ended() -> None:
    with pytest.raises(MasterKeyUnusable, match=r"did not end within 0\.05 seconds"):
        from_command("sleep 60", timeout=0.05)


# Files.


def _write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_file_that_only_its_owner_reads_holds_the_key(tmp_path: Path) -> None:
    assert from_file(_write(tmp_path / "key", STANDARD + "\n")).secret == SECRET
    assert from_file(_write(tmp_path / "read-only", STANDARD, 0o400)).secret == SECRET


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o666])
def test_a_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = _write(tmp_path / "key", STANDARD, mode)
    with pytest.raises(MasterKeyUnusable, match="chmod 600"):
        from_file(path)
    with pytest.raises(MasterKeyUnusable, match="chmod 600"):
        from_file_or_new(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MasterKeyUnusable, match="No such file"):
        from_file(tmp_path / "key")


def test_a_folder_or_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(MasterKeyUnusable, match="not a regular file"):
            from_file(path)


def test_a_file_with_something_else_in_it_is_never_overwritten(tmp_path: Path) -> None:
    path = _write(tmp_path / "key", "precious")
    with pytest.raises(MasterKeyUnusable, match="holds no usable master key"):
        from_file_or_new(path)
    assert path.read_text() == "precious"


def test_a_new_file_is_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "state" / "master.key"
    made = from_file_or_new(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert from_file_or_new(path).secret == made.secret
    assert [entry.name for entry in path.parent.iterdir()] == ["master.key"]


def test_of_many_processes_at_once_all_get_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "master.key"
    with ThreadPoolExecutor(16) as threads:
        keys = list(threads.map(lambda _: from_file_or_new(path).secret, range(64)))
    assert len(set(keys)) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["master.key"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(MasterKeyUnusable, match=r"master\.key cannot be made"):
        from_file_or_new(tmp_path / "state" / "master.key")
