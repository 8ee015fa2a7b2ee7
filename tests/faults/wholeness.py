"""What must hold of a database at every moment, whatever has been killed: nothing half written, nothing orphaned."""

import msgspec

from poolhouse.storage import Database

ORPHANS = {
    "a user without their name": (
        "SELECT u.user_id FROM users u LEFT JOIN aliases a ON a.pool_id = u.pool_id AND a.user_id = u.user_id "
        "AND a.kind = 'username' WHERE a.alias IS NULL"
    ),
    "a name without its user": (
        "SELECT a.alias FROM aliases a LEFT JOIN users u ON u.pool_id = a.pool_id AND u.user_id = a.user_id "
        "WHERE u.user_id IS NULL"
    ),
    "a session without its user": (
        "SELECT s.session_id FROM sessions s LEFT JOIN users u ON u.pool_id = s.pool_id AND u.user_id = s.user_id "
        "WHERE u.user_id IS NULL"
    ),
    "a session of a generation to come": (
        "SELECT s.session_id FROM sessions s JOIN users u ON u.pool_id = s.pool_id AND u.user_id = s.user_id "
        "WHERE s.generation > u.generation"
    ),
    "a session without the audit event of its sign-in": (
        "SELECT s.user_id FROM sessions s GROUP BY s.pool_id, s.user_id HAVING count(*) > "
        "(SELECT count(*) FROM audit a WHERE a.pool_id = s.pool_id AND a.user_id = s.user_id AND a.event = 'SignIn')"
    ),
    "a sign-in in the audit without its session": (
        "SELECT a.user_id FROM audit a WHERE a.event = 'SignIn' GROUP BY a.pool_id, a.user_id HAVING count(*) > "
        "(SELECT count(*) FROM sessions s WHERE s.pool_id = a.pool_id AND s.user_id = a.user_id)"
    ),
    "a user without the audit event of their creation": (
        "SELECT u.user_id FROM users u LEFT JOIN audit a ON a.pool_id = u.pool_id AND a.user_id = u.user_id "
        "AND a.event IN ('AdminCreateUser', 'SignUp') WHERE a.event_id IS NULL"
    ),
    "a creation in the audit without its user": (
        "SELECT a.user_id FROM audit a LEFT JOIN users u ON a.pool_id = u.pool_id AND a.user_id = u.user_id "
        "WHERE a.event = 'AdminCreateUser' AND u.user_id IS NULL"
    ),
    "a user or client of no pool": (
        "SELECT u.pool_id FROM users u LEFT JOIN pools p ON p.pool_id = u.pool_id WHERE p.pool_id IS NULL "
        "UNION ALL SELECT c.pool_id FROM clients c LEFT JOIN pools p ON p.pool_id = c.pool_id WHERE p.pool_id IS NULL"
    ),
    "a pool without its two keys": (
        "SELECT p.pool_id FROM pools p LEFT JOIN signing_keys k ON k.pool_id = p.pool_id AND k.retired_at IS NULL "
        "GROUP BY p.pool_id HAVING count(k.kid) <> 2"
    ),
    "a confirmed user whose password expires": (
        "SELECT user_id FROM users WHERE status = 'CONFIRMED' AND password_expires_at IS NOT NULL"
    ),
}
"""Queries that must find nothing, by what they would have found. Holds where no user has been deleted."""


async def assert_whole(database: Database) -> None:
    """Every row has what belongs to it, and every document can be read."""
    for what, query in ORPHANS.items():
        assert await database.fetch(query) == [], what
    for table, column in (("users", "attributes"), ("pools", "document"), ("clients", "document")):
        for (text,) in await database.fetch(f"SELECT {column} FROM {table}"):
            msgspec.json.decode(text)
