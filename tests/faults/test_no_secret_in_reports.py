"""No fault of the directory shows a secret, in any report, through either face."""

from __future__ import annotations

import asyncio
from contextlib import closing
from itertools import product
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from hostmap_sql import (
    CellMappingExists,
    DatabaseError,
    DatabaseUnavailable,
    HostMap,
    HostMapError,
    InvalidValue,
    OutcomeUnknown,
    SchemaOutOfDate,
    aio,
    connect,
)
from hostmap_sql.errors import DriverFailure
from tests.support.faces import Call
from tests.support.faults.pools import failing_commits
from tests.support.faults.proxied import connected_through, in_front_of, plain
from tests.support.faults.proxy import Direction
from tests.support.pace import PATIENT, SLOWNESS
from tests.support.reports import CANARY, URL, linked, reported

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Cells
    from tests.support.backends import Backend

SHORT = 0.4
"""The timeout, in seconds, of calls that fail until it."""


CREATE = Call("cells.create", "new", transport_url=URL, database_connection=URL)
READS = (Call("hosts.get", "a"), Call("cells.list"), Call("check"), Call("replica"))


FACES = (Call.synchronously, Call.asynchronously)


def refuse(
    hostmap: HostMap, call: Call, kind: type[HostMapError] = HostMapError, *secrets: str
) -> BaseException:
    """Make a call that fails, through both faces; return the last error."""
    for face in FACES:
        with reported(kind, *secrets) as watched:
            face(call, hostmap)
    return watched.error


def passwords(backend: Backend) -> tuple[str, ...]:
    """Return the password of the server's administrator, if there is one, in both its forms."""
    password = urlsplit(backend.url).password
    return (password, quote(password, safe="")) if password else ()


# --- no connection --------------------------------------------------------------------------------


@pytest.mark.needs("networks")
def test_a_server_that_is_down(backend: Backend) -> None:
    url = backend.url_for(host="127.0.0.1", port=1, password=CANARY)
    with connect(url, timeout=SHORT) as hostmap:
        del url
        for call in (CREATE, Call("hosts.get", "a"), Call("check"), Call("migrate")):
            error = refuse(hostmap, call, DatabaseUnavailable)
            assert isinstance(error.__cause__, backend.driver.error)


@pytest.mark.needs("users")
def test_a_wrong_password(backend: Backend) -> None:
    with connect(backend.url_for(password=CANARY), timeout=PATIENT) as hostmap:
        for call in (CREATE, *READS, Call("migrate")):
            refuse(hostmap, call, DatabaseError)


def test_a_missing_database(backend: Backend) -> None:
    with connect(backend.missing_url, timeout=PATIENT) as hostmap:
        for call in (CREATE, *READS):
            refuse(hostmap, call, backend.missing_error, *passwords(backend))


@pytest.mark.needs("networks")
def test_a_server_whose_tls_is_refused(backend: Backend) -> None:
    url = backend.url_for(password=CANARY).partition("?")[0]
    # One of the system's authorities, which has not signed the server's certificate.
    with connect(f"{url}?sslmode=verify-full", timeout=PATIENT) as hostmap:
        del url
        refuse(hostmap, CREATE, DatabaseError)


@pytest.mark.needs("networks")
def test_a_server_that_answers_with_garbage(backend: Backend) -> None:
    """The driver fails in the middle of its handshake, in ways of its own."""
    with in_front_of(backend) as proxy:
        url = plain(backend.url_for(host=proxy.host, port=proxy.port, password=CANARY))
        with connect(url, timeout=SHORT) as hostmap:
            del url
            for face in FACES:
                for offset in (0, 1, 5, 30):
                    proxy.cut_after(Direction.TO_CLIENT, offset)
                    with reported():
                        face(CREATE, hostmap)


@pytest.mark.needs("users")
def test_a_wrong_password_in_a_callers_pool(backend: Backend) -> None:
    pool = Opening(backend, password=CANARY, user="nobody")
    hostmap = HostMap(pool.lend, backend.dialect_name, timeout=PATIENT)
    for call in (CREATE, *READS):
        refuse(hostmap, call, DatabaseError)


class Opening:
    """A caller's pool that opens a connection for each use."""

    def __init__(self, backend: Backend, **arguments: Any) -> None:
        self._backend = backend
        self._arguments = arguments

    def lend(self) -> Any:
        return closing(self._backend.open_raw(**self._arguments))


# --- refused statements ---------------------------------------------------------------------------


def test_a_cell_that_exists(backend: Backend, cells: Cells) -> None:
    for call in (
        Call("cells.create", cells.one.name, transport_url=URL),
        Call("cells.create", "new", uuid=cells.one.uuid, database_connection=URL),
        Call("cells.update", cells.two.uuid, name=cells.one.name, transport_url=URL),
        Call("cells.update_many", {cells.two.uuid: {"name": cells.one.name, "transport_url": URL}}),
        Call(
            "cells.update_many",
            changes={cells.two.uuid: {"name": cells.one.name, "transport_url": URL}},
        ),
    ):
        refuse(backend.hostmap, call, CellMappingExists)


def test_a_constraint_that_quotes_the_row(backend: Backend) -> None:
    backend.hostmap.cells.create("old", transport_url=URL)
    backend.query(f"CREATE UNIQUE INDEX one_url ON cell_mapping ({backend.sql.indexed_url})")

    error = refuse(backend.hostmap, CREATE, DatabaseError)

    cause = error.__cause__
    assert isinstance(cause, DriverFailure)
    assert cause.code == backend.duplicate_code
    assert cause.name.partition(".")[0] == backend.driver.module


@pytest.mark.parametrize("event", ["insert", "update", "delete", "commit"])
def test_a_trigger_that_quotes_the_row(backend: Backend, event: str) -> None:
    old = backend.hostmap.cells.create("old", transport_url=URL)
    calls = {
        "insert": CREATE,
        "commit": CREATE,
        "update": Call("cells.update", old.uuid, disabled=True),
        "delete": Call("cells.delete", old.uuid),
    }
    for statement in backend.sql.quoting_triggers[event]:
        backend.query(statement)

    error = refuse(backend.hostmap, calls[event])

    assert error.__cause__ is not None
    assert backend.hostmap.cells.list() == [old]


def test_a_record_that_cannot_be_written(backend: Backend) -> None:
    """The cell is inserted, and the next statement fails: cursors remember the last one."""
    assert backend.hostmap.revision() == 0
    backend.query("DROP TABLE cell_mapping_change")

    refuse(backend.hostmap, CREATE, SchemaOutOfDate)


def test_missing_hosts_and_cells(backend: Backend) -> None:
    """The mapper keeps the rows of cells that were read before."""
    cell = backend.hostmap.cells.create("cell", transport_url=URL, database_connection=URL)
    mapping = backend.hostmap.hosts.create("a", cell.uuid)
    assert backend.hostmap.hosts.get("a") == mapping
    assert backend.hostmap.cells.list() == [cell]
    for call in (
        Call("hosts.get", "b"),
        Call("hosts.move", "a", cell.uuid, expected_revision=1),
        Call("cells.get_by_name", "b"),
        Call("cells.delete", cell.uuid),
        Call("cells.update", cell.uuid, transport_url=f"{URL}x", expected_revision=7),
        Call("hosts.wait", ["b"], timeout=0.01),
    ):
        refuse(backend.hostmap, call)


@pytest.mark.needs("files")
def test_a_time_that_cannot_be_read(backend: Backend) -> None:
    cell = backend.hostmap.cells.create("cell", transport_url=URL, database_connection=URL)
    backend.hostmap.hosts.create("a", cell.uuid)
    backend.execute("UPDATE cell_mapping SET updated_at = 'no time'")
    for call in (
        Call("hosts.get", "a"),
        Call("hosts.list"),
        Call("hosts.get_many", ["a"]),
        Call("cells.get", cell.uuid),
        Call("cells.get_by_name", "cell"),
        Call("cells.list"),
        Call("replica"),
    ):
        error = refuse(backend.hostmap, call, DatabaseError)
        assert "updated_at" in str(error)


def test_a_call_that_times_out(backend: Backend) -> None:
    impatient = backend.impatient(timeout=SHORT * SLOWNESS)
    assert impatient.revision() == 0
    cursor = backend.raw().cursor()
    cursor.execute(backend.sql.begin)
    cursor.execute("UPDATE mapping_revision SET revision = revision")

    refuse(impatient, CREATE, DatabaseUnavailable, *passwords(backend))


# --- lost connections -----------------------------------------------------------------------------


@pytest.mark.needs("networks")
@pytest.mark.parametrize("direction", Direction)
def test_a_connection_cut_in_the_middle(backend: Backend, direction: Direction) -> None:
    """The server is gone afterwards, so that no attempt succeeds."""
    backend.hostmap.cells.create("old", transport_url=URL, database_connection=URL)
    call = CREATE if direction is Direction.TO_SERVER else Call("cells.list")
    with in_front_of(backend) as proxy, connected_through(proxy, backend, timeout=SHORT) as hostmap:
        assert hostmap.cells.list()
        for face, offset in product(FACES, (200, 300)):
            proxy.resume()
            hostmap.revision()
            proxy.cut_after(direction, offset)
            proxy.refuse()
            with reported(DatabaseUnavailable):
                face(call, hostmap)


@pytest.mark.needs("networks")
def test_a_replica_that_cannot_catch_up(backend: Backend) -> None:
    backend.hostmap.cells.create("old", transport_url=URL, database_connection=URL)
    with in_front_of(backend) as proxy, connected_through(proxy, backend, timeout=SHORT) as hostmap:
        replica = hostmap.replica()
        backend.hostmap.cells.create("new", transport_url=URL)
        proxy.cut_after(Direction.TO_CLIENT, 300)
        proxy.refuse()
        holder: Any = type("Holder", (), {"replica": replica})
        with reported(DatabaseUnavailable):
            Call("replica.refresh").synchronously(holder)


@pytest.mark.needs("sessions")
def test_sessions_that_end(backend: Backend) -> None:
    hostmap = backend.connect(timeout=PATIENT)

    def block() -> None:
        with hostmap.transaction() as tx:
            CREATE.synchronously(tx)  # type: ignore[arg-type]
            backend.end_other_sessions()
            Call("cells.create", "newer", transport_url=URL).synchronously(tx)  # type: ignore[arg-type]

    with reported(DatabaseUnavailable):
        block()

    async def coroutine() -> None:
        async with aio.AsyncHostMap(hostmap, threads=1) as face, face.transaction() as tx:
            await tx.cells.create("new", transport_url=URL)
            backend.end_other_sessions()
            await tx.cells.create("newer", transport_url=URL)

    with reported(DatabaseUnavailable):
        asyncio.run(coroutine(), debug=True)


@pytest.mark.parametrize("is_done", [True, False])
def test_lost_commits(backend: Backend, *, is_done: bool) -> None:
    lost = backend.driver.lost_connection
    for face in FACES:
        opened: list[Any] = []

        def open_once(opened: list[Any] = opened) -> Any:
            if opened:
                raise lost
            opened.append(backend.open_raw(**backend.driver.any_thread))
            return opened[0]

        pool = failing_commits(open_once, [(is_done, lost)])
        hostmap = HostMap(pool, backend.dialect_name, timeout=SHORT * SLOWNESS)
        call = Call("cells.create", face.__name__, transport_url=URL, database_connection=URL)
        with reported(OutcomeUnknown, *passwords(backend)) as watched:
            face(call, hostmap)
        assert isinstance(watched.error.__cause__, DriverFailure)


def test_deadlocks_until_the_timeout(backend: Backend) -> None:
    def open_connection() -> Any:
        return backend.open_raw(**backend.driver.any_thread)

    failures = [(False, backend.driver.transient_failure)] * 1_000
    pool = failing_commits(open_connection, failures)
    hostmap = HostMap(pool, backend.dialect_name, timeout=SHORT * SLOWNESS)

    refuse(hostmap, CREATE, DatabaseUnavailable, *passwords(backend))


# --- schema and checks ----------------------------------------------------------------------------


def test_a_migration_that_fails(bare_backend: Backend) -> None:
    bare_backend.query("CREATE TABLE mapping_changeset (x INTEGER)")
    refuse(bare_backend.hostmap, Call("migrate"), DatabaseError, *passwords(bare_backend))


def test_findings_of_a_check(backend: Backend) -> None:
    backend.hostmap.cells.create("old", transport_url=URL)
    backend.execute(f"UPDATE cell_mapping SET transport_url = '{CANARY} {URL}'")
    findings = backend.hostmap.check()
    assert "cell-invalid" in {finding.kind for finding in findings}
    assert CANARY not in repr(findings)


# --- the URL of the database ----------------------------------------------------------------------


@pytest.mark.needs("users")
def test_a_secret_in_another_part_of_the_url(backend: Backend) -> None:
    """Servers and drivers quote users and hosts in their messages, drivers also in their logs."""
    for parts in (
        {"user": f"x;password={CANARY}"},
        {"host": f"h;password={CANARY}"},
    ):
        with reported(InvalidValue):
            connect(backend.url_for(**parts))
    with pytest.raises(HostMapError) as caught:
        connect(backend.url_for(user=f"x&{CANARY}", password="wrong")).revision()
    for error in linked(caught.value):
        assert CANARY not in f"{error} {error!r}"
    with reported(InvalidValue):
        connect(f"{backend.missing_url.partition('?')[0]}%3Bpassword={CANARY}")


def test_a_secret_in_the_name_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / f"d;password={CANARY}.db"
    missing = connect(f"sqlite:///{tmp_path}/{CANARY}=/x.db")
    with reported(HostMapError):
        missing.revision()
    with reported(HostMapError):
        missing.migrate()
    with connect(f"sqlite:///{file}") as hostmap:
        hostmap.migrate()
        file.chmod(0o644)
        assert CANARY not in repr(hostmap.check())
    other = tmp_path / f"e;password={CANARY}.db"
    other.write_bytes(b"no database" * 1_000)
    with connect(f"sqlite:///{other}") as hostmap, reported(HostMapError):
        hostmap.revision()
