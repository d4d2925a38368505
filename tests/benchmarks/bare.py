"""The bare drivers, as fast as a careful programmer would use each of them.

A lookup is the library's own SELECT on one open connection. A load fills the same tables with the
same rows, history included, in the fastest known way for the driver.
"""

from __future__ import annotations

import sqlite3
import uuid
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql

from hostmap_sql import sql
from hostmap_sql.dialects import dialect_named

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = list[tuple[Any, ...]]


class Bare(ABC):
    """One open connection of a bare driver."""

    dialect: str
    load_sizes: tuple[int, ...] = (5_000, 10_000, 20_000)
    """The sizes of transactions; the benchmark takes the fastest."""
    empty_sql = "TRUNCATE TABLE "

    def __init__(self, connection: Any) -> None:
        dialect = dialect_named(self.dialect)
        texts = dialect.sql
        self.as_parameter = dialect.encode_hosts
        self.get_sql = texts[sql.HOST_GET]
        self.get_many_sql = texts[sql.HOST_GET_MANY]
        self.connection = connection

    def get(self, host: str) -> Any:
        """Look one host up."""
        cursor = self.connection.cursor()
        cursor.execute(self.get_sql, {"host": host})
        return cursor.fetchone()

    def get_many(self, hosts: list[str]) -> Any:
        """Look many hosts up with one statement."""
        cursor = self.connection.cursor()
        cursor.execute(self.get_many_sql, {"hosts": self.as_parameter(hosts)})
        return cursor.fetchall()

    def load(self, hosts: list[str], cell_uuid: str, size: int) -> None:
        """Map many hosts to a cell, in transactions of this size, with history."""
        cursor = self.connection.cursor()
        for start in range(0, len(hosts), size):
            self.begin(cursor)
            revision = self.take_revision(cursor)
            now = self.now()
            part = hosts[start : start + size]
            mappings = [(host, cell_uuid, revision, now) for host in part]
            changes = [(revision, host, None, cell_uuid) for host in part]
            self.insert(cursor, "host_mapping (host, cell_uuid, revision, created_at)", mappings)
            self.insert(cursor, _CHANGE_COLUMNS, changes)
            self.insert_changeset(cursor, (revision, str(uuid.uuid4()), "bare", None, now))
            self.connection.commit()

    def execute(self, sql: str) -> None:
        """Run a statement of the benchmark's own."""
        self.connection.cursor().execute(sql)

    def empty(self) -> None:
        """Remove all hosts and all history, including dead rows."""
        for table in ("host_mapping", "host_mapping_change", "mapping_changeset"):
            self.execute(self.empty_sql + table)

    @abstractmethod
    def begin(self, cursor: Any) -> None:
        """Begin a transaction."""

    @abstractmethod
    def take_revision(self, cursor: Any) -> int:
        """Take the next revision."""

    @abstractmethod
    def insert(self, cursor: Any, table: str, rows: Rows) -> None:
        """Insert four columns of many rows as fast as the driver can."""

    @abstractmethod
    def insert_changeset(self, cursor: Any, row: tuple[Any, ...]) -> None:
        """Insert the row of the changeset."""

    def now(self) -> Any:
        """Return the time in the form that the driver binds."""
        return datetime.now(UTC)


_CHANGE_COLUMNS = "host_mapping_change (revision, host, old_cell_uuid, new_cell_uuid)"
_CHANGESET = "mapping_changeset (revision, change_id, author, reason, created_at)"


class BarePostgreSQL(Bare):
    """psycopg: COPY."""

    dialect = "postgresql"

    def begin(self, cursor: Any) -> None:
        cursor.execute("BEGIN")

    def take_revision(self, cursor: Any) -> int:
        sql = "UPDATE mapping_revision SET revision = revision + 1 WHERE id = 1 RETURNING revision"
        return int(cursor.execute(sql).fetchone()[0])

    def insert(self, cursor: Any, table: str, rows: Rows) -> None:
        with cursor.copy(f"COPY {table} FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)

    def insert_changeset(self, cursor: Any, row: tuple[Any, ...]) -> None:
        cursor.execute(f"INSERT INTO {_CHANGESET} VALUES (%s, %s, %s, %s, %s)", row)


class BareMySQL(Bare):
    """PyMySQL: executemany, which builds multi-row statements."""

    dialect = "mysql"

    def begin(self, cursor: Any) -> None:
        cursor.execute("BEGIN")

    def take_revision(self, cursor: Any) -> int:
        cursor.execute("UPDATE mapping_revision SET revision = LAST_INSERT_ID(revision + 1)")
        return int(cursor.lastrowid)

    def insert(self, cursor: Any, table: str, rows: Rows) -> None:
        cursor.executemany(f"INSERT INTO {table} VALUES (%s, %s, %s, %s)", rows)

    def insert_changeset(self, cursor: Any, row: tuple[Any, ...]) -> None:
        cursor.execute(f"INSERT INTO {_CHANGESET} VALUES (%s, %s, %s, %s, %s)", row)

    def now(self) -> Any:
        return datetime.now(UTC).replace(tzinfo=None)


class BareSQLite(Bare):
    """sqlite3: executemany."""

    dialect = "sqlite"
    empty_sql = "DELETE FROM "

    def begin(self, cursor: Any) -> None:
        cursor.execute("BEGIN IMMEDIATE")

    def take_revision(self, cursor: Any) -> int:
        sql = "UPDATE mapping_revision SET revision = revision + 1 WHERE id = 1 RETURNING revision"
        return int(cursor.execute(sql).fetchone()[0])

    def insert(self, cursor: Any, table: str, rows: Rows) -> None:
        cursor.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)

    def insert_changeset(self, cursor: Any, row: tuple[Any, ...]) -> None:
        cursor.execute(f"INSERT INTO {_CHANGESET} VALUES (?, ?, ?, ?, ?)", row)

    def now(self) -> Any:
        return datetime.now(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def bare(kind: str, url: Any) -> Bare:
    """Open a bare connection to the database of a parsed URL, with the driver's defaults."""
    if kind == "sqlite":
        connection = sqlite3.connect(url.database, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        return BareSQLite(connection)
    [(host, port)] = url.hosts
    login = {"host": host, "port": port, "user": url.user, "password": url.password}
    if kind == "postgresql":
        # As in the library: a plan cached for an empty table would be slow.
        login |= {"dbname": url.database, "options": "-c enable_seqscan=off"}
        return BarePostgreSQL(psycopg.connect(**login, autocommit=True))
    return BareMySQL(pymysql.connect(**login, database=url.database, autocommit=True))


def names(count: int) -> Iterator[str]:
    """Return this number of host names, in an order unlike the index's."""
    for number in range(count):
        yield f"compute-{number * 7_919 % count:07}.rack{number % 40:02}.example.org"
