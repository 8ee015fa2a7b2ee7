"""The installation's master key, and the places an operator can keep it: environment, command (a KMS), file.

Owns reading, checking and, in development, making it. Must not know what it protects.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import shlex
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from poolhouse.crypto.sealing import KEY_BYTES, Random

VARIABLE: Final = "POOLHOUSE_MASTER_KEY"
COMMAND_TIMEOUT: Final = 30.0
"""Seconds a command may take to print the key."""
_LONGEST: Final = 4096
_HOW_TO_MAKE: Final = "a master key is 32 random bytes in base64 or hex, as `openssl rand -base64 32` prints"


class MasterKeyUnusable(Exception):
    """The master key is missing, malformed or kept unsafely; the text tells the operator what to do."""


class MasterKey:
    """32 secret bytes. Prints as its id, which tells keys apart and reveals nothing of them."""

    __slots__ = ("key_id", "secret")

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES or len(set(secret)) < KEY_BYTES // 4:
            raise MasterKeyUnusable(f"not random: {_HOW_TO_MAKE}")
        self.secret = secret
        self.key_id = hmac.digest(secret, b"poolhouse master key id", hashlib.sha256)[:8].hex()

    def __repr__(self) -> str:
        return f"MasterKey({self.key_id}, ••••)"

    @classmethod
    def generate(cls, random: Random = os.urandom) -> "MasterKey":
        """A new key."""
        return cls(random(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> "MasterKey":
        """From base64 (either alphabet, padded or not) or hex, with blanks around. Raises MasterKeyUnusable."""
        stripped = text.strip()
        try:
            if len(stripped) == 2 * KEY_BYTES:
                secret = binascii.unhexlify(stripped)
            else:
                standard = stripped.replace("-", "+").replace("_", "/").rstrip("=")
                secret = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
        except ValueError:
            raise MasterKeyUnusable(f"neither base64 nor hex: {_HOW_TO_MAKE}") from None
        if len(secret) != KEY_BYTES:
            raise MasterKeyUnusable(f"{len(secret)} bytes long: {_HOW_TO_MAKE}")
        return cls(secret)

    def text(self) -> str:
        """Base64, as it is kept."""
        return base64.b64encode(self.secret).decode()


def from_environment(environment: Mapping[str, str]) -> MasterKey | None:
    """The key of POOLHOUSE_MASTER_KEY, or None where that is not set. Raises MasterKeyUnusable."""
    text = environment.get(VARIABLE)
    return None if text is None else _parse(text, f"the environment variable {VARIABLE}")


def from_command(command: str, timeout: float = COMMAND_TIMEOUT) -> MasterKey:
    """The key that a command prints; it runs without a shell. Raises MasterKeyUnusable."""
    shown = f"the master key command `{command}`"
    try:
        done = subprocess.run(  # noqa: S603  # the operator's own command, from the configuration
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise MasterKeyUnusable(f"{shown} did not end within {timeout:g} seconds") from None
    except (OSError, ValueError, IndexError) as failure:
        raise MasterKeyUnusable(f"{shown} could not be started: {failure}") from None
    if done.returncode != 0:
        said = done.stderr[-300:].decode(errors="replace").strip()
        raise MasterKeyUnusable(f"{shown} failed with status {done.returncode}: {said}")
    return _parse(done.stdout[:_LONGEST].decode("latin-1"), shown)


def from_file(path: Path) -> MasterKey:
    """The key in a file that none but its owner can read. Raises MasterKeyUnusable."""
    try:
        # Not blocking: a pipe in the file's place must be refused, not waited for.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            _check_private(path, os.fstat(descriptor).st_mode)
            text = os.read(descriptor, _LONGEST)
        finally:
            os.close(descriptor)
    except OSError as failure:
        raise MasterKeyUnusable(f"the master key file {path} cannot be read: {failure.strerror}") from None
    return _parse(text.decode("latin-1"), f"the master key file {path}")


def _check_private(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise MasterKeyUnusable(f"the master key file {path} is not a regular file")
    if mode & 0o077:
        raise MasterKeyUnusable(
            f"the master key file {path} can be read or changed by others (mode {mode & 0o777:04o});"
            f" if nobody has seen it, run `chmod 600 {shlex.quote(str(path))}`, otherwise replace the key"
        )


def from_file_or_new(path: Path, random: Random = os.urandom) -> MasterKey:
    """The key in the file, made with mode 0600 where there is none yet. For development. Raises MasterKeyUnusable.

    Of several processes at once one makes the key, whole, and the others read it.
    """
    if not os.path.lexists(path):
        _write_new(path, MasterKey.generate(random))
    return from_file(path)


def _write_new(path: Path, key: MasterKey) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            _write_synced(part, key.text() + "\n")
            with contextlib.suppress(FileExistsError):  # the key that came to be meanwhile is the one that counts
                os.link(part, path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as failure:
        raise MasterKeyUnusable(f"the master key file {path} cannot be made: {failure.strerror}") from None


def _write_synced(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    # A key that a power failure takes back would take along everything sealed since.
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parse(text: str, source: str) -> MasterKey:
    try:
        return MasterKey.parse(text)
    except MasterKeyUnusable as failure:
        raise MasterKeyUnusable(f"{source} holds no usable master key: {failure}") from None
