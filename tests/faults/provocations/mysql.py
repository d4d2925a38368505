"""The provocations of MySQL and MariaDB."""

from __future__ import annotations

from tests.faults.provocations.script import CELL, INSERT_HOST, common, parse


def _common(check: str) -> str:
    return common(
        duplicate="1062",
        duplicate_name="1062",
        no_key="1452",
        key_in_use="1451",
        null="1048",
        check=check,
        too_long="1406",
        no_table="1146",
        no_column="1054",
    )


_BOTH = f"""
1064 PERMANENT
    SELEKT 1

1364 PERMANENT
    INSERT INTO mapping_revision (id) VALUES (1)

1264 PERMANENT
    UPDATE mapping_revision SET revision = 1e30

1690 PERMANENT
    SELECT 9223372036854775807 + id FROM mapping_revision

1366 PERMANENT
    UPDATE mapping_revision SET revision = 'x'

1292 PERMANENT
    {INSERT_HOST} ('c', '{CELL}', 1, 'x')

1049 PERMANENT
    USE no_such_database

1045 PERMANENT
    other: CREATE USER '{{user}}' IDENTIFIED BY 'secret'
    as stranger
    --
    DROP USER '{{user}}'

1044 NOT_PERMITTED
    other: CREATE USER '{{user}}' IDENTIFIED BY 'secret'
    as user
    --
    DROP USER '{{user}}'

1142 NOT_PERMITTED
    other: CREATE USER '{{user}}' IDENTIFIED BY 'secret'
    other: GRANT INSERT ON {{database}}.* TO '{{user}}'
    as user
    SELECT * FROM mapping_revision
    --
    DROP USER '{{user}}'

1143 NOT_PERMITTED
    other: CREATE USER '{{user}}' IDENTIFIED BY 'secret'
    other: GRANT SELECT (host) ON {{database}}.host_mapping TO '{{user}}'
    as user
    SELECT host, revision FROM host_mapping
    --
    DROP USER '{{user}}'

1227 NOT_PERMITTED
    other: CREATE USER '{{user}}' IDENTIFIED BY 'secret'
    other: GRANT INSERT ON {{database}}.* TO '{{user}}'
    as user
    SET GLOBAL max_connections = 300
    --
    DROP USER '{{user}}'

1226 UNAVAILABLE
    other: CREATE USER '{{user}}' IDENTIFIED BY 'secret' WITH MAX_USER_CONNECTIONS 1
    other: GRANT SELECT ON {{database}}.* TO '{{user}}'
    as user
    as user
    --
    DROP USER '{{user}}'

1792 RECONNECT
    SET SESSION TRANSACTION READ ONLY
    UPDATE mapping_revision SET revision = 1

1290 RECONNECT
    SELECT 1 INTO OUTFILE '/no/such/folder'

1205 RETRY
    SET innodb_lock_wait_timeout = 1
    other: BEGIN
    other: UPDATE mapping_revision SET revision = 1
    UPDATE mapping_revision SET revision = 2

1205 RETRY
    SET lock_wait_timeout = 1
    other: BEGIN
    other: SELECT * FROM mapping_revision
    ALTER TABLE mapping_revision ADD COLUMN more INT

1213 CONFLICT
    BEGIN
    UPDATE host_mapping SET revision = 2 WHERE host = 'a'
    other: BEGIN
    other: UPDATE mapping_revision SET revision = 2
    other: UPDATE cell_mapping SET revision = 2
    other: UPDATE host_mapping SET revision = 2 WHERE host = 'b'
    soon: UPDATE host_mapping SET revision = 2 WHERE host = 'a'
    UPDATE host_mapping SET revision = 2 WHERE host = 'b'

1412 RETRY
    START TRANSACTION WITH CONSISTENT SNAPSHOT
    other: ALTER TABLE host_mapping ADD COLUMN more INT, ALGORITHM = COPY
    SELECT * FROM host_mapping

1317 RETRY
    soon: KILL QUERY {{us}}
    SELECT SLEEP(5) FROM host_mapping

2013 LOST
    other: KILL {{us}}
    SELECT 1

2013 LOST
    soon: KILL {{us}}
    SELECT SLEEP(5) FROM host_mapping

0 LOST
    other: KILL {{us}}
    try: SELECT 1
    SELECT 1
"""

MYSQL = parse(
    _common("3819")
    + _BOTH.strip()
    + """

3572 RETRY
    other: BEGIN
    other: UPDATE mapping_revision SET revision = 1
    SELECT * FROM mapping_revision FOR UPDATE NOWAIT

3024 RETRY
    SELECT /*+ MAX_EXECUTION_TIME(1) */ * FROM host_mapping WHERE SLEEP(1) = 0

3989 RECONNECT
    other: ALTER DATABASE {database} READ ONLY = 1
    UPDATE mapping_revision SET revision = 1
    --
    ALTER DATABASE {database} READ ONLY = 0

3118 PERMANENT
    other: CREATE USER '{user}' IDENTIFIED BY 'secret' ACCOUNT LOCK
    as user
    --
    DROP USER '{user}'

1862 PERMANENT
    other: CREATE USER '{user}' IDENTIFIED BY 'secret'
    other: GRANT SELECT ON {database}.* TO '{user}'
    other: ALTER USER '{user}' PASSWORD EXPIRE
    as user
    --
    DROP USER '{user}'

2013 LOST
    SET SESSION wait_timeout = 1
    wait
    SELECT 1
"""
)

MARIADB = parse(
    _common("4025")
    + _BOTH.strip()
    + """

1020 CONFLICT
    SET SESSION innodb_snapshot_isolation = ON
    SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ
    BEGIN
    SELECT * FROM mapping_revision
    other: UPDATE mapping_revision SET revision = 1
    UPDATE mapping_revision SET revision = 2

1205 RETRY
    other: BEGIN
    other: UPDATE mapping_revision SET revision = 1
    SELECT * FROM mapping_revision FOR UPDATE NOWAIT

1969 RETRY
    SET STATEMENT max_statement_time = 0.01 FOR SELECT SLEEP(1) FROM host_mapping

1927 LOST
    KILL {us}

4151 PERMANENT
    other: CREATE USER '{user}' IDENTIFIED BY 'secret' ACCOUNT LOCK
    as user
    --
    DROP USER '{user}'

1820 PERMANENT
    other: CREATE USER '{user}' IDENTIFIED BY 'secret'
    other: GRANT SELECT ON {database}.* TO '{user}'
    other: ALTER USER '{user}' PASSWORD EXPIRE
    as user
    SELECT * FROM mapping_revision
    --
    DROP USER '{user}'

2006 LOST
    SET SESSION wait_timeout = 1
    wait
    SELECT 1
"""
)

_USER = """
    other: CREATE USER '{user}' IDENTIFIED BY 'secret'
    other: GRANT SELECT, UPDATE ON {database}.* TO '{user}'
"""

MYSQL_GLOBALLY = parse(
    f"""
1290 RECONNECT
    other: SET GLOBAL super_read_only = ON
    UPDATE mapping_revision SET revision = 1
    --
    SET GLOBAL super_read_only = OFF
    SET GLOBAL read_only = OFF

1040 UNAVAILABLE{_USER.rstrip()}
    other: SET GLOBAL max_connections = 1
    as user
    --
    SET GLOBAL max_connections = 400
    DROP USER '{{user}}'

1203 UNAVAILABLE{_USER.rstrip()}
    other: SET GLOBAL max_user_connections = 1
    as user
    as user
    --
    SET GLOBAL max_user_connections = 0
    DROP USER '{{user}}'

3032 RECONNECT{_USER.rstrip()}
    other: SET GLOBAL offline_mode = ON
    as user
    --
    SET GLOBAL offline_mode = OFF
    DROP USER '{{user}}'
"""
)

_EIGHT_TIMES = "    as user\n" * 8

# max_connections is 10 at least, and three are in use: the one under test, the administrator's and
# the factory's.
MARIADB_GLOBALLY = parse(
    f"""
1290 RECONNECT{_USER.rstrip()}
    other: SET GLOBAL read_only = ON
    as user
    UPDATE mapping_revision SET revision = 1
    --
    SET GLOBAL read_only = OFF
    DROP USER '{{user}}'

1040 UNAVAILABLE{_USER.rstrip()}
    other: SET GLOBAL max_connections = 10
{_EIGHT_TIMES}    --
    SET GLOBAL max_connections = 400
    DROP USER '{{user}}'
"""
)
