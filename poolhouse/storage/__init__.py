"""Where state lives: two databases behind one contract, one repository per aggregate. Imports no room above it."""

from poolhouse.storage.database import Batch, Database, Incompatible, StorageError, Unavailable


async def open_database(url: str, *, connections: int | None = None) -> Database:
    """Open `sqlite:///path` or `postgresql://…` and bring its schema up to date.

    Raises Unavailable when it cannot be reached, Incompatible when its schema is newer than this release.
    """
    database = _connectable(url, connections)
    try:
        await database.migrate()
    except BaseException:
        await database.close()
        raise
    return database


def _connectable(url: str, connections: int | None) -> Database:
    # Each engine is imported only where it is used: neither belongs on the other's start path.
    if url.startswith("sqlite:///"):
        from poolhouse.storage.sqlite import SqliteDatabase

        return SqliteDatabase(url.removeprefix("sqlite:///"))
    if url.startswith(("postgresql://", "postgres://")):
        from poolhouse.storage.postgresql import CONNECTIONS, PostgresDatabase

        return PostgresDatabase(url, connections=connections or CONNECTIONS)
    raise Unavailable("the database URL must start with sqlite:/// or postgresql://")


__all__ = ["Batch", "Database", "Incompatible", "StorageError", "Unavailable", "open_database"]
