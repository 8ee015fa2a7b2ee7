"""The note that a development server leaves in its state folder: where it serves, and what its stack holds.

Other commands read from it how the installation is configured. Holds nothing secret; is nobody else's business anyway.
"""

import hashlib
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from poolhouse.cli.failures import Refused
from poolhouse.config import PREFIX, Config, load_config

RECORD_FILE = "development.json"
_KEPT = ("mode", "region", "account_id", "host", "port", "gateway_port", "public_url", "tls", "issuer", "smtp_host")


class Route(Struct, frozen=True):
    """One method on one path of a deployed API."""

    method: str
    url: str


class Api(Struct, frozen=True):
    """One stage of a deployed API."""

    id: str
    name: str
    stage: str
    url: str
    routes: list[Route]


class PoolNote(Struct, frozen=True):
    """A user pool of the stack."""

    id: str
    name: str
    email_is_username: bool


class ClientNote(Struct, frozen=True):
    """An app client of the stack."""

    id: str
    name: str
    pool_id: str


class Record(Struct, frozen=True, kw_only=True):
    """What `poolhouse up` says when it serves, and leaves in the state folder."""

    pid: int
    endpoint: str
    gateway: str
    region: str
    account_id: str
    stack: str
    outputs: dict[str, str]
    pools: list[PoolNote]
    clients: list[ClientNote]
    pool_id: str | None
    client_id: str | None
    apis: list[Api]
    inbox: str
    state: str
    certificate_authority: str | None
    database: str
    """Fingerprint of the database's URL: the note speaks of no other."""
    settings: dict[str, str]
    """The environment variables that make another command see the same installation."""


def settings_of(config: Config) -> dict[str, str]:
    """The part of a configuration that other commands need, as environment variables."""
    found = {name: getattr(config, name) for name in _KEPT}
    # Whether SMS leave is known from whether there is an address; the address itself may carry a token.
    found["sms_webhook_url"] = "https://configured.invalid" if config.sms_webhook_url else ""
    return {
        PREFIX + name.upper(): str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in found.items()
        if value != ""
    }


def fingerprint(config: Config) -> str:
    """Tells databases apart without their URL, which may carry a password."""
    place = config.database_url or str((config.state_dir / "poolhouse.db").resolve())
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def write_record(folder: Path, record: Record) -> None:
    """Replace the note, in one step. Raises Refused."""
    part = folder / f"{RECORD_FILE}.{record.pid}"
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
        part.replace(folder / RECORD_FILE)
    except OSError as error:
        raise Refused(
            f"the state folder {folder} cannot be written: {error.strerror}; choose another with --state"
        ) from None


def read_record(folder: Path) -> Record | None:
    """The note in a state folder; None where there is none that can be read."""
    try:
        return msgspec.json.decode((folder / RECORD_FILE).read_bytes(), type=Record)
    except (OSError, msgspec.DecodeError):
        return None


def forget_record(folder: Path) -> None:
    """Remove the note: the installation is served in production now."""
    with suppress(OSError):
        (folder / RECORD_FILE).unlink()


def find_config(environment: Mapping[str, str], state: Path | None) -> Config:
    """The configuration of the installation that a command is about. Raises BadConfiguration.

    What the environment says wins over what the development server noted; a note about another database is ignored.
    """
    config = load_config(environment, state_dir=state)
    record = read_record(config.state_dir)
    if record is None or record.database != fingerprint(config):
        return config
    chosen = {name: value for name, value in environment.items() if value}
    return load_config({**record.settings, **chosen}, state_dir=state)
