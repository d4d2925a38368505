"""The provocations of SQLite; `test_sqlite_files` damages files."""

from __future__ import annotations

from tests.faults.provocations.script import common, parse

PROVOCATIONS = parse(
    common(
        duplicate="SQLITE_CONSTRAINT_PRIMARYKEY",
        duplicate_name="SQLITE_CONSTRAINT_UNIQUE",
        no_key="SQLITE_CONSTRAINT_FOREIGNKEY",
        key_in_use="SQLITE_CONSTRAINT_FOREIGNKEY",
        null="SQLITE_CONSTRAINT_NOTNULL",
        check="SQLITE_CONSTRAINT_CHECK",
        too_long="SQLITE_CONSTRAINT_CHECK",
        no_table="SQLITE_ERROR",
        no_column="SQLITE_ERROR",
    )
    # The first one is an extended code that Python 3.11 has no name for.
    + """
SQLITE_CONSTRAINT PERMANENT
    UPDATE mapping_revision SET revision = 'x'

SQLITE_MISMATCH PERMANENT
    CREATE TABLE t (i INTEGER PRIMARY KEY)
    INSERT INTO t VALUES ('x')

SQLITE_TOOBIG PERMANENT
    SELECT zeroblob(2000000000)

SQLITE_FULL PERMANENT
    PRAGMA max_page_count = 1
    UPDATE cell_mapping SET transport_url = hex(zeroblob(90000))

SQLITE_READONLY READ_ONLY
    PRAGMA query_only = ON
    UPDATE mapping_revision SET revision = 1

SQLITE_BUSY RETRY
    PRAGMA busy_timeout = 1
    other: BEGIN IMMEDIATE
    BEGIN IMMEDIATE

SQLITE_BUSY_SNAPSHOT RETRY
    PRAGMA journal_mode = WAL
    BEGIN
    SELECT * FROM mapping_revision
    other: UPDATE mapping_revision SET revision = 1
    UPDATE mapping_revision SET revision = 2

SQLITE_LOCKED RETRY
    SELECT * FROM host_mapping
    DROP TABLE host_mapping_change
"""
)
