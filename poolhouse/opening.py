"""Opens an installation's services: database, master key, key ring, directory, signing, authority, outbox.

What the server and the command line share. Starts no listener and no background work.
"""

import asyncio
import os
import random
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from poolhouse.call import LOCAL_OPERATOR, Call
from poolhouse.config import Config
from poolhouse.crypto.keyring import DamagedDataKey, KeyRing, WrappedKey, WrongMasterKey, new_data_key
from poolhouse.crypto.master_key import (
    MasterKey,
    MasterKeyUnusable,
    from_command,
    from_environment,
    from_file,
    from_file_or_new,
)
from poolhouse.delivery.message import Channel
from poolhouse.delivery.outbox import Outbox
from poolhouse.services import Services, Settings
from poolhouse.storage import Batch, Database, Unavailable, open_database
from poolhouse.storage.store import Store
from poolhouse.telemetry.log import get_logger
from poolhouse.userpools.authority import SessionAuthority
from poolhouse.userpools.directory import Directory
from poolhouse.userpools.refresh_tokens import RefreshTokens
from poolhouse.userpools.signing import Signing

log = get_logger(__name__)

MASTER_KEY_FILE = "master.key"
DATA_KEYS = "data_keys"
"""Topic of the notice that there is a new data key."""


class _MadeMeanwhile(Exception):
    """Another node has just made the first data key."""


def find_master_key(config: Config, environment: Mapping[str, str]) -> MasterKey:
    """The master key from the environment, a command or a file; development makes one. Raises MasterKeyUnusable."""
    key = from_environment(environment)
    if key is not None:
        return key
    if config.master_key_command:
        return from_command(config.master_key_command)
    if config.master_key_file:
        return from_file(Path(config.master_key_file))
    default = config.state_dir / MASTER_KEY_FILE
    if config.mode == "development":
        return from_file_or_new(default)
    if default.exists():
        return from_file(default)
    raise MasterKeyUnusable(
        "no master key: set POOLHOUSE_MASTER_KEY, POOLHOUSE_MASTER_KEY_COMMAND or POOLHOUSE_MASTER_KEY_FILE; "
        "`poolhouse keys generate` prints a new one"
    )


async def open_keyring(database: Database, master: MasterKey) -> KeyRing:
    """The installation's key ring; the first node makes its first data key. Raises WrongMasterKey."""
    keys = Store(database).data_keys
    rows = await keys.all()
    if not rows:
        fresh = new_data_key(master, int(time.time() * 1000))
        batch = Batch()
        # Of several nodes that start at once on an empty database, one makes the key and all use it.
        Store(database).facts.claim(batch, "first-data-key", fresh.key_id.encode(), _MadeMeanwhile())
        keys.insert(batch, fresh.key_id, fresh.wrapped, fresh.created_at)
        with suppress(_MadeMeanwhile):
            await database.commit(batch)
        rows = await keys.all()
    return KeyRing(master, [WrappedKey(*row) for row in rows])


async def open_services(
    config: Config,
    environment: Mapping[str, str],
    *,
    clock: Callable[[], float] = time.time,
) -> Services:
    """Everything that operations need.

    Raises MasterKeyUnusable, WrongMasterKey, Unavailable, Incompatible: each text says what to do.
    """
    master = find_master_key(config, environment)
    database = await open_database(config.database, connections=config.database_connections)
    try:
        return await _assemble(config, database, master, clock)
    except BaseException:
        await database.close()
        raise


async def _assemble(config: Config, database: Database, master: MasterKey, clock: Callable[[], float]) -> Services:
    keyring = await open_keyring(database, master)
    store = Store(database)
    sealed = await store.facts.get_or_set("answer-key", keyring.seal(secrets.token_bytes(32), b"answer-key"))
    answer_key = keyring.open(sealed, b"answer-key")
    directory = Directory(store, keyring)
    signing = Signing(keyring, store.signing_keys)
    authority = SessionAuthority(database, store.sessions, signing, directory, clock)
    outbox = Outbox(keyring, clock=clock, random=os.urandom, inbox_only=_inbox_only(config))
    services = Services(
        settings=Settings(
            region=config.region,
            account_id=config.account_id,
            public_url=config.base_url,
            issuer=config.issuer,
        ),
        database=database,
        store=store,
        keyring=keyring,
        answer_key=answer_key,
        directory=directory,
        signing=signing,
        refresh_tokens=RefreshTokens(keyring, answer_key),
        authority=authority,
        outbox=outbox,
    )
    for listener in (
        directory.on_notice,
        signing.on_notice,
        authority.on_notice,
        _DataKeyFeed(store, keyring).on_notice,
    ):
        database.listen(listener)
    return services


class _DataKeyFeed:
    """Lets the key ring follow a rotation of data keys on another node."""

    def __init__(self, store: Store, keyring: KeyRing) -> None:
        self._store = store
        self._keyring = keyring
        self._reading: asyncio.Task[None] | None = None

    def on_notice(self, topic: str, key: str) -> None:
        """Read the data keys again when a node says that there is a new one, or when notices may have been missed."""
        del key
        if topic in (DATA_KEYS, ""):
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        try:
            self._keyring.adopt([WrappedKey(*row) for row in await self._store.data_keys.all()])
        except (Unavailable, WrongMasterKey, DamagedDataKey) as error:
            log.error("data_keys_not_read", error=str(error))


def _inbox_only(config: Config) -> frozenset[Channel]:
    """The channels whose messages go no further than the development inbox."""
    if config.mode != "development":
        return frozenset()
    ways: dict[Channel, str] = {"EMAIL": config.smtp_host, "SMS": config.sms_webhook_url}
    return frozenset(channel for channel, way in ways.items() if not way)


def operator_call(services: Services, *, clock: Callable[[], float] = time.time) -> Call:
    """A call by whoever runs this installation: the command line, the deployer."""
    return Call(
        services,
        now=clock(),
        chance=random.SystemRandom(),
        request_id=str(uuid.uuid4()),
        caller=LOCAL_OPERATOR,
        user_agent="poolhouse",
    )
