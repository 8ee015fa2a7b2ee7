"""The repositories on every database: create, read, change, delete; paging; nothing leaks between pools; restart."""

import asyncio

import pytest
from msgspec import structs

from poolhouse.storage import Batch, Database, open_database
from poolhouse.storage.leftovers import deleted_pools, remove_leftovers
from poolhouse.storage.pools import ClientRow, PoolRow
from poolhouse.storage.sessions import SessionRow
from poolhouse.storage.signing_keys import SigningKeyRow
from poolhouse.storage.store import Store
from poolhouse.storage.users import Alias, UserRow


class Refused(Exception):
    """What the tests' guards raise."""


def pool_of(pool_id: str, version: int = 1, document: str = "{}") -> PoolRow:
    return PoolRow(pool_id, "name", 1, 2, version, document)


def client_of(pool_id: str, client_id: str, version: int = 1) -> ClientRow:
    return ClientRow(pool_id, client_id, "app", 1, 2, version, "{}", b"sealed")


def user_of(pool_id: str, user_id: str, **attributes: str) -> UserRow:
    return UserRow(
        pool_id=pool_id,
        user_id=user_id,
        username=f"name-{user_id}",
        status="CONFIRMED",
        enabled=True,
        created_at=1,
        modified_at=2,
        attributes=attributes,
        credential=b"sealed",
        credential_version=0,
        password_expires_at=None,
        generation=0,
        grouped=False,
    )


def session_of(user: UserRow, session_id: str) -> SessionRow:
    return SessionRow(
        pool_id=user.pool_id,
        session_id=session_id,
        user_id=user.user_id,
        client_id="c",
        generation=user.generation,
        auth_time=5,
        expires_at=9_000_000_000_000,
        revoked_at=None,
        refresh_hash=b"h",
        previous_hash=None,
        rotated_at=None,
        scope="s",
        event_id="e",
        device_key=None,
    )


async def add_user(database: Database, user: UserRow, *aliases: str) -> None:
    store, batch = Store(database), Batch()
    store.users.insert(batch, user)
    for alias in aliases:
        store.users.claim(batch, user.pool_id, user.user_id, Alias(alias, "email"), Refused())
    await database.commit(batch)


async def begin(database: Database, user: UserRow, session_id: str) -> None:
    batch = Batch()
    Store(database).sessions.begin(batch, session_of(user, session_id), user, Refused())
    await database.commit(batch)


async def test_a_pool_is_created_read_changed_over_its_version_and_deleted_with_all_it_owns(database: Database) -> None:
    store, batch = Store(database), Batch()
    store.pools.insert(batch, pool_of("p1"), Refused())
    store.clients.insert(batch, client_of("p1", "c1"), Refused())
    await database.commit(batch)
    assert await store.pools.get("p1") == pool_of("p1")
    batch = Batch()
    store.pools.update(batch, pool_of("p1", 2, '{"a":1}'), Refused())
    await database.commit(batch)
    stale = Batch()
    store.pools.update(stale, pool_of("p1", 2, '{"b":1}'), Refused())
    with pytest.raises(Refused):
        await database.commit(stale)
    user = user_of("p1", "u1", email="a@b.c")
    await add_user(database, user, "a@b.c")
    await begin(database, user, "s1")
    current = await store.pools.get("p1")
    assert current is not None
    assert current.document == '{"a":1}'
    batch = Batch()
    store.pools.delete(batch, current, 5, Refused())
    await database.commit(batch)
    assert await store.pools.get("p1") is None
    assert await store.clients.find("c1") is None
    assert await deleted_pools(database) == [("p1", 5)]
    await remove_leftovers(database, "p1")
    assert await store.users.find("p1", "a@b.c") is None
    assert await store.sessions.state("p1", "s1") is None


async def test_clients_are_found_by_id_alone_and_paged_by_pool(database: Database) -> None:
    store, batch = Store(database), Batch()
    for pool_id, client_id in (("p1", "c1"), ("p1", "c2"), ("p1", "c3"), ("p2", "c0"), ("p2", "c4")):
        store.clients.insert(batch, client_of(pool_id, client_id), Refused())
    await database.commit(batch)
    found = await store.clients.find("c4")
    assert found is not None
    assert found.pool_id == "p2"
    assert [row.client_id for row in await store.clients.page("p1", "", 2)] == ["c1", "c2"]
    assert [row.client_id for row in await store.clients.page("p1", "c2", 2)] == ["c3"]
    duplicate = Batch()
    store.clients.insert(duplicate, client_of("p2", "c1"), Refused())
    with pytest.raises(Refused):
        await database.commit(duplicate)


async def test_the_same_names_live_in_two_pools_without_meeting(database: Database) -> None:
    store = Store(database)
    for pool_id in ("p1", "p2"):
        await add_user(database, user_of(pool_id, "u1", email="a@b.c", name=pool_id), "a@b.c")
        await begin(database, user_of(pool_id, "u1"), "s1")
    first, second = await store.users.find("p1", "a@b.c"), await store.users.find("p2", "a@b.c")
    assert first is not None
    assert second is not None
    assert (first.attributes["name"], second.attributes["name"]) == ("p1", "p2")
    batch = Batch()
    store.users.delete(batch, "p1", "u1", Refused())
    await database.commit(batch)
    assert await store.users.find("p1", "a@b.c") is None
    assert await store.users.find("p2", "a@b.c") == second
    assert await store.sessions.state("p2", "s1") is not None
    assert [user.user_id for user in await store.user_search.page("p1", "", 9)] == []
    assert [user.user_id for user in await store.user_search.page("p2", "", 9)] == ["u1"]


async def test_a_user_changes_only_over_what_was_read(database: Database) -> None:
    store, user = Store(database), user_of("p1", "u1", email="a@b.c")
    await add_user(database, user)

    async def write(name: str) -> bool:
        batch = Batch()
        read = await store.users.get("p1", "u1")
        assert read is not None
        await asyncio.sleep(0)
        store.users.update(batch, read, structs.replace(read, attributes={"name": name}), Refused())
        try:
            await database.commit(batch)
        except Refused:
            return False
        return True

    outcomes = await asyncio.gather(*(write(f"n{number}") for number in range(8)))
    assert sum(outcomes) >= 1
    final = await store.users.get("p1", "u1")
    assert final is not None
    assert final.version == sum(outcomes)
    assert final.attributes["name"] in {f"n{number}" for number, won in enumerate(outcomes) if won}


async def test_a_session_opens_only_for_the_user_who_was_read(database: Database) -> None:
    store, user = Store(database), user_of("p1", "u1")
    await add_user(database, user)
    await begin(database, user, "s1")
    batch = Batch()
    store.users.next_generation(batch, "p1", "u1", Refused())
    await database.commit(batch)
    assert await store.sessions.state("p1", "s1") == ("u1", "c", False, True, True)
    with pytest.raises(Refused):
        await begin(database, user, "s2")
    batch = Batch()
    store.users.set_enabled(batch, "p1", "u1", enabled=False, now=3, gone=Refused())
    await database.commit(batch)
    disabled = await store.users.get("p1", "u1")
    assert disabled is not None
    with pytest.raises(Refused):
        await begin(database, disabled, "s3")


async def test_revoking_twice_keeps_the_first_time(database: Database) -> None:
    store, user = Store(database), user_of("p1", "u1")
    await add_user(database, user)
    await begin(database, user, "s1")
    for now in (10, 20):
        batch = Batch()
        store.sessions.revoke(batch, "p1", "s1", now)
        await database.commit(batch)
    live = await store.sessions.live("p1", "s1")
    assert live is not None
    assert live.session.revoked_at == 10


async def test_pages_go_over_everybody_once_while_others_come_and_go(database: Database) -> None:
    store = Store(database)
    for number in range(10):
        await add_user(database, user_of("p1", f"u{number}", email=f"{number % 3}@b.c"))
    first = await store.user_search.page("p1", "", 4)
    await add_user(database, user_of("p1", "u00"))
    batch = Batch()
    store.users.delete(batch, "p1", "u3", Refused())
    await database.commit(batch)
    rest = await store.user_search.page("p1", first[-1].user_id, 99)
    names = [user.user_id for user in (*first, *rest)]
    assert len(names) == len(set(names))
    assert {f"u{number}" for number in range(10)} <= set(names)
    by_email = await store.user_search.by_value("p1", "email", "0@", prefix=True, after=None, limit=99)
    assert [value for value, _ in by_email] == ["0@b.c"] * len(by_email)
    after = (by_email[1][0], by_email[1][1].user_id)
    following = await store.user_search.by_value("p1", "email", "0@", prefix=True, after=after, limit=99)
    assert following == by_email[2:]


async def test_signing_keys_come_newest_first_and_leave_when_withdrawn(database: Database) -> None:
    store, batch = Store(database), Batch()
    for number, kid in enumerate(("old", "new")):
        store.signing_keys.insert(batch, SigningKeyRow("p1", kid, "id", b"sealed", "{}", number, None))
    await database.commit(batch)
    assert [key.kid for key in await store.signing_keys.of_pool("p1")] == ["new", "old"]
    batch = Batch()
    store.signing_keys.retire(batch, "p1", "old", 100)
    await database.commit(batch)
    for before, kids in ((100, ["new", "old"]), (101, ["new"])):
        batch = Batch()
        store.signing_keys.withdraw(batch, "p1", before)
        await database.commit(batch)
        assert [key.kid for key in await store.signing_keys.of_pool("p1")] == kids


async def test_of_nodes_that_decide_a_fact_at_once_one_decides_for_all(database_url: str) -> None:
    nodes = [await open_database(database_url) for _ in range(4)]
    values = await asyncio.gather(
        *(Store(node).facts.get_or_set("fact", bytes([number])) for number, node in enumerate(nodes))
    )
    assert len(set(values)) == 1
    for node in nodes:
        await node.close()


async def test_everything_is_there_after_a_restart(database_url: str) -> None:
    opened = await open_database(database_url)
    user = user_of("p1", "u1", email="ä@b.c", name="N\u00e4me")
    await add_user(opened, user, "ä@b.c")
    await begin(opened, user, "s1")
    await opened.close()
    again = await open_database(database_url)
    assert await Store(again).users.find("p1", "ä@b.c") == user
    live = await Store(again).sessions.live("p1", "s1")
    assert live is not None
    assert live.session == session_of(user, "s1")
    await again.close()
