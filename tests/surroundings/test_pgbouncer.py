"""Connections through PgBouncer, with its default settings and with others."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from hostmap_sql import (
    DatabaseError,
    DatabaseUnavailable,
    HostMappingNotFound,
    NotPermitted,
    connect,
)
from tests.support.every_call import answers
from tests.support.pace import PATIENT, SLOWNESS, SOON
from tests.support.servers.dedicated import dedicated_server
from tests.surroundings.pgbouncer import pgbouncer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hostmap_sql import HostMap
    from tests.support.servers.dedicated import DedicatedServer
    from tests.surroundings.pgbouncer import PgBouncer

TIMEOUT = PATIENT
SHORT = 1.5 * SLOWNESS

ONE_SESSION = "pool_mode = transaction\ndefault_pool_size = 1\n"

SETTINGS: Mapping[str, str] = {
    "session pooling, by default": "",
    "transaction pooling": "pool_mode = transaction",
    "nothing prepared": "pool_mode = transaction\nmax_prepared_statements = 0",
    "options ignored": "pool_mode = transaction\nignore_startup_parameters = options",
    "limits ignored": (
        "pool_mode = transaction\nignore_startup_parameters = DateStyle,TimeZone,lock_timeout,"
        "statement_timeout,idle_in_transaction_session_timeout,enable_seqscan,jit,"
        "default_transaction_isolation,default_transaction_deferrable"
    ),
    "limits kept": (
        "pool_mode = transaction\ntrack_extra_parameters = IntervalStyle,lock_timeout,"
        "statement_timeout,idle_in_transaction_session_timeout"
    ),
}


@pytest.fixture(scope="module")
def server() -> Iterator[DedicatedServer]:
    with dedicated_server("postgresql") as server:
        yield server


@pytest.fixture(scope="module")
def pooler(server: DedicatedServer) -> Iterator[PgBouncer]:
    """Return a PgBouncer with a single server session for all clients."""
    with pgbouncer(server, ONE_SESSION) as pooler:
        yield pooler


@pytest.fixture
def hostmap(server: DedicatedServer, pooler: PgBouncer) -> Iterator[HostMap]:
    server.backend().empty()
    with connect(pooler.url(), timeout=TIMEOUT, author="tester") as hostmap:
        hostmap.hosts.create("a", hostmap.cells.create("cell1").uuid)
        yield hostmap


@pytest.fixture
def impatient(hostmap: HostMap, pooler: PgBouncer) -> Iterator[HostMap]:
    """Return a directory with a short timeout that has already detected the pooler."""
    with connect(pooler.url(), timeout=SHORT) as impatient:
        with impatient.timeout(SHORT):
            assert impatient.hosts.get("a") == hostmap.hosts.get("a")
        yield impatient


def test_the_answers_equal_those_of_sqlite(
    server: DedicatedServer, expected: dict[str, object], subtests: pytest.Subtests
) -> None:
    for name, settings in SETTINGS.items():
        backend = server.backend()
        with subtests.test(name), pgbouncer(server, settings) as pooler:
            with connect(pooler.url(), timeout=TIMEOUT, author="tester") as hostmap:
                hostmap.rollback_migrations("0001-cell-mapping")
                found = answers(hostmap)
            assert {call for call in expected if found[call] != expected[call]} == set()
        backend.close()


def test_a_lookup_is_one_round_trip(hostmap: HostMap, tmp_path: Path) -> None:
    with hostmap._database.lease() as connection:
        pgconn: Any = connection.pgconn  # type: ignore[attr-defined]
    with (tmp_path / "trace").open("w+b") as trace:
        pgconn.trace(trace.fileno())
        hostmap.hosts.get("a")
        pgconn.untrace()
        assert (tmp_path / "trace").read_text().count("ReadyForQuery") == 1


def test_the_server_ends_statements_that_timed_out(
    server: DedicatedServer, impatient: HostMap
) -> None:
    backend = server.backend()
    with closing(backend.open_raw(autocommit=False)) as other:
        other.execute("LOCK TABLE host_mapping, mapping_revision")
        for call in (lambda: impatient.hosts.get("a"), lambda: impatient.hosts.delete("a")):
            with pytest.raises(DatabaseUnavailable):
                call()
            deadline = monotonic() + TIMEOUT
            while backend.busy_sessions() and monotonic() < deadline:
                sleep(0.1)
            assert backend.busy_sessions() == 0
    backend.close()


def test_no_setting_reaches_another_client(
    server: DedicatedServer, pooler: PgBouncer, hostmap: HostMap
) -> None:
    names = (
        "statement_timeout",
        "lock_timeout",
        "idle_in_transaction_session_timeout",
        "enable_seqscan",
        "jit",
        "default_transaction_isolation",
        "TimeZone",
        "DateStyle",
    )
    settings = ", ".join(f"current_setting('{name}')" for name in names)
    backend = server.backend()
    usual = backend.query(f"SELECT {settings}")[0][:-2]
    stop = Event()

    def work(number: int) -> None:
        for round_ in range(15):
            cell = hostmap.cells.get_by_name("cell1")
            hostmap.hosts.create(f"host-{number}-{round_}", cell.uuid)
            hostmap.hosts.get(f"host-{number}-{round_}")
            hostmap.hosts.list(limit=2)
        hostmap.check()

    def check_settings() -> int:
        options = {"autocommit": True, "prepare_threshold": None}
        with psycopg.connect(pooler.url(), **options) as connection:  # type: ignore[arg-type]
            connection.execute("SET DateStyle = 'German'")
            connection.execute("SET TimeZone = 'Asia/Tokyo'")
            checks = 0
            while not stop.is_set() or not checks:
                row = connection.execute(f"SELECT {settings}".encode()).fetchone()
                assert row == (*usual, "Asia/Tokyo", "German, DMY")
                checks += 1
        return checks

    with ThreadPoolExecutor() as threads:
        checking = threads.submit(check_settings)
        try:
            assert list(threads.map(work, range(4))) == [None] * 4
        finally:
            stop.set()
        assert checking.result()
    assert len(hostmap.hosts.list()) == 61
    assert hostmap.check() == ()
    backend.close()


def test_statement_pooling_is_refused_with_the_setting_to_change(server: DedicatedServer) -> None:
    with (
        pgbouncer(server, "pool_mode = statement") as pooler,
        connect(pooler.url(), timeout=TIMEOUT) as hostmap,
    ):
        for call in (lambda: hostmap.hosts.get("a"), lambda: hostmap.cells.create("a")):
            assert_refused(call, "ends transactions with each statement: set pool_mode=transaction")


@pytest.mark.parametrize("settings", ["", "ignore_startup_parameters = options"])
def test_options_of_the_operator_are_refused_with_the_statement_to_run(
    server: DedicatedServer, settings: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = r"take `options` out of the URL.*write ALTER ROLE \.\.\. SET"
    with pgbouncer(server, settings) as pooler:
        with connect(pooler.url("&options=-c%20search_path=x"), timeout=TIMEOUT) as hostmap:
            assert_refused(lambda: hostmap.hosts.get("a"), problem)
        monkeypatch.setitem(os.environ, "PGOPTIONS", "-c search_path=x")
        with connect(pooler.url(), timeout=TIMEOUT) as hostmap:
            assert_refused(lambda: hostmap.hosts.get("a"), problem)


def test_a_read_only_role_is_refused_at_once(server: DedicatedServer) -> None:
    # PgBouncer does not report the setting.
    backend: Any = server.backend()
    role = f"ALTER ROLE postgres IN DATABASE {backend.database}"
    backend.query(f"{role} SET default_transaction_read_only = on")
    try:
        with (
            pgbouncer(server, ONE_SESSION) as pooler,
            connect(pooler.url(), timeout=TIMEOUT) as hostmap,
        ):
            assert hostmap.revision() >= 0
            started = monotonic()
            for call in (lambda: hostmap.cells.create("a"), lambda: hostmap.history.prune(1)):
                with pytest.raises(NotPermitted, match="default_transaction_read_only is on for"):
                    call()
            assert monotonic() - started < SOON
    finally:
        with closing(backend.open_raw()) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f"{role} RESET default_transaction_read_only".encode())
        backend.close()


def assert_refused(call: Any, problem: str) -> None:
    started = monotonic()
    with pytest.raises(DatabaseError, match=problem) as caught:
        call()
    assert caught.type is DatabaseError
    assert monotonic() - started < SOON


def test_calls_time_out_while_the_server_behind_the_pooler_is_paused(
    server: DedicatedServer, impatient: HostMap
) -> None:
    with server.paused():
        for call in (lambda: impatient.hosts.get("a"), lambda: impatient.hosts.delete("a")):
            started = monotonic()
            with pytest.raises(DatabaseUnavailable):
                call()
            assert monotonic() - started < TIMEOUT


def test_calls_survive_a_restart_of_the_server_behind_the_pooler(
    server: DedicatedServer, hostmap: HostMap
) -> None:
    server.restart()
    assert hostmap.hosts.get("a").host == "a"
    hostmap.hosts.delete("a")
    with pytest.raises(HostMappingNotFound):
        hostmap.hosts.get("a")
