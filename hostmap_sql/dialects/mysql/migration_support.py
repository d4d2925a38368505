"""Migrating on MySQL and MariaDB, where each DDL statement commits by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import MigrationTools, SessionLock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.dialects.base import Dialect
    from hostmap_sql.dialects.migration_support import Column, Creation

# The name of each database's lock. MySQL 9 has no SHA1; a name has 64 characters at most.
_LOCK_NAME = "CONCAT('hostmap_sql ', LEFT(SHA2(DATABASE(), 256), 40))"

# Percona XtraDB Cluster refuses GET_LOCK with this code in its strict mode.
_NO_LOCKS = "1105"

_PRIVILEGE_MISSING = ("1142", "1044", "1143", "1227")

_COLLATION = re.compile(r"COLLATE (\w+)")


class MySQLSessionLock(SessionLock):
    """GET_LOCK, with one name for each database."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def acquire(self, cursor: Any) -> bool | None:
        try:
            cursor.execute(f"SELECT GET_LOCK({_LOCK_NAME}, 0)")
        except Exception as error:
            if self._dialect.code(error) != _NO_LOCKS:
                raise
            return None
        return bool(cursor.fetchone()[0])

    def release(self, cursor: Any) -> None:
        cursor.execute(f"SELECT RELEASE_LOCK({_LOCK_NAME})")
        cursor.fetchall()

    def server_number(self, cursor: Any) -> int:
        # MariaDB has no UUID.
        cursor.execute(
            "SELECT CRC32(CONCAT_WS(' ', 'server'"
            " /*!80000 , @@server_uuid */ /*M! , @@hostname, @@port, @@server_id */))"
        )
        return int(cursor.fetchone()[0]) % 2**30


class MySQLMigrationTools(MigrationTools):
    """Migrations on MySQL and MariaDB."""

    advice = {  # noqa: RUF012 - a ClassVar of the base
        "1290": "connect to the primary, or turn read_only and super_read_only off",
        "1792": "connect to the primary, or turn transaction_read_only off",
        "1836": "connect to the primary, or turn read_only off",
        "1046": "name the database in the URL",
        "1665": "set binlog_format=ROW (or MIXED) on the server",
        "1021": "make room on the server's disk",
        "1114": "make room on the server's disk",
        "3675": "make room on the server's disk",
    }

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self.session_lock = MySQLSessionLock(dialect)

    def matches(self, cursor: Any, creation: Creation) -> bool:
        collation = _COLLATION.search(creation.statement)
        if creation.kind != "TABLE" or collation is None:
            return False
        cursor.execute(
            "SELECT column_name, data_type, character_maximum_length, datetime_precision,"
            " is_nullable = 'YES', COALESCE(collation_name, '') IN ('', %s)"
            " FROM information_schema.columns"
            " WHERE table_schema = DATABASE() AND table_name = %s ORDER BY ordinal_position",
            (collation[1], creation.name),
        )
        rows = cursor.fetchall()
        if not all(row[5] for row in rows):
            return False
        cursor.execute(
            "SELECT index_name FROM information_schema.statistics"
            " WHERE table_schema = DATABASE() AND table_name = %s"
            " UNION SELECT constraint_name FROM information_schema.table_constraints"
            " WHERE table_schema = DATABASE() AND table_name = %s",
            (creation.name, creation.name),
        )
        return creation.defines(_columns(rows), {str(row[0]) for row in cursor.fetchall()})

    def advise(self, cursor: Any, code: str | None) -> str | None:
        if code not in _PRIVILEGE_MISSING:
            return super().advise(cursor, code)
        cursor.execute("SELECT CURRENT_USER(), DATABASE()")
        user, database = cursor.fetchone()
        privileges = "CREATE, ALTER, DROP, INDEX, REFERENCES, SELECT, INSERT, UPDATE, DELETE"
        account = "'@'".join(str(user).rsplit("@", 1))
        grant = f"GRANT {privileges} ON `{database}`.* TO '{account}'"
        return f"have an administrator run: {grant}"


def _columns(rows: Any) -> Iterator[Column]:
    for name, type_, length, precision, nullable, _ in rows:
        names = {"tinyint": "BOOLEAN", "varchar": f"VARCHAR({length})"}
        written = names.get(type_, str(type_).upper())
        if precision is not None:
            written = f"{written}({precision})"
        yield str(name), written, bool(nullable)
