"""Every place in and around a database where a written secret could show."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.backends import Backend

TABLES = (
    "cell_mapping",
    "host_mapping",
    "mapping_revision",
    "mapping_changeset",
    "host_mapping_change",
    "cell_mapping_change",
)

_MYSQL = (
    "SELECT info FROM information_schema.processlist WHERE id <> CONNECTION_ID()",
    "SELECT sql_text FROM performance_schema.events_statements_current",
    "SELECT sql_text FROM performance_schema.events_statements_history",
    "SELECT sql_text FROM performance_schema.events_statements_history_long",
)

# The views and files that show statements of other sessions, by kind of database.
STATEMENTS = {
    "mysql": _MYSQL,
    "mariadb": _MYSQL,
    "postgresql": ("SELECT query FROM pg_stat_activity WHERE pid <> pg_backend_pid()",),
    "sqlite": (),
}


def _sqlite_files(backend: Any) -> Iterator[str]:
    with closing(backend.open_raw()) as connection:
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    path: Path = backend.path
    for file in path.parent.glob(f"{path.name}*"):
        yield file.read_bytes().decode("latin-1")


FILES: dict[str, Callable[[Backend], Iterator[str]]] = {"sqlite": _sqlite_files}


def traces(backend: Backend) -> str:
    """Return a dump of all tables, what the server shows of statements, and the vacuumed files."""
    statements = [*(f"SELECT * FROM {table}" for table in TABLES), *STATEMENTS[backend.kind]]
    with closing(backend.open_raw()) as connection:
        cursor = connection.cursor()
        found = [_rows(cursor, statement) for statement in statements]
    files = FILES.get(backend.kind)
    return "\n".join([*found, *(files(backend) if files else ())])


def _rows(cursor: Any, statement: str) -> str:
    cursor.execute(statement)
    return repr(cursor.fetchall())
