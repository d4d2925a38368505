"""The provocations of PostgreSQL."""

from __future__ import annotations

from tests.faults.provocations.script import common, parse

PROVOCATIONS = parse(
    common(
        duplicate="23505",
        duplicate_name="23505",
        no_key="23503",
        key_in_use="23503",
        null="23502",
        check="23514",
        too_long="22001",
        no_table="42P01",
        no_column="42703",
    )
    + """
42601 PERMANENT
    SELEKT 1

22003 PERMANENT
    UPDATE mapping_revision SET revision = 1e30

22007 PERMANENT
    SELECT TIMESTAMP 'x'

22012 PERMANENT
    SELECT 1 / 0

22021 PERMANENT
    SELECT convert_from('\\xff', 'UTF8')

22P02 PERMANENT
    UPDATE mapping_revision SET revision = 'x'

P0001 PERMANENT
    DO $$ BEGIN RAISE 'no'; END $$

53400 PERMANENT
    SET temp_file_limit = '64kB'
    SET work_mem = '64kB'
    SELECT n FROM generate_series(1, 200000) AS n ORDER BY random()

42501 NOT_PERMITTED
    other: CREATE ROLE {user} LOGIN PASSWORD 'secret'
    as user
    SELECT * FROM mapping_revision
    --
    DROP ROLE {user}

25006 RECONNECT
    SET default_transaction_read_only = on
    UPDATE mapping_revision SET revision = 1

25P02 RETRY
    BEGIN
    try: SELEKT 1
    SELECT 1

25P03 RECONNECT
    SET idle_in_transaction_session_timeout = 500
    BEGIN
    wait
    SELECT 1

57P05 RECONNECT
    SET idle_session_timeout = 500
    wait
    SELECT 1

25P04 LOST
    SET transaction_timeout = 500
    BEGIN
    SELECT pg_sleep(5)

26000 RECONNECT
    EXECUTE no_such_statement

42P05 RECONNECT
    PREPARE a AS SELECT 1
    PREPARE a AS SELECT 1

0A000 RECONNECT
    PREPARE a AS SELECT * FROM host_mapping
    EXECUTE a
    other: ALTER TABLE host_mapping ADD COLUMN more INTEGER
    EXECUTE a

55000 RECONNECT
    CREATE SEQUENCE numbers
    SELECT currval('numbers')

40001 CONFLICT
    BEGIN ISOLATION LEVEL REPEATABLE READ
    SELECT * FROM mapping_revision
    other: UPDATE mapping_revision SET revision = 1
    UPDATE mapping_revision SET revision = 2

40P01 CONFLICT
    BEGIN
    UPDATE host_mapping SET revision = 2 WHERE host = 'a'
    other: BEGIN
    other: UPDATE host_mapping SET revision = 2 WHERE host = 'b'
    soon: UPDATE host_mapping SET revision = 2 WHERE host = 'a'
    UPDATE host_mapping SET revision = 2 WHERE host = 'b'

55P03 RETRY
    other: BEGIN
    other: UPDATE mapping_revision SET revision = 1
    SELECT * FROM mapping_revision FOR UPDATE NOWAIT

55P03 RETRY
    SET lock_timeout = 10
    other: BEGIN
    other: LOCK TABLE mapping_revision
    SELECT * FROM mapping_revision

57014 RETRY
    SET statement_timeout = 10
    SELECT pg_sleep(5)

57014 RETRY
    soon: SELECT pg_cancel_backend({us})
    SELECT pg_sleep(5)

57P01 LOST
    soon: SELECT pg_terminate_backend({us})
    SELECT pg_sleep(5)

none LOST
    other: SELECT pg_terminate_backend({us}, 5000)
    try: SELECT 1
    SELECT 1
"""
)
