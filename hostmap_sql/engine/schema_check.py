"""Checks that the tables are those of this version of the library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql import sql
from hostmap_sql.errors import DatabaseError, NotPermitted, SchemaOutOfDate
from hostmap_sql.runtime.watchdog import timed_call
from hostmap_sql.schema import known_migrations, unknown_migrations

if TYPE_CHECKING:
    from hostmap_sql.engine.session import Session
    from hostmap_sql.runtime.dbapi import Connection

_TABLE = "host_mapping"


def applied_migrations(
    session: Session, connection: Connection, deadline: float
) -> set[str] | None:
    """The ids of the migrations that yoyo has applied; None if yoyo has no tables here."""
    statement = sql.MIGRATIONS_APPLIED
    try:
        with timed_call(session.translator, connection, deadline, statement) as call:
            cursor = session.make_cursor(connection)
            rows = call.select(cursor, session.texts[statement], {}, None)
    except SchemaOutOfDate:
        return None
    return {str(row[0]) for row in rows}


def check_schema(session: Session, connection: Connection, deadline: float) -> None:
    """Check that all known migrations are applied, and no unknown ones of ours.

    :raises SchemaOutOfDate: some are missing, or a newer version has migrated the database.
    :raises NotPermitted: the account may not use the schema that holds the tables.
    """
    dialect = session.dialect
    known = known_migrations(dialect.name)
    try:
        applied = applied_migrations(session, connection, deadline)
    except DatabaseError:
        if not dialect.is_open(connection):
            raise
        # A service may lack the right to read yoyo's table. Statements fail if tables are wrong.
        applied = set(known)
    if applied is None and _has_tables(session, connection, deadline):
        applied = set(known)  # the same files were run by means other than yoyo
    missing = [migration for migration in known if migration not in (applied or ())]
    unknown = unknown_migrations(dialect.name, applied or ())
    if missing or unknown:
        raise SchemaOutOfDate(session.name, missing, unknown)


def _has_tables(session: Session, connection: Connection, deadline: float) -> bool:
    """Whether the tables exist.

    :raises NotPermitted: they are in a schema that the account may not use.
    """
    with timed_call(session.translator, connection, deadline):
        cursor = session.make_cursor(connection)
        if session.dialect.has_table(cursor, _TABLE):
            return True
        schema = session.dialect.hidden_schema(cursor, _TABLE)
    if schema is None:
        return False
    problem = f"{session.name}: the tables are in the schema {schema}, which it may not use"
    raise NotPermitted(problem, remedy=session.translator.remedy(None))
