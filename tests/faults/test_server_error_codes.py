"""The tables of error codes cover all codes that the live servers and SQLite define."""

from __future__ import annotations

import re
import sqlite3
import struct
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pymysql.constants import CR

from hostmap_sql.dialects import dialect_named
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.mysql import error_codes as mysql_error_codes
from hostmap_sql.dialects.postgresql import error_codes as postgresql_error_codes
from hostmap_sql.dialects.sqlite import error_codes as sqlite_error_codes
from tests.faults import permanent_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Servers
    from tests.support.backends import Backend

# MySQL's numbers from here on appear only in the server's log.
FIRST_LOG_NUMBER = 10_000
HOW_TO_FIX = (
    "add each transient fault to the error_codes.py of the dialect, and the others to "
    "tests/faults/permanent_codes.py"
)


def unreviewed(
    defined: Mapping[str, str], table: Any, permanent: Mapping[str, str]
) -> dict[str, str]:
    """Return the codes that look transient by name, and are in neither list."""
    reviewed = {str(code) for code in table} | set(permanent)
    return {
        code: name
        for code, name in defined.items()
        if permanent_codes.LOOKS_TRANSIENT.search(name) and code not in reviewed
    }


@pytest.fixture
def mysql_codes(servers: Servers) -> dict[str, str]:
    """The names of the error numbers that MySQL sends to clients."""
    backend = servers.factory("mysql").bare()
    try:
        rows = backend.query(
            "SELECT error_number, error_name"
            " FROM performance_schema.events_errors_summary_global_by_error"
            f" WHERE error_number < {FIRST_LOG_NUMBER}"
        )
    finally:
        servers.factory("mysql").drop(backend)
    return {str(code): name for code, name in rows}


@pytest.fixture
def mariadb_codes(servers: Servers) -> dict[str, str]:
    """The messages of MariaDB's error numbers, from the server's own file."""
    backend = servers.factory("mariadb").bare()
    try:
        ((folder,),) = backend.query("SELECT @@character_sets_dir")
        file = PurePosixPath(folder).parent / "english" / "errmsg.sys"
        ((content,),) = backend.query(f"SELECT LOAD_FILE('{file}')")
    finally:
        servers.factory("mariadb").drop(backend)
    return dict(messages(content))


def messages(content: bytes) -> list[tuple[str, str]]:
    """Parse an errmsg.sys.

    A header of 32 bytes is followed by the number of messages in each thousand, from 1000 on, then
    by their lengths, then by the messages.
    """
    total, sections = struct.unpack_from("<HH", content, 12)
    counts = struct.unpack_from(f"<{sections}H", content, 32)
    lengths = struct.unpack_from(f"<{total}H", content, 32 + 2 * sections)
    numbers = (
        1000 * section + number
        for section, count in enumerate(counts, start=1)
        for number in range(count)
    )
    start = 32 + 2 * sections + 2 * total
    found = []
    for number, length in zip(numbers, lengths, strict=True):
        text = content[start : start + length].rstrip(b"\0").decode(errors="replace")
        found.append((str(number), text))
        start += length
    return found


def test_every_code_of_mysql_that_looks_transient_is_reviewed(mysql_codes: dict[str, str]) -> None:
    assert len(mysql_codes) > 1000
    assert not unreviewed(mysql_codes, mysql_error_codes.FAULTS, permanent_codes.MYSQL), HOW_TO_FIX


def test_every_code_of_mariadb_that_looks_transient_is_reviewed(
    mariadb_codes: dict[str, str],
) -> None:
    assert len(mariadb_codes) > 1000
    assert mariadb_codes["1213"].startswith("Deadlock")
    permanent = {**permanent_codes.MYSQL, **permanent_codes.MARIADB}
    assert not unreviewed(mariadb_codes, mysql_error_codes.FAULTS, permanent), HOW_TO_FIX


def test_the_table_of_mysql_has_only_defined_codes(
    mysql_codes: dict[str, str], mariadb_codes: dict[str, str]
) -> None:
    driver = {str(code) for code in vars(CR).values() if isinstance(code, int)}
    tidb = {str(code) for code in range(9001, 9006)}
    closed = {"0"}
    table = {str(code) for code in mysql_error_codes.FAULTS}

    assert table <= {*mysql_codes, *mariadb_codes, *driver, *tidb, *closed}
    assert not table & {*permanent_codes.MYSQL, *permanent_codes.MARIADB}


@pytest.fixture
def postgresql_codes(servers: Servers) -> dict[str, str]:
    """The names of PostgreSQL's error SQLSTATEs, from the server's own file."""
    backend = servers.factory("postgresql").bare()
    try:
        ((text,),) = backend.query(
            "SELECT pg_read_file(setting || '/errcodes.txt') FROM pg_config WHERE name = 'SHAREDIR'"
        )
    finally:
        servers.factory("postgresql").drop(backend)
    return dict(re.findall(r"^(\w{5}) +E +ERRCODE_(\w+)", text, re.MULTILINE))


def test_every_code_of_postgresql_is_classified(postgresql_codes: dict[str, str]) -> None:
    table = postgresql_error_codes.FAULTS

    assert len(postgresql_codes) > 200
    assert not {code for code in postgresql_codes if code not in table and code[:2] not in table}
    assert not unreviewed(postgresql_codes, table, permanent_codes.POSTGRESQL), HOW_TO_FIX


def test_every_code_of_psycopg_is_classified() -> None:
    known = {code for code in psycopg.errors._sqlcodes if re.fullmatch(r"[0-9A-Z]{5}", code)}
    table = postgresql_error_codes.FAULTS

    assert not {code for code in known if code not in table and code[:2] not in table}
    assert {code for code in table if len(code) == 5} <= known
    assert not set(table) & set(permanent_codes.POSTGRESQL)


def test_every_code_of_sqlite_is_in_the_table() -> None:
    results = range(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB + 1)
    defined = {
        name: code
        for name, code in vars(sqlite3).items()
        if re.fullmatch(r"SQLITE_[A-Z]+", name) and sqlite_error_codes.CODES.get(code) == name
    }

    assert sorted(defined.values()) == [*results]
    assert set(defined) <= set(sqlite_error_codes.FAULTS)
    for code in sqlite_error_codes.FAULTS:
        assert getattr(sqlite3, code) & 0xFF == defined["_".join(code.split("_")[:2])]


def test_an_unlisted_code_is_not_retried_and_leaves_a_commit_in_doubt(backend: Backend) -> None:
    error = backend.driver.error(9999, "x")
    fault = dialect_named(backend.dialect_name).classify(error, connecting=False)

    assert fault is Fault.UNKNOWN
    assert not fault.is_transient
    assert fault.leaves_commit_in_doubt
