"""Connecting: unreachable databases, lost connections, external pools."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack, contextmanager, suppress
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from threading import Timer
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

import hostmap_sql
from hostmap_sql import (
    DatabaseError,
    DatabaseUnavailable,
    HostMap,
    HostMapError,
    HostMappingExists,
    InvalidValue,
    SchemaOutOfDate,
    connect,
)
from tests.support.faults.pools import WatchedPool, failing_commits
from tests.support.pace import PATIENT, SOON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import WriteTransaction
    from tests.conftest import Cells
    from tests.support.backends import Backend


def chain(error: BaseException | None) -> list[BaseException]:
    """Return an exception and its causes."""
    found: list[BaseException] = []
    while error:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


def test_connect_opens_no_connection(backend: Backend) -> None:
    connect(backend.missing_url).close()


def test_importing_the_library_imports_no_driver_and_no_migrations() -> None:
    drivers = "{'pymysql', 'psycopg', 'psycopg_pool', 'sqlite3', 'yoyo', 'click'}"
    program = f"import sys; from hostmap_sql import *; print({drivers} & set(sys.modules))"
    command = [sys.executable, "-c", program]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "set()"


def test_a_dialect_imports_only_its_own_driver(backend: Backend) -> None:
    """After a query, so with everything that a service needs."""
    program = (
        "import sys, hostmap_sql\n"
        "with hostmap_sql.connect(sys.argv[1]) as hostmap: hostmap.hosts.list()\n"
        "print(*{'pymysql', 'psycopg', 'sqlite3', 'yoyo', 'click', 'rich'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", program, backend.url]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.split() == [backend.driver.module]


# --- unreachable databases ------------------------------------------------------------------------


@pytest.mark.needs("users")
def test_a_wrong_password_fails_at_once_and_shows_no_password(backend: Backend) -> None:
    hostmap = connect(backend.url_for(password="wr0ng-s3cret/@"), timeout=PATIENT)
    started = monotonic()

    with hostmap, pytest.raises(DatabaseError) as caught:
        hostmap.hosts.get("a")

    assert caught.type is DatabaseError
    assert monotonic() - started < SOON
    assert "check the URL" in str(caught.value)
    for error in chain(caught.value):
        for password in ("wr0ng", "s3cret", backend.url.split(":")[2].split("@")[0]):
            assert password not in f"{error} {error!r} {error.args}"


@pytest.mark.needs("users")
def test_a_wrong_password_fails_at_once_with_many_open_files(backend: Backend) -> None:
    """Their file descriptors are above the limit of `select`."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (hard, hard))
    try:
        with ExitStack() as files:
            for _ in range(1_100):
                files.enter_context(open(os.devnull, "rb"))  # noqa: PTH123
            test_a_wrong_password_fails_at_once_and_shows_no_password(backend)
    finally:
        setrlimit(RLIMIT_NOFILE, (soft, hard))


def test_a_missing_database_fails_at_once(backend: Backend) -> None:
    hostmap = connect(backend.missing_url, timeout=PATIENT)
    started = monotonic()

    for ask in (lambda: hostmap.hosts.get("a"), lambda: hostmap.cells.create("a")):
        with pytest.raises(HostMapError) as caught:
            ask()
        assert caught.type is backend.missing_error
    hostmap.close()
    assert monotonic() - started < SOON


@pytest.mark.needs("networks")
def test_an_unreachable_server_is_unavailable_after_the_timeout(
    backend: Backend,
) -> None:
    hostmap = connect(backend.url_for(host="127.0.0.1", port=1), timeout=1.5)
    started = monotonic()

    for ask in (lambda: hostmap.hosts.get("a"), lambda: hostmap.cells.create("a")):
        with pytest.raises(DatabaseUnavailable) as caught:
            ask()
        assert caught.type is DatabaseUnavailable
        assert "tried for 1.5 s" in str(caught.value)
        assert isinstance(caught.value.__cause__, backend.driver.error)
    hostmap.close()
    assert 2.98 <= monotonic() - started < 3 + SOON


@pytest.mark.needs("users")
def test_too_many_connections_are_waited_out(backend: Backend) -> None:
    url = backend.url_of_user(connections=1)
    with connect(url) as holder, connect(url, timeout=PATIENT) as waiting:
        assert holder.revision() == 0
        with waiting.timeout(0.3), pytest.raises(DatabaseUnavailable):
            waiting.revision()
        Timer(0.5, holder.close).start()
        assert waiting.revision() == 0
    backend.drop_user()


def test_a_closed_directory_fails_at_once(backend: Backend) -> None:
    with backend.connect() as hostmap:
        assert hostmap.revision() == 0

    for ask in (hostmap.revision, lambda: hostmap.cells.create("a"), hostmap.migrate):
        with pytest.raises(DatabaseError, match="was closed"):
            ask()
    hostmap.close()


def test_a_connection_in_use_at_close_is_closed_when_it_returns(backend: Backend) -> None:
    hostmap = backend.connect()
    with hostmap.transaction() as tx:
        tx.cells.create("a")
        hostmap.close()

    assert [cell.name for cell in backend.hostmap.cells.list()] == ["a"]


# --- lost connections -----------------------------------------------------------------------------


@pytest.mark.needs("sessions")
def test_lost_connections_are_replaced(backend: Backend, cells: Cells) -> None:
    hostmap = backend.connect(pool_size=3)
    with hostmap.transaction(), hostmap._database.lease(), hostmap._database.lease():
        pass  # so that the pool holds three

    assert backend.end_other_sessions() >= 3
    assert hostmap.hosts.list() == []
    assert backend.end_other_sessions() >= 1
    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4
    assert backend.end_other_sessions() >= 1
    assert hostmap.run(lambda tx: tx.hosts.move("a", cells.two.uuid)).revision == 5


@pytest.mark.needs("sessions")
def test_a_block_begins_on_a_working_connection(backend: Backend, cells: Cells) -> None:
    """The block has not started yet, so its beginning can be retried on another connection."""
    assert backend.hostmap.revision() == 3
    assert backend.end_other_sessions() >= 1

    with backend.hostmap.transaction() as tx:
        tx.hosts.create("a", cells.one.uuid)

    assert backend.hostmap.revision() == 4


@pytest.mark.needs("sessions")
def test_run_retries_after_a_lost_connection(backend: Backend, cells: Cells) -> None:
    tries: list[str] = []

    def work(tx: WriteTransaction) -> int:
        tries.append(tx.change_id)
        tx.hosts.create("a", cells.one.uuid)
        if len(tries) == 1:
            backend.end_other_sessions()
        return tx.hosts.get("a").revision

    assert backend.hostmap.run(work) == 4
    assert len(tries) == 2
    assert [change.change_id for change in backend.hostmap.history.since(3)] == [tries[1]]


@pytest.mark.needs("sessions")
def test_a_block_that_loses_its_connection_is_rolled_back(backend: Backend, cells: Cells) -> None:
    def block() -> None:
        with backend.hostmap.transaction() as tx:
            tx.hosts.create("a", cells.one.uuid)
            backend.end_other_sessions()
            tx.hosts.create("b", cells.one.uuid)

    with pytest.raises(DatabaseUnavailable) as caught:
        block()
    assert caught.type is DatabaseUnavailable
    assert backend.hostmap.hosts.list() == []
    assert backend.hostmap.revision() == 3


def test_a_temporarily_refused_commit_is_retried(backend: Backend, cells: Cells) -> None:
    failures = [
        (False, backend.driver.transient_failure),
        (False, backend.driver.transient_failure),
    ]
    hostmap = HostMap(failing_commits(backend.open_raw, failures), backend.dialect_name)

    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4
    assert len(backend.hostmap.history.of_host("a")) == 1


def test_a_failure_to_return_a_connection_does_not_undo_a_write(
    backend: Backend, cells: Cells
) -> None:
    class Lender:
        def __enter__(self) -> Any:
            return backend.raw()

        def __exit__(self, *_: object) -> None:
            raise RuntimeError("the pool is in a bad way")

    hostmap = HostMap(Lender, backend.dialect_name)

    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4
    assert hostmap.hosts.get("a").cell == cells.one


def test_a_pool_that_swallows_exceptions_hides_none(backend: Backend, cells: Cells) -> None:
    @contextmanager
    def lend() -> Iterator[Any]:
        with suppress(Exception):
            yield backend.raw()

    hostmap = HostMap(lend, backend.dialect_name)
    assert hostmap.hosts.create("a", cells.one.uuid).revision == 4
    backend.query("DROP TABLE host_mapping")

    for ask in (lambda: hostmap.hosts.get("a"), hostmap.hosts.list):
        with pytest.raises(SchemaOutOfDate):
            ask()


# --- external pools -------------------------------------------------------------------------------


def answers(hostmap: HostMap, cells: Cells) -> list[object]:
    """Return the results of calls of every kind, without times and random values."""

    def error(call: Callable[[], object]) -> str:
        with pytest.raises(HostMapError) as caught:
            call()
        return f"{caught.type.__name__}: {caught.value}"

    one, two = cells.one.uuid, cells.two.uuid
    hosts = hostmap.hosts
    found: list[object] = [
        hosts.create("a", one).revision,
        hosts.create_many([("a", two), ("b", one), ("c", two)]),
        error(lambda: hosts.create("a", two)),
        hosts.move("a", two, expected_cell_uuid=one, expected_revision=4).cell,
        error(lambda: hosts.move("a", one, expected_revision=4)),
        hosts.delete("b").new_cell_uuid,
        [(m.host, m.revision, m.cell_uuid, m.cell.transport_url) for m in hosts.list()],
        sorted(hosts.get_many(["a", "b", "c"])),
        hostmap.cells.update(one, disabled=True, name="cell1é").disabled,
        hostmap.cells.host_counts(),
        hosts.move_all(two, one),
    ]

    def undone(tx: WriteTransaction) -> None:
        tx.hosts.create("d", one)
        raise HostMappingExists("d", one)

    found.append(error(lambda: hostmap.run(undone)))
    with hostmap.transaction(author="somebody") as tx:
        tx.hosts.delete_many(["a", "c"])
    changesets = hostmap.history.since(3)
    found += [(c.revision, c.author, c.reason, c.cells) for c in changesets]
    found += [(h.revision, h.host, h.old_cell_uuid) for c in changesets for h in c.hosts]
    assert all(c.created_at.utcoffset() is not None for c in changesets)
    return [*found, hostmap.revision(), hosts.list()]


def test_an_external_pool_gives_the_same_answers_and_keeps_its_session_settings(
    backend: Backend, cells: Cells
) -> None:
    for lend, mode in backend.own_pools():
        pool = WatchedPool(lend, mode)
        hostmap = HostMap(pool, backend.dialect_name, author="tester", name="a name")
        try:
            own = answers(hostmap, cells)
        finally:
            hostmap.close()
        assert pool.modes
        assert all(before == after for before, after in pool.modes), set(pool.modes)
        with pool():
            pass  # closing the HostMap left the pool open
        backend.reset(3)
        assert own == answers(backend.hostmap, cells)
        backend.reset(3)


def test_an_external_pool_keeps_its_session_settings_after_a_failure(
    backend: Backend, cells: Cells
) -> None:
    backend.query("CREATE UNIQUE INDEX one_host_a_cell ON host_mapping (cell_uuid)")
    for lend, mode in backend.own_pools():
        pool = WatchedPool(lend, mode)
        hostmap = HostMap(pool, backend.dialect_name)
        hostmap.hosts.create("a", cells.one.uuid)

        def interrupted(tx: WriteTransaction) -> None:
            tx.hosts.create("c", cells.two.uuid)
            raise KeyboardInterrupt

        with pytest.raises(DatabaseError):
            hostmap.hosts.create("b", cells.one.uuid)
        with pytest.raises(KeyboardInterrupt):
            hostmap.run(interrupted)

        assert all(before == after for before, after in pool.modes), set(pool.modes)
        assert hostmap.hosts.delete("a").old_cell_uuid == cells.one.uuid


def test_an_unknown_dialect_is_refused() -> None:
    for wrong in ("oracle", "", "mariadb", "sqlite3"):
        with pytest.raises(InvalidValue) as caught:
            HostMap(lambda: None, wrong)  # type: ignore[arg-type]
        assert caught.value.field == "dialect"


def test_a_missing_driver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)
    monkeypatch.delitem(sys.modules, "hostmap_sql.dialects.mysql.dialect", raising=False)
    with pytest.raises(InvalidValue, match=r"hostmap-sql\[mysql\]"):
        hostmap_sql.connect("mysql://u:s3cret@h/d")
