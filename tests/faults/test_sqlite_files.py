"""Damaged, full or locked SQLite files: a typed error at once, and nothing half-written."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import (
    DatabaseError,
    DatabaseUnavailable,
    HostMap,
    InvalidValue,
    NotPermitted,
    OutcomeUnknown,
    SchemaOutOfDate,
    connect,
)
from hostmap_sql.dialects.fault import Fault
from tests.support.faults.pools import failing_commits
from tests.support.pace import SLOWNESS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.backends import Backend

pytestmark = pytest.mark.needs("files")

CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
HOSTS = [f"compute-{number:04}" for number in range(2000)]
MORE = [f"more-{number:04}" for number in range(4000)]
NOBODY = 65534


@pytest.fixture
def file(backend: Backend) -> Path:
    """A file with many hosts and without a log beside it, not open."""
    with backend.connect() as hostmap:
        hostmap.cells.create("cell1", uuid=CELL)
        hostmap.hosts.create_many((host, CELL) for host in HOSTS)
    backend.query("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(backend.url.partition("///")[2])


@pytest.fixture
def directory(backend: Backend, file: Path) -> HostMap:
    """The directory in that file, on one open connection."""
    assert file.stat().st_size > 300_000
    hostmap = backend.connect(timeout=SLOWNESS, pool_size=1)
    assert hostmap.revision() == 2
    return hostmap


def refused(ask: Callable[[], object], code: str, problem: str) -> None:
    """Assert that a call fails with this code and one sentence."""
    is_right = "READONLY" in code or problem == "Permission denied"
    with pytest.raises(DatabaseError) as caught:
        ask()
    assert caught.type is (NotPermitted if is_right else DatabaseError)
    assert caught.value.code == code
    assert isinstance(caught.value.__cause__, sqlite3.Error)
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def assert_whole(hostmap: HostMap) -> None:
    """Assert that the content is unchanged and that a write succeeds."""
    assert [mapping.host for mapping in hostmap.hosts.list()] == HOSTS
    assert hostmap.revision() == 2
    assert not hostmap.check()
    assert hostmap.hosts.create("new", CELL).revision == 3


def add_more(hostmap: HostMap) -> object:
    """Write many hosts in one transaction."""
    return hostmap.run(lambda tx: tx.hosts.create_many((host, CELL) for host in MORE))


@pytest.fixture(params=["in the middle", "everywhere", "cut off", "another format"])
def damage(request: pytest.FixtureRequest) -> Callable[[bytes], tuple[bytes, str, str]]:
    """Returns damaged content, and the code and the problem that it leads to."""
    malformed = ("SQLITE_CORRUPT", "malformed")
    foreign = ("SQLITE_NOTADB", "not a database")
    half, third = slice(None, 150_000), 100_000
    return {
        "in the middle": lambda good: (
            good[:third] + b"\xa5" * (len(good) - 2 * third) + good[-third:],
            *malformed,
        ),
        "everywhere": lambda good: (b"\xa5" * len(good), *foreign),
        "cut off": lambda good: (good[half], *malformed),
        "another format": lambda _: (b"host,cell\n" * 1000, *foreign),
    }[request.param]


@pytest.mark.parametrize("is_open", [True, False], ids=["while open", "before it is opened"])
def test_a_damaged_file_is_refused_until_it_is_whole_again(
    is_open: bool,  # noqa: FBT001 - a parameter
    damage: Callable[[bytes], tuple[bytes, str, str]],
    backend: Backend,
    file: Path,
) -> None:
    good = file.read_bytes()
    bad, code, problem = damage(good)
    hostmap = backend.connect(timeout=SLOWNESS, pool_size=1)
    if is_open:
        assert hostmap.revision() == 2
    overwrite(file, bad)

    try:
        # An open connection has read the first page, which would reveal another format.
        refused(
            hostmap.hosts.list, *(("SQLITE_CORRUPT", "malformed") if is_open else (code, problem))
        )
        refused(lambda: hostmap.hosts.delete_many(HOSTS), code, problem)
    finally:
        overwrite(file, good)

    assert_whole(hostmap)


def overwrite(file: Path, content: bytes) -> None:
    """Overwrite a file's content in place."""
    with file.open("r+b") as stream:
        stream.write(content)
        stream.truncate()


def test_an_empty_file_has_no_tables(backend: Backend, file: Path) -> None:
    good = file.read_bytes()
    overwrite(file, b"")
    with backend.connect() as hostmap, pytest.raises(SchemaOutOfDate) as caught:
        hostmap.hosts.list()
    assert caught.type is SchemaOutOfDate

    overwrite(file, good)
    with backend.connect() as hostmap:
        assert_whole(hostmap)


def test_a_folder_is_refused(file: Path) -> None:
    with connect(f"sqlite:///{file.parent}") as hostmap:
        refused(hostmap.revision, "SQLITE_CANTOPEN", "unable to open")


def test_a_full_disk_at_the_end_of_migrations_says_what_to_do(tmp_path: Path) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    file = tmp_path / "a.db"
    pool = failing_commits(lambda: sqlite3.connect(file, isolation_level=None), [(False, error)])

    with pytest.raises(DatabaseError, match="disk is full: make room on the disk"):
        HostMap(pool, "sqlite").migrate()


def test_a_database_at_its_size_limit_is_full(directory: HostMap) -> None:
    def limit(pages: int) -> None:
        with directory._database.lease() as connection:
            cursor = directory._database.dialect.cursor(connection)
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    limit(1)  # is raised to the present size
    refused(lambda: add_more(directory), "SQLITE_FULL", "full")
    limit(1_000_000)

    assert_whole(directory)
    add_more(directory)


# In a child process, because the limit applies to the whole process.
_LIMITED = """
import resource, sys, hostmap_sql
url, cell, limit = sys.argv[1], sys.argv[2], int(sys.argv[3])
more = [(f"more-{number:04}", cell) for number in range(4000)]
with hostmap_sql.connect(url, timeout=1.0) as hostmap:
    assert hostmap.revision() == 2
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        hostmap.run(lambda tx: tx.hosts.create_many(more))
    except hostmap_sql.HostMapError as error:
        print(type(error).__name__)
    assert hostmap.hosts.get("compute-0001").cell_uuid == cell
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert hostmap.hosts.create("other", cell).revision == 3
    assert len(hostmap.hosts.list()) == 2001
    hostmap.hosts.delete("other")
    print(hostmap.revision())
"""


def test_a_full_disk_undoes_the_transaction(backend: Backend, file: Path) -> None:
    command = [sys.executable, "-c", _LIMITED, backend.url, CELL, "100000"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=file.parent)

    # The commit may or may not be resolved within the second that is left.
    error, revision = printed.stdout.split()
    assert error in {DatabaseUnavailable.__name__, OutcomeUnknown.__name__}
    assert revision == "4"
    assert [change.revision for change in backend.hostmap.history.since(2)] == [3, 4]


@pytest.mark.parametrize("options", ["?mode=ro", "?immutable=1"])
def test_a_file_that_is_opened_read_only_can_be_read(
    options: str, backend: Backend, directory: HostMap
) -> None:
    with connect(f"{backend.url}{options}", timeout=SLOWNESS) as reader:
        assert [mapping.host for mapping in reader.hosts.list()] == HOSTS
        refused(lambda: reader.hosts.create("a", CELL), "SQLITE_READONLY", "readonly")

    assert_whole(directory)


@contextmanager
def without_root() -> Iterator[None]:
    """Run a block without root's rights, which override all permissions."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_file_without_permission_to_write_can_be_read(backend: Backend, file: Path) -> None:
    folder = file.parent
    for parent in (folder, folder.parent):
        parent.chmod(0o755)
    file.chmod(0o444)
    folder.chmod(0o555)
    with connect(f"{backend.url}?immutable=1", timeout=SLOWNESS) as hostmap, without_root():
        assert [mapping.host for mapping in hostmap.hosts.list()] == HOSTS
        refused(lambda: hostmap.hosts.create("a", CELL), "SQLITE_READONLY", "readonly")
    with connect(backend.url, timeout=SLOWNESS) as hostmap:
        with without_root():
            # Write-ahead logging needs a second file, which cannot be created.
            refused(hostmap.hosts.list, "SQLITE_READONLY_DIRECTORY", "readonly")
        folder.chmod(0o755)
        file.chmod(0o600)
        assert_whole(hostmap)


@pytest.mark.parametrize("options", ["", "?mode=ro", "?mode=rwc"])
def test_a_file_in_a_read_only_folder_says_how_it_can_be_read(
    options: str, backend: Backend, file: Path
) -> None:
    folder = file.parent
    for parent in (folder, folder.parent):
        parent.chmod(0o755)
    file.chmod(0o644)
    folder.chmod(0o555)
    code = "SQLITE_READONLY_DIRECTORY"  # on a file system that is read-only: SQLITE_CANTOPEN
    with connect(f"{backend.url}{options}", timeout=SLOWNESS) as hostmap, without_root():
        refused(hostmap.hosts.list, code, f"{folder} may not be written to by this user")
        refused(hostmap.revision, code, "add immutable=1 to its URL")
    with connect(f"{backend.url}?mode=ro&immutable=1", timeout=SLOWNESS) as hostmap, without_root():
        assert len(hostmap.hosts.list()) == len(HOSTS)
    folder.chmod(0o755)


def test_an_unreadable_file_is_refused(backend: Backend, file: Path) -> None:
    for parent in (file.parent, file.parent.parent):
        parent.chmod(0o755)
    file.chmod(0o000)
    with connect(backend.url, timeout=SLOWNESS) as hostmap, without_root():
        refused(hostmap.revision, "SQLITE_CANTOPEN", "Permission denied")
    file.chmod(0o600)
    with connect(backend.url, timeout=SLOWNESS) as hostmap:
        assert_whole(hostmap)


@pytest.mark.parametrize("options", ["?mode=ro", "?immutable=1"])
def test_a_write_that_the_url_forbids_is_refused(
    options: str, backend: Backend, file: Path
) -> None:
    assert file.exists()
    with connect(f"{backend.url}{options}", timeout=SLOWNESS) as hostmap:
        problem = "it was opened with mode=ro or immutable=1"
        refused(lambda: hostmap.hosts.create("a", CELL), "SQLITE_READONLY", problem)


def test_a_file_is_not_immutable_while_its_log_holds_changes(
    backend: Backend, directory: HostMap
) -> None:
    directory.hosts.create("new", CELL)
    with connect(f"{backend.url}?immutable=1", timeout=SLOWNESS) as reader:
        with pytest.raises(InvalidValue, match="-wal may hold changes that would not be seen"):
            reader.revision()
        backend.query("PRAGMA wal_checkpoint(TRUNCATE)")
        assert reader.revision() == 3


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("let go", flush=True)
"""


def test_a_file_that_another_process_has_locked_is_waited_for(
    directory: HostMap, file: Path
) -> None:
    command = [sys.executable, "-c", _HOLD, str(file)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdin
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(DatabaseUnavailable, match="locked") as caught:
            directory.hosts.create("a", CELL)
        assert caught.type is DatabaseUnavailable
        assert len(directory.hosts.list()) == len(HOSTS)  # readers do not wait

        let_go = Timer(0.3, lambda: print(file=other.stdin, flush=True))
        let_go.start()
        assert_whole(directory)
        let_go.join()


def test_a_file_that_was_moved_is_reopened(backend: Backend, file: Path) -> None:
    """As it happens to a caller's connection without write-ahead logging."""
    connection = backend.raw()
    connection.execute("PRAGMA journal_mode = DELETE")
    file.rename(file.with_suffix(".moved"))
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("UPDATE mapping_revision SET revision = 1")

    assert backend.dialect.code(caught.value) == "SQLITE_READONLY_DBMOVED"
    assert backend.dialect.classify(caught.value, connecting=False) is Fault.RECONNECT


def test_an_interrupted_statement_is_retried(backend: Backend) -> None:
    connection = backend.raw(check_same_thread=False)
    Timer(0.1, connection.interrupt).start()
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute(endless)

    assert backend.dialect.code(caught.value) == "SQLITE_INTERRUPT"
    assert backend.dialect.classify(caught.value, connecting=False) is Fault.RETRY
