"""Numbered, forward-only migrations: which there are, what they say on each database, which are still to do."""

import re
from importlib import resources

from poolhouse.storage.database import DialectName, Incompatible
from poolhouse.storage.dialect import render_ddl

_NAME = re.compile(r"(\d{4})_[a-z_]+(?:\.(sqlite|postgresql))?\.sql")


class Migration:
    """One step of the schema: its number and its statements, in a dialect's words."""

    __slots__ = ("statements", "version")

    def __init__(self, version: int, statements: list[str]) -> None:
        self.version = version
        self.statements = statements


def load_migrations(dialect: DialectName) -> list[Migration]:
    """All migrations in order. `NNNN_name.sql` is for both databases, `NNNN_name.DIALECT.sql` adds to it for one."""
    texts: dict[int, list[str]] = {}
    folder = resources.files("poolhouse.storage") / "migrations"
    for entry in sorted(folder.iterdir(), key=lambda item: (item.name.split(".")[0], item.name.count("."))):
        match = _NAME.fullmatch(entry.name)
        if match is None or match[2] not in (None, dialect):
            continue
        texts.setdefault(int(match[1]), []).append(render_ddl(entry.read_text("utf-8"), dialect))
    return [Migration(version, _split("\n".join(parts))) for version, parts in sorted(texts.items())]


def check_known(applied: set[int], migrations: list[Migration]) -> None:
    """Refuse a database that a newer release has already changed."""
    unknown = applied - {migration.version for migration in migrations}
    if unknown:
        raise Incompatible(
            f"the database has schema version {max(unknown)}, this release knows {migrations[-1].version}: "
            "start a release at least as new as the one that last used it"
        )


def _split(text: str) -> list[str]:
    """Statements of a script: split at semicolons that end a line, outside dollar-quoted bodies."""
    statements: list[str] = []
    lines: list[str] = []
    quoted = False
    for line in text.splitlines():
        if not quoted and line.strip().startswith("--"):
            continue
        lines.append(line)
        quoted ^= line.count("$$") % 2 == 1
        if not quoted and line.rstrip().endswith(";"):
            statements.append("\n".join(lines).strip().removesuffix(";"))
            lines = []
    return [statement for statement in statements if statement]
