"""The few words in which SQLite and PostgreSQL differ, so that every other SQL text is written once."""

from functools import lru_cache

from poolhouse.storage.database import DialectName

_WORDS: dict[DialectName, dict[str, str]] = {
    # COLLATE "C": keyset paging and prefix ranges compare code points on both databases.
    "sqlite": {"text": "TEXT", "blob": "BLOB", "clustered": "WITHOUT ROWID", "serial": "INTEGER PRIMARY KEY"},
    "postgresql": {
        "text": 'TEXT COLLATE "C"',
        "blob": "BYTEA",
        "clustered": "",
        "serial": "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
    },
}


def render_ddl(template: str, dialect: DialectName) -> str:
    """Put a dialect's words into a migration's `{text}`, `{blob}`, `{clustered}` and `{serial}`."""
    for word, spelling in _WORDS[dialect].items():
        template = template.replace("{" + word + "}", spelling)
    return template


@lru_cache(maxsize=4096)
def numbered(sql: str, first: int = 1) -> str:
    """`?` placeholders as PostgreSQL's `$n`, counted from `first`. Our SQL holds no literal question mark."""
    head, *rest = sql.split("?")
    return head + "".join(f"${first + index}{part}" for index, part in enumerate(rest))
