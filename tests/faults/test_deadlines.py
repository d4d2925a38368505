"""No call exceeds its timeout, whatever the fault."""

from __future__ import annotations

import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from random import randrange
from threading import Event
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseUnavailable, HostMap, SchemaOutOfDate, connect
from tests.support.faults.proxied import connected_through, in_front_of, plain, url_through
from tests.support.faults.proxy import Cut, Direction, Proxy, unreachable
from tests.support.pace import PATIENT, SLOWNESS, SOON
from tests.support.stopwatch import CALLS, CELL, WRITES, Stopwatch, time_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.conftest import Cells
    from tests.support.backends import Backend

pytestmark = pytest.mark.proof


@pytest.fixture
def number(full: bool) -> int:  # noqa: FBT001 - a fixture
    """The number of calls in a test. With test_outages there are more than 1,000."""
    return 200 if full else 24


def assert_in_time(stopwatch: Stopwatch, *, all_fail: bool = True) -> None:
    assert stopwatch.late == []
    assert stopwatch.failed
    assert stopwatch.failed == stopwatch.calls or not all_fail


# --- the network --------------------------------------------------------------------------------


def open_a_connection(hostmap: HostMap) -> None:
    for _ in range(10):  # opening it may take longer than the short timeout
        with suppress(DatabaseUnavailable):
            hostmap.revision()
            return
    pytest.fail("no connection could be opened")


def stall_in_question(proxy: Proxy) -> None:
    proxy.cut_after(Direction.TO_SERVER, randrange(1, 400), Cut.STALL)


def stall_in_answer(proxy: Proxy) -> None:
    proxy.cut_after(Direction.TO_CLIENT, randrange(200), Cut.STALL)


def stall_in_handshake(proxy: Proxy) -> None:
    proxy.cut_now()
    proxy.cut_after(Direction.TO_CLIENT, randrange(60), Cut.STALL)


def refuse(proxy: Proxy) -> None:
    proxy.refuse()
    proxy.cut_now()


FAULTS: dict[str, tuple[Callable[[Proxy], object], bool]] = {
    "packets vanish": (Proxy.swallow, True),
    "nothing is read": (Proxy.pause, True),
    "a byte a second": (Proxy.drip, True),
    "the handshake stalls": (stall_in_handshake, True),
    "connections are reset": (refuse, True),
    # These calls may end before the byte is reached, or turn out to be done.
    "a question stalls": (stall_in_question, False),
    "an answer stalls": (stall_in_answer, False),
}


@pytest.mark.needs("networks")
@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_network(name: str, backend: Backend, cells: Cells, number: int) -> None:
    disturb, all_fail = FAULTS[name]

    @contextmanager
    def disturbed(timeout: float) -> Iterator[HostMap]:
        with (
            in_front_of(backend) as proxy,
            connected_through(proxy, backend, timeout=timeout) as hostmap,
        ):
            open_a_connection(hostmap)
            disturb(proxy)
            yield hostmap

    assert cells.one.uuid == CELL
    assert_in_time(time_calls(number, CALLS, disturbed), all_fail=all_fail)


@pytest.mark.needs("networks")
def test_a_stalled_handshake_occupies_no_slot_of_the_pool(backend: Backend, cells: Cells) -> None:
    """Including the handshake of TLS, where the server offers it."""
    with in_front_of(backend) as proxy:
        url = url_through(proxy, backend).replace("sslmode=disable", "sslmode=prefer")
        with connect(url, timeout=PATIENT, pool_size=1) as hostmap:
            # After the request for TLS.
            proxy.cut_after(Direction.TO_SERVER, 60, Cut.STALL)
            with hostmap.timeout(0.5 * SLOWNESS), pytest.raises(DatabaseUnavailable):
                hostmap.revision()
            assert proxy.has_cut()
            assert hostmap.revision() == cells.off.revision


@pytest.mark.needs("networks")
def test_a_port_that_does_not_answer(backend: Backend, number: int) -> None:
    with unreachable() as port:
        url = plain(backend.url_for(host="127.0.0.1", port=port))
        assert_in_time(time_calls(number, CALLS, lambda t: connect(url, timeout=t)))


@pytest.mark.needs("networks")
def test_a_name_server_that_does_not_answer(
    backend: Backend, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = Event()

    def ask(*_: object, **__: object) -> object:
        answer.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", ask)
    url = plain(backend.url_for(host="db.example"))
    try:
        assert_in_time(time_calls(number, CALLS, lambda t: connect(url, timeout=t)))
    finally:
        answer.set()


def opening(backend: Backend) -> Callable[[float], HostMap]:
    url = plain(backend.url)
    return lambda timeout: connect(url, timeout=timeout)


# --- others ---------------------------------------------------------------------------------------


def test_another_session_holds_the_lock_of_all_writers(
    backend: Backend, cells: Cells, number: int
) -> None:
    holder = backend.raw(**backend.driver.any_thread).cursor()
    holder.execute(backend.sql.begin)
    holder.execute("UPDATE mapping_revision SET revision = revision")

    assert_in_time(time_calls(number, WRITES, opening(backend)))

    holder.execute("ROLLBACK")
    assert backend.hostmap.hosts.create("a", cells.one.uuid).revision == 4


@pytest.mark.needs("sessions")
def test_a_call_that_timed_out_leaves_nothing_running_on_the_server(
    backend: Backend, cells: Cells
) -> None:
    """Although its lock is not released, and it does not notice that the client is gone."""
    holder = backend.raw().cursor()
    holder.execute(backend.sql.begin)
    holder.execute("UPDATE mapping_revision SET revision = revision")

    with in_front_of(backend) as proxy:
        url = url_through(proxy, backend)
        assert_in_time(
            time_calls(12, WRITES, lambda t: connect(url, timeout=min(t, 0.5 * SLOWNESS)))
        )
        given_up = monotonic()
        # MySQL's own timeouts are whole seconds.
        while backend.busy_sessions():
            assert monotonic() < given_up + SOON
            sleep(0.05)
    holder.execute("ROLLBACK")
    assert backend.hostmap.hosts.create("a", cells.one.uuid).revision == 4


def test_ddl_waits_for_a_transaction_that_has_read_the_table(
    backend: Backend, cells: Cells
) -> None:
    assert cells.off.revision == 3
    reader = backend.raw().cursor()
    reader.execute(backend.sql.begin)
    reader.execute("SELECT * FROM cell_mapping_change")
    reader.fetchall()

    first = "0007-cell-mapping-change"
    undo = {"rollback_migrations": lambda hostmap: hostmap.rollback_migrations(first)}

    # Sequentially, because yoyo has a lock of its own.
    opened = opening(backend)
    assert_in_time(time_calls(8, undo, lambda t: opened(min(t, 0.5 * SLOWNESS)), threads=1))

    while backend.busy_sessions():
        sleep(0.05)
    reader.execute("ROLLBACK")
    hostmap = backend.connect()
    assert hostmap.check() == ()
    assert hostmap.rollback_migrations(first) == (first,)
    assert hostmap.migrate() == (first,)


def test_an_exhausted_pool(backend: Backend, cells: Cells, number: int) -> None:
    assert cells.one.uuid == CELL

    @contextmanager
    def used_up(timeout: float) -> Iterator[HostMap]:
        with (
            connect(plain(backend.url), timeout=timeout, pool_size=1) as hostmap,
            hostmap._database.lease(monotonic() + PATIENT),
        ):
            yield hostmap

    assert_in_time(time_calls(number, CALLS, used_up))


@pytest.mark.needs("files")
def test_a_file_that_another_process_has_locked(
    backend: Backend, cells: Cells, number: int
) -> None:
    """Readers included, as the lock is exclusive."""
    assert cells.one.uuid == CELL
    hold = (
        "import sqlite3, sys; held = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "held.execute('PRAGMA locking_mode = EXCLUSIVE'); held.execute('BEGIN EXCLUSIVE');"
        "print('held', flush=True); sys.stdin.read()"
    )
    backend.hostmap.close()
    path = backend.url.removeprefix("sqlite:///")
    with subprocess.Popen(
        [sys.executable, "-c", hold, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert_in_time(time_calls(number, CALLS, opening(backend)))
        holder.communicate()


def test_an_interrupted_statement_is_not_a_missing_table(backend: Backend) -> None:
    """An interrupted SQLite returns the error code of a missing table."""
    database = backend.hostmap._database
    with database.lease() as connection:
        with pytest.raises(Exception, match="nowhere") as caught:
            database.dialect.cursor(connection).execute("SELECT 1 FROM nowhere")
        error = caught.value
        connection.rollback()
        for deadline, expected in (
            (monotonic() - 1, DatabaseUnavailable),
            (monotonic() + PATIENT, SchemaOutOfDate),
        ):
            with pytest.raises(expected):
                database.translator.raise_call_error(connection, error, None, deadline)
