"""Processes that migrate, and are killed before one of their statements that write."""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql

import hostmap_sql.migrations.migrator  # noqa: F401 - once for all processes
from hostmap_sql import connect
from hostmap_sql.dialects.sqlite.dialect import SQLite
from tests.support.pace import PATIENT

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from multiprocessing.synchronize import Barrier

PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload([__name__])

_READS = ("SELECT", "SHOW", "SET", "PRAGMA")


def migrate_together(url: str, barrier: Barrier, applied: Any) -> None:
    """Migrate at the same moment as other processes, and put the applied ones into the queue."""
    with connect(url, timeout=PATIENT) as hostmap:
        barrier.wait()
        try:
            applied.put(hostmap.migrate())
        except BaseException as error:
            applied.put(repr(error))
            raise


def kill_before_write(number: int, url: str, rollback: str | None = None) -> bool:
    """Migrate, or roll back to a migration, in a process that is killed before its n-th write.

    Return False if it ended before that.
    """
    process = PROCESSES.Process(target=_migrate_and_die, args=(url, rollback, number))
    process.start()
    process.join()
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _migrate_and_die(url: str, rollback: str | None, number: int) -> None:
    left = number

    def sent(statement: Any) -> None:
        nonlocal left
        text = statement.decode() if isinstance(statement, bytes) else str(statement)
        left -= not text.lstrip().upper().startswith(_READS)
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    _watch(sent)
    with connect(url, timeout=PATIENT) as hostmap:
        if rollback is None:
            hostmap.migrate()
        else:
            hostmap.rollback_migrations(rollback)


def _watch(sent: Callable[[Any], None]) -> None:
    """Call `sent` with each statement before it is sent to a database."""
    mysql: Any = pymysql.connections.Connection
    command, execute, cursor_of = mysql._execute_command, psycopg.Cursor.execute, SQLite.cursor
    end = psycopg.Connection.commit

    def commanded(connection: Any, number: int, sql: Any) -> None:
        sent(sql)
        command(connection, number, sql)

    def executed(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        sent(query)
        return execute(cursor, query, *arguments, **options)

    def ended(connection: Any) -> None:
        sent("COMMIT")
        end(connection)

    def traced(dialect: SQLite, connection: sqlite3.Connection) -> sqlite3.Cursor:
        connection.set_trace_callback(sent)
        return cursor_of(dialect, connection)

    mysql._execute_command = commanded
    psycopg.Cursor.execute = executed  # type: ignore[assignment, method-assign]
    psycopg.Connection.commit = ended  # type: ignore[assignment, method-assign]
    SQLite.cursor = traced  # type: ignore[assignment, method-assign]
