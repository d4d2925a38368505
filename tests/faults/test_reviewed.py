"""The tables of codes against what the live servers, and SQLite, define."""

from __future__ import annotations

import re
import sqlite3
import struct
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pymysql.constants import CR

from hostmap_sql.dialects import dialect_named, mysql_faults, postgresql_faults, sqlite_faults
from hostmap_sql.dialects.base import Fault
from tests.faults import reviewed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.conftest import Servers
    from tests.support.backends import Backend

# From here on they are for the server's own log.
FIRST_OF_THE_LOG = 10_000
HOW = (
    "look at each: is it a passing fault? If so it belongs into the table of the dialect, "
    "else into tests/faults/reviewed.py"
)


def undecided(defined: Mapping[str, str], table: Any, seen: Mapping[str, str]) -> dict[str, str]:
    """What looks like a passing fault, and nobody has looked at."""
    decided = {str(code) for code in table} | set(seen)
    return {
        code: name
        for code, name in defined.items()
        if reviewed.LOOKS_PASSING.search(name) and code not in decided
    }


@pytest.fixture
def mysql_codes(servers: Servers) -> dict[str, str]:
    """The names of MySQL's errno that clients are sent."""
    backend = servers.factory("mysql").bare()
    try:
        rows = backend.query(
            "SELECT error_number, error_name"
            " FROM performance_schema.events_errors_summary_global_by_error"
            f" WHERE error_number < {FIRST_OF_THE_LOG}"
        )
    finally:
        servers.factory("mysql").drop(backend)
    return {str(code): name for code, name in rows}


@pytest.fixture
def mariadb_codes(servers: Servers) -> dict[str, str]:
    """The messages of MariaDB's errno, of the file that the server has them in."""
    backend = servers.factory("mariadb").bare()
    try:
        ((folder,),) = backend.query("SELECT @@character_sets_dir")
        file = PurePosixPath(folder).parent / "english" / "errmsg.sys"
        ((content,),) = backend.query(f"SELECT LOAD_FILE('{file}')")
    finally:
        servers.factory("mariadb").drop(backend)
    return dict(messages(content))


def messages(content: bytes) -> list[tuple[str, str]]:
    """The messages of an errmsg.sys.

    After 32 bytes of head come the numbers of messages from 1000, 2000 ... on, then their lengths,
    then the messages.
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


def test_every_code_of_mysql_is_decided_upon(mysql_codes: dict[str, str]) -> None:
    assert len(mysql_codes) > 1000
    assert not undecided(mysql_codes, mysql_faults.FAULTS, reviewed.MYSQL), HOW


def test_every_code_of_mariadb_is_decided_upon(mariadb_codes: dict[str, str]) -> None:
    assert len(mariadb_codes) > 1000
    assert mariadb_codes["1213"].startswith("Deadlock")
    seen = {**reviewed.MYSQL, **reviewed.MARIADB}
    assert not undecided(mariadb_codes, mysql_faults.FAULTS, seen), HOW


def test_the_table_of_mysql_has_no_code_that_nobody_defines(
    mysql_codes: dict[str, str], mariadb_codes: dict[str, str]
) -> None:
    driver = {str(code) for code in vars(CR).values() if isinstance(code, int)}
    tidb = {str(code) for code in range(9001, 9006)}
    closed = {"0"}
    table = {str(code) for code in mysql_faults.FAULTS}

    assert table <= {*mysql_codes, *mariadb_codes, *driver, *tidb, *closed}
    assert not table & {*reviewed.MYSQL, *reviewed.MARIADB}


@pytest.fixture
def postgresql_codes(servers: Servers) -> dict[str, str]:
    """The names of PostgreSQL's SQLSTATEs of errors, from the file that the server is made of."""
    backend = servers.factory("postgresql").bare()
    try:
        ((text,),) = backend.query(
            "SELECT pg_read_file(setting || '/errcodes.txt') FROM pg_config WHERE name = 'SHAREDIR'"
        )
    finally:
        servers.factory("postgresql").drop(backend)
    return dict(re.findall(r"^(\w{5}) +E +ERRCODE_(\w+)", text, re.MULTILINE))


def test_every_code_of_postgresql_is_decided_upon(postgresql_codes: dict[str, str]) -> None:
    table = postgresql_faults.FAULTS

    assert len(postgresql_codes) > 200
    assert not {code for code in postgresql_codes if code not in table and code[:2] not in table}
    assert not undecided(postgresql_codes, table, reviewed.POSTGRESQL), HOW


def test_the_driver_knows_no_code_of_which_the_table_knows_nothing() -> None:
    known = {code for code in psycopg.errors._sqlcodes if re.fullmatch(r"[0-9A-Z]{5}", code)}
    table = postgresql_faults.FAULTS

    assert not {code for code in known if code not in table and code[:2] not in table}
    assert {code for code in table if len(code) == 5} <= known
    assert not set(table) & set(reviewed.POSTGRESQL)


def test_every_code_of_sqlite_is_in_the_table() -> None:
    results = range(sqlite3.SQLITE_ERROR, sqlite3.SQLITE_NOTADB + 1)
    defined = {
        name: code
        for name, code in vars(sqlite3).items()
        if re.fullmatch(r"SQLITE_[A-Z]+", name) and sqlite_faults.CODES.get(code) == name
    }

    assert sorted(defined.values()) == [*results]
    assert set(defined) <= set(sqlite_faults.FAULTS)
    for code in sqlite_faults.FAULTS:
        assert getattr(sqlite3, code) & 0xFF == defined["_".join(code.split("_")[:2])]


def test_a_code_of_no_table_is_refused_and_in_a_commit_in_doubt(backend: Backend) -> None:
    error = backend.driver_error(9999, "x")
    fault = dialect_named(backend.dialect_name).classify(error, connecting=False)

    assert fault is Fault.UNLISTED
    assert not fault.is_transient
    assert fault.leaves_commit_in_doubt
