"""A great many users at once: rows in the repositories' own format, written past the server into the database.

Owns who the people of a benchmark are. A few thousand of each pool can sign in; the others have a sealed verifier of
the right size that no password fits: making a million real ones would take minutes and change nothing of a read.
"""

import os
import re
import uuid
from collections.abc import Iterable, Iterator

from msgspec import Struct

from poolhouse.crypto.keyring import KeyRing
from poolhouse.crypto.srp_group import PRIME_BYTES
from poolhouse.storage.database import Batch, Database, Value
from poolhouse.storage.users import Alias, UserRow, Users
from poolhouse.userpools import srp
from poolhouse.userpools.credentials import credential_context

PASSWORD = "Tr0ub4dor&3-Aa"
_SALT_BYTES = 16
_CREATED_AT = 1_700_000_000_000
_INSERT = re.compile(r"INSERT INTO (\w+) \(([^)]*)\) (?:VALUES|SELECT)")


class Person(Struct, frozen=True, array_like=True):
    """Somebody who can sign in, with PASSWORD."""

    user_id: str
    email: str


class Rows(Struct, frozen=True):
    """Rows for one table, all by the same statement: its SQL, the table and columns that it names, the arguments."""

    sql: str
    table: str
    columns: tuple[str, ...]
    values: list[tuple[Value, ...]]


def email_of(number: int) -> str:
    """The e-mail address of the pool's user with that number."""
    return f"person{number:07d}@example.com"


class Population:
    """The users of one pool, made in portions; numbered from 0."""

    def __init__(self, database: Database, keyring: KeyRing, pool_id: str) -> None:
        self._users = Users(database)
        self._keyring = keyring
        self._pool_id = pool_id
        self._short_id = pool_id.partition("_")[2]
        self._idle = os.urandom(_SALT_BYTES + PRIME_BYTES)
        self.size = 0
        self.people: list[Person] = []

    def portion(self, count: int, able: int) -> list[Rows]:
        """Rows of `count` more users, of whom `able`, spread evenly, can sign in."""
        # In order of their ids, as their numbers are: an index that is built in order is built quickly.
        ids = sorted(str(uuid.UUID(bytes=os.urandom(16), version=4)) for _ in range(count))
        step = max(1, count // able) if able else count + 1
        written: dict[str, list[tuple[Value, ...]]] = {}
        for place, user_id in enumerate(ids):
            number = self.size + place
            plain = self._plain(user_id) if place % step == 0 else self._idle
            if plain is not self._idle:
                self.people.append(Person(user_id, email_of(number)))
            for statement in self._batch(user_id, number, plain).statements:
                written.setdefault(statement.sql, []).append(statement.args)
        self.size += count
        return [_rows(sql, values) for sql, values in written.items()]

    def _plain(self, user_id: str) -> bytes:
        salt = os.urandom(_SALT_BYTES)
        verifier = srp.make_verifier(self._short_id, user_id, PASSWORD, int.from_bytes(salt, "big"))
        return salt + verifier.to_bytes(PRIME_BYTES, "big")

    def _batch(self, user_id: str, number: int, plain: bytes) -> Batch:
        email = email_of(number)
        user = UserRow(
            pool_id=self._pool_id,
            user_id=user_id,
            username=user_id,
            status="CONFIRMED",
            enabled=True,
            created_at=_CREATED_AT + number,
            modified_at=_CREATED_AT + number,
            attributes={"email": email, "email_verified": "true", "name": f"Person {number}"},
            credential=self._keyring.seal(plain, credential_context(self._pool_id, user_id)),
            credential_version=0,
            password_expires_at=None,
            generation=0,
        )
        batch = Batch()
        self._users.insert(batch, user)
        for alias in (Alias(user_id, "username"), Alias(email, "email")):
            self._users.claim(batch, self._pool_id, user_id, alias, _NEVER)
        return batch


class _Clash(Exception):
    """Two users of a benchmark have the same name."""


_NEVER = _Clash()


def _rows(sql: str, values: list[tuple[Value, ...]]) -> Rows:
    """The rows that a repository's statement inserts; what it asks beyond them (a clash) does not happen here."""
    found = _INSERT.match(sql)
    if found is None:
        raise ValueError(sql)
    columns = tuple(column.strip() for column in found[2].split(","))
    plain = f"INSERT INTO {found[1]} ({found[2]}) VALUES ({', '.join('?' for _ in columns)})"
    return Rows(plain, found[1], columns, [row[: len(columns)] for row in values])


def portions(total: int, able: int, largest: int = 100_000) -> Iterator[tuple[int, int]]:
    """How to cut `total` users, `able` of them able to sign in, into portions that memory can hold."""
    done = 0
    while done < total:
        count = min(largest, total - done)
        yield count, max(1, able * count // total)
        done += count


def spread(people: Iterable[Person], count: int) -> list[Person]:
    """At most `count` of the people, evenly spread over all."""
    everyone = list(people)
    step = max(1, len(everyone) // count)
    return everyone[::step][:count]
