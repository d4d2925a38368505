"""SQLite: each fresh database is a copy of a file."""

from __future__ import annotations

import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hostmap_sql import HostMap, SchemaOutOfDate, connect
from tests.support.backends.base import (
    FULL_SCAN,
    PRIMARY_KEY,
    TABLES,
    Backend,
    Driver,
    Factory,
    SqlTexts,
)
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from tests.support.backends.base import Lend
    from tests.support.servers.containers import Server


def _state(connection: sqlite3.Connection) -> object:
    names = ("isolation_level", "autocommit", "in_transaction", "row_factory")
    return [getattr(connection, name, None) for name in names]


def _error(message: str, name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError(message)
    error.sqlite_errorname = name
    return error


_REFUSE = "SELECT RAISE(ABORT, 'refused')"
_CHECKED = "CREATE TABLE checked (u REFERENCES cell_mapping (uuid) DEFERRABLE INITIALLY DEFERRED)"
_INSERT_CHECKED = "INSERT INTO checked VALUES (NEW.transport_url)"


def _trigger(event: str, statement: str) -> str:
    return f"CREATE TRIGGER refusing BEFORE {event} ON cell_mapping BEGIN {statement}; END"


class SQLiteBackend(Backend):
    kind = "sqlite"
    read_only_problem = "readonly database"
    dialect_name = "sqlite"
    yoyo_scheme = "sqlite"
    sqlalchemy_scheme = "sqlite+pysqlite"
    driver = Driver(
        module="sqlite3",
        error=sqlite3.Error,
        lost_connection=_error("disk I/O error", "SQLITE_IOERR_FSYNC"),
        transient_failure=_error("database is locked", "SQLITE_BUSY"),
        any_thread={"check_same_thread": False},
    )
    sql = SqlTexts(
        guards_off=("PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"),
        quoting_triggers={  # RAISE takes a fixed text
            **{event: (_trigger(event, _REFUSE),) for event in ("insert", "update", "delete")},
            "commit": (_CHECKED, _trigger("insert", _INSERT_CHECKED)),
        },
        begin="BEGIN IMMEDIATE",
    )
    missing_error = SchemaOutOfDate
    random_examples = 40
    duplicate_code = "SQLITE_CONSTRAINT_UNIQUE"

    def __init__(self, path: Path) -> None:
        super().__init__(f"sqlite:///{path}")
        self.path = path

    def open_raw(self, **arguments: Any) -> sqlite3.Connection:
        defaults = {"isolation_level": None, "timeout": PATIENT}
        connection = sqlite3.connect(self.path, **(defaults | arguments))
        connection.execute("PRAGMA foreign_keys = ON")  # off by default, unlike elsewhere
        return connection

    @property
    def missing_url(self) -> str:
        return f"{self.url}-missing"

    @contextmanager
    def read_only(self) -> Iterator[HostMap]:
        self.path.touch()
        with connect(f"{self.url}?mode=ro", timeout=PATIENT) as hostmap:
            yield hostmap

    def read_only_ways(self) -> Iterator[HostMap]:
        with self.read_only() as hostmap:
            yield hostmap

        def lend() -> Any:
            connection = self.open_raw(**self.driver.any_thread)
            connection.execute("PRAGMA query_only = 1")
            return closing(connection)

        yield HostMap(lend, self.dialect_name, timeout=PATIENT)

    def own_pools(self) -> Iterator[tuple[Lend, Callable[[Any], object]]]:
        # Python's default mode, and a mode that must not be replaced by the default.
        modes: list[dict[str, Any]] = [{"isolation_level": ""}, {"isolation_level": "IMMEDIATE"}]
        if sys.version_info >= (3, 12):
            modes += [{"autocommit": True}, {"autocommit": False}]
        for mode in modes:
            opened = partial(self.open_raw, **mode)

            @contextmanager
            def lend(opened: Callable[[], sqlite3.Connection] = opened) -> Iterator[Any]:
                with closing(opened()) as connection:
                    connection.row_factory = sqlite3.Row
                    yield connection

            yield lend, _state

    def impatient_connections(self) -> AbstractContextManager[sqlite3.Connection]:
        return closing(self.open_raw(timeout=0.2))

    def definition(self) -> list[tuple[Any, ...]]:
        rows = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name"
        return [row for row in self.query(rows) if "yoyo" not in row[2]]

    def end_other_sessions(self) -> int:
        raise NotImplementedError("a file has no sessions: see backends.LACKS")

    def _gather_statistics(self, connection: sqlite3.Connection) -> None:
        connection.execute("ANALYZE")

    def _explain(
        self, connection: sqlite3.Connection, text: str, parameters: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {text}", parameters):
            words = detail.replace("COVERING ", "").split()
            table = TABLES.get(words[1], words[1])
            if words[0] == "SCAN" and "USING" not in words and "VIRTUAL" not in words:
                yield table, FULL_SCAN
            elif "PRIMARY KEY" in detail:
                yield table, PRIMARY_KEY
            elif "INDEX" in words and not words[1].startswith("json"):
                yield table, self._index_name(words[words.index("INDEX") + 1])

    def _index_name(self, name: str) -> str:
        # SQLite numbers the indexes of constraints instead of naming them.
        return "cell_mapping_name_key" if name == "sqlite_autoindex_cell_mapping_2" else name


class SQLiteFactory(Factory):
    kind = "sqlite"

    def __init__(self, server: Server | None) -> None:  # noqa: ARG002 - as the others
        self._folder = Path(tempfile.mkdtemp(prefix="hostmap-test-"))
        self._template = self._folder / "template.db"
        with connect(f"sqlite:///{self._template}") as hostmap:
            hostmap.migrate()
        # Only the one file is copied, so it must hold everything.
        connection = sqlite3.connect(self._template)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    @property
    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    def fresh(self) -> SQLiteBackend:
        backend = self.bare()
        shutil.copy(self._template, backend.path)
        return backend

    def bare(self) -> SQLiteBackend:
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        return SQLiteBackend(folder / "hostmap.db")

    def drop(self, backend: Backend) -> None:
        assert isinstance(backend, SQLiteBackend)
        _remove(backend.path.parent)

    def close(self) -> None:
        _remove(Path(self._folder))


def _remove(folder: Path) -> None:
    """Remove a folder, while SQLite may remove the log of a connection that is just collected."""
    while folder.exists():
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
