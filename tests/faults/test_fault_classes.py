"""The classes of failures without a code, and of the most important codes.

`test_provoked_faults` provokes the codes on live databases.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import psycopg
import pymysql
import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable, HostMapError, connect
from hostmap_sql.dialects import dialect_named
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.engine.error_translation import Translator
from hostmap_sql.engine.pool import PoolExhausted

if TYPE_CHECKING:
    from tests.support.backends import Backend


@pytest.mark.needs("sessions")
def test_a_statement_on_an_ended_session_is_lost(backend: Backend) -> None:
    cursor = backend.raw().cursor()
    cursor.execute("SELECT 1")
    backend.end_other_sessions()

    faults = []
    for _ in range(2):  # the driver has closed the connection before the second one
        with pytest.raises(backend.driver.error) as caught:
            cursor.execute("SELECT 1")
        faults.append(backend.dialect.classify(caught.value, connecting=False))

    assert faults == [Fault.LOST, Fault.LOST]


@pytest.mark.needs("users")
def test_a_refusal_differs_from_an_unreachable_server(backend: Backend) -> None:
    for url in (
        backend.url_for(password="wrong"),
        backend.url_for(user="nobody", password="wrong"),
        backend.missing_url,
    ):
        assert failure(url, timeout=60) is DatabaseError
    for url in (
        backend.url_for(host="127.0.0.1", port=1),
        backend.url_for(host="no-such-host.invalid"),
    ):
        assert failure(url, timeout=1) is DatabaseUnavailable


def failure(url: str, timeout: float) -> type[HostMapError]:
    """Return the class of the error with which a call fails."""
    with connect(url, timeout=timeout) as hostmap, pytest.raises(HostMapError) as caught:
        hostmap.revision()
    return caught.type


def test_an_exhausted_pool_is_unavailable(backend: Backend) -> None:
    for connecting in (True, False):
        assert backend.dialect.classify(PoolExhausted(), connecting=connecting) is Fault.UNAVAILABLE


def test_errors_of_other_origin_have_no_code_and_are_unknown(backend: Backend) -> None:
    for error in (
        RuntimeError("x"),
        ValueError(),
        backend.driver.error(),
        backend.driver.error(""),
    ):
        assert backend.dialect.code(error) is None
        assert backend.dialect.classify(error, connecting=False) is Fault.UNKNOWN
        assert backend.dialect.describe(error)


# --- by their codes ------------------------------------------------------------------------------

MYSQL = {
    Fault.CONFLICT: "1213 3101 1614 1020 3058 3132",
    Fault.RETRY: "1613 1402 1412 1615 1205 3572 3024 1317 3133 1206 1637 1969",
    Fault.RECONNECT: "1290 1792 1836 1874 1207 3032 3989 4049 4094 3100 1047 3168 9001 "
    "9002 9003 9004 9005",
    Fault.UNAVAILABLE: "2002 2003 2005 2012 1040 1203 1226 1129",
    Fault.LOST: "2006 2013 2014 2027 2045 2048 2055 0 1927 4031 3169 1180 1181 "
    "1053 1077 1079 1152 1158 1159 1160 1161 1184",
    Fault.NO_TABLE: "1146 1054",
    Fault.NOT_PERMITTED: "1044 1142 1143 1227 1370",
    Fault.PERMANENT: "1045 1049 1130 2026 2049 2059 2061 3159 1048 1062 1064 1264 "
    "1364 1366 1406 1451 1452 1153 1114 3675 3098 3819 4025",
    Fault.UNKNOWN: "1 1105 9999 65535",
}
POSTGRESQL = {
    Fault.CONFLICT: "40001 40P01",
    Fault.RETRY: "55P03 25P02 57014",
    Fault.RECONNECT: "57P03 57P05 25P03 26000 42P05 25006 55000",
    Fault.UNAVAILABLE: "53300 53200 53000",
    Fault.LOST: "25P04 57P01 57P02 08000 08003 08006 08007 08P01 40003",
    Fault.NO_TABLE: "42P01 42703",
    Fault.NOT_PERMITTED: "42501",
    Fault.PERMANENT: "22001 22003 22021 23505 23503 23502 23514 42601 28000 28P01 3D000 "
    "53100 XX001 XX002 P0001 25000",
    Fault.UNKNOWN: "XX000 58030 99999",
}
SQLITE = {
    Fault.RETRY: "BUSY BUSY_SNAPSHOT BUSY_RECOVERY BUSY_TIMEOUT LOCKED LOCKED_SHAREDCACHE "
    "INTERRUPT SCHEMA",
    Fault.RECONNECT: "READONLY_DBMOVED",
    Fault.LOST: "IOERR IOERR_FSYNC IOERR_WRITE",
    Fault.NO_TABLE: "ERROR",
    Fault.NOT_PERMITTED: "AUTH PERM",
    Fault.READ_ONLY: "READONLY READONLY_CANTLOCK READONLY_DIRECTORY",
    Fault.PERMANENT: "FULL TOOBIG CANTOPEN "
    "CONSTRAINT CONSTRAINT_PRIMARYKEY CONSTRAINT_UNIQUE CONSTRAINT_FOREIGNKEY CONSTRAINT_NOTNULL "
    "CONSTRAINT_CHECK",
    Fault.BROKEN_CONNECTION: "CORRUPT CORRUPT_INDEX NOTADB",
    Fault.UNKNOWN: "NOMEM MISUSE",
}


def pairs(codes: dict[Fault, str]) -> list[tuple[str, Fault]]:
    return [(code, fault) for fault, listed in codes.items() for code in listed.split()]


@pytest.mark.parametrize(("code", "fault"), pairs(MYSQL))
def test_a_code_of_mysql_has_its_class(code: str, fault: Fault) -> None:
    dialect, number = dialect_named("mysql"), int(code)
    for kind in (pymysql.OperationalError, pymysql.err.InternalError, pymysql.IntegrityError):
        error = kind(number, "a message in any language")
        assert dialect.classify(error, connecting=False) is fault
        connecting = Fault.UNAVAILABLE if fault is Fault.LOST else fault
        assert dialect.classify(error, connecting=True) is connecting
        assert dialect.code(error) == code


def test_failures_of_mysql_without_a_code_are_lost() -> None:
    dialect = dialect_named("mysql")
    for error in (
        pymysql.err.InternalError("Packet sequence number wrong - got 1 expected 2"),
        pymysql.InterfaceError(0, ""),
        ConnectionResetError(),
        TimeoutError(),
    ):
        assert dialect.classify(error, connecting=False) is Fault.LOST


@pytest.mark.parametrize(("code", "fault"), pairs(POSTGRESQL))
def test_a_code_of_postgresql_has_its_class(code: str, fault: Fault) -> None:
    dialect = dialect_named("postgresql")
    try:
        kind = psycopg.errors.lookup(code)
    except KeyError:
        kind = type("Unlisted", (psycopg.OperationalError,), {"sqlstate": code})
    for connecting in (True, False):
        assert dialect.classify(kind("x"), connecting=connecting) is fault
    assert dialect.code(kind("x")) == code


def test_failures_of_postgresql_without_a_code_are_lost() -> None:
    dialect = dialect_named("postgresql")
    for error in (psycopg.OperationalError("x"), ConnectionResetError(), TimeoutError()):
        assert dialect.classify(error, connecting=False) is Fault.LOST
        assert dialect.classify(error, connecting=True) is Fault.UNAVAILABLE


@pytest.mark.parametrize(("code", "fault"), pairs(SQLITE))
def test_a_code_of_sqlite_has_its_class(code: str, fault: Fault) -> None:
    dialect, error = dialect_named("sqlite"), sqlite3.DatabaseError("x")
    error.sqlite_errorname = f"SQLITE_{code}"
    assert dialect.classify(error, connecting=False) is fault
    assert dialect.code(error) == f"SQLITE_{code}"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("mysql", pymysql.OperationalError(1213, "Deadlock found")),
        ("postgresql", psycopg.errors.SerializationFailure("could not serialize")),
    ],
)
def test_a_conflict_asks_to_run_the_transaction_again(name: str, error: Exception) -> None:
    failure = Translator(dialect_named(name), "the database").statement_error(error, None)

    assert isinstance(failure, DatabaseUnavailable)
    assert failure.is_conflict
    assert str(failure).startswith("the database: another transaction came first: run it again")


def test_the_consequences_of_each_class() -> None:
    transient = {fault for fault in Fault if fault.is_transient}
    assert transient == {
        Fault.CONFLICT,
        Fault.RETRY,
        Fault.RECONNECT,
        Fault.UNAVAILABLE,
        Fault.LOST,
    }
    assert {f for f in Fault if f.spoils_connection} == {
        Fault.RECONNECT,
        Fault.LOST,
        Fault.READ_ONLY,
        Fault.BROKEN_CONNECTION,
    }
    assert {f for f in Fault if f.leaves_commit_in_doubt} == {Fault.LOST, Fault.UNKNOWN}
