"""The fixtures of the suite: the servers, fresh databases, and three cells."""

from __future__ import annotations

import os
import signal
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, NamedTuple

import hypothesis
import pytest

from tests.support.backends import FACTORIES, LACKS, Backend, Factory
from tests.support.servers import containers
from tests.support.servers.containers import NoServerError, Server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hostmap_sql import CellMapping, HostMap


class Servers:
    """The servers, each started at its first use and stopped at the end of the run."""

    def __init__(self) -> None:
        self._starting: dict[str, Future[Server]] = {}
        self._factories: dict[str, Factory] = {}
        self._threads = ThreadPoolExecutor(len(containers.KINDS))
        self._running = ExitStack()

    def start(self, kind: str) -> None:
        """Start a server in the background."""
        if kind in containers.KINDS and kind not in self._starting:
            self._starting[kind] = self._threads.submit(self._start, kind)

    def _start(self, kind: str) -> Server:
        return self._running.enter_context(containers.running(kind))

    def __getitem__(self, kind: str) -> Server:
        self.start(kind)
        return self._starting[kind].result()

    def factory(self, kind: str) -> Factory:
        """Return the factory of databases of this kind."""
        if kind not in self._factories:
            server = self[kind] if kind in containers.KINDS else None
            self._factories[kind] = FACTORIES[kind](server)
        return self._factories[kind]

    def stop(self) -> None:
        for factory in self._factories.values():
            factory.close()
        self._threads.shutdown()
        self._running.close()


# CI draws the same values in each run, so that its failures can be reproduced.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "suite")

_SERVERS = pytest.StashKey[Servers]()
_VERSIONS = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="the proofs (-m proof) at their full size")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "needs(what): the test needs what not every database has; see backends.LACKS"
    )
    config.addinivalue_line(
        "markers", "one_database: the database plays no role, so the test runs on one alone"
    )
    config.addinivalue_line(
        "markers", "proof: takes long; smaller than it might be unless --full is given"
    )
    config.stash[_SERVERS] = Servers()
    # A shell starts background processes, and their children, with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not hasattr(session.config, "workerinput"):  # the process that reports
        plugins = session.config.pluginmanager
        plugins.register(FailuresAtOnce(plugins.get_plugin("terminalreporter")))


class FailuresAtOnce:
    """Names each failure in the output at once, not only at the end of the run."""

    def __init__(self, terminal: Any) -> None:
        self._terminal: pytest.TerminalReporter = terminal

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            error = str(crash.message if crash else report.longrepr).partition("\n")[0]
            at = "" if report.when == "call" else f" at {report.when}"
            self._terminal.write_line(f"\nFAILED{at} {report.nodeid}: {error}", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_SERVERS].stop()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend_kind" in metafunc.fixturenames:
        needs = [mark.args[0] for mark in metafunc.definition.iter_markers("needs")]
        kinds = [kind for kind in FACTORIES if not any(kind in LACKS[what] for what in needs)]
        if metafunc.definition.get_closest_marker("one_database"):
            kinds = kinds[:1]  # SQLite is the first
        metafunc.parametrize("backend_kind", kinds)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    # Measuring coverage takes half as long again. Other tests cover the code of the proofs, and
    # those on MySQL that of MariaDB.
    for item in items:
        if item.get_closest_marker("proof") or "mariadb" in _parameters(item):
            item.add_marker(pytest.mark.no_cover)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start, all at once, the servers that the chosen tests need."""
    if session.config.option.collectonly:
        return
    needed = [k for k in FACTORIES if any(k in _parameters(item) for item in session.items)]
    servers = session.config.stash[_SERVERS]
    for kind in needed:
        servers.start(kind)
    try:
        versions = ", ".join(servers.factory(kind).version for kind in needed)
    except NoServerError as error:
        session.shouldfail = f"a server that the tests need is missing: {error}"
        pytest.exit(session.shouldfail, returncode=1)
    session.config.stash[_VERSIONS] = versions
    # With several processes, the one that reports has no servers of its own.
    getattr(session.config, "workeroutput", {})["versions"] = versions


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Take over the versions that a worker process tested."""
    output = getattr(node, "workeroutput", {})  # a crashed worker has none
    node.config.stash[_VERSIONS] = output.get("versions", "")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if versions := config.stash.get(_VERSIONS, ""):
        terminalreporter.write_line(f"databases: {versions}")


def _parameters(item: pytest.Item) -> list[object]:
    callspec = getattr(item, "callspec", None)
    return list(callspec.params.values()) if callspec else []


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest) -> Servers:
    """The servers by their kinds: ``servers["mysql"]``."""
    return request.config.stash[_SERVERS]


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Whether to run the proofs (-m proof) at their full size."""
    return bool(request.config.getoption("--full"))


@pytest.fixture
def backend(backend_kind: str, servers: Servers) -> Iterator[Backend]:
    """A fresh database with the tables, on each kind of database in turn."""
    factory = servers.factory(backend_kind)
    backend = factory.fresh()
    yield backend
    backend.close()
    factory.drop(backend)


@pytest.fixture
def bare_backend(backend_kind: str, servers: Servers) -> Iterator[Backend]:
    """An empty database, on each kind of database in turn."""
    factory = servers.factory(backend_kind)
    backend = factory.bare()
    yield backend
    backend.close()
    factory.drop(backend)


@pytest.fixture
def hostmap(backend: Backend) -> HostMap:
    """A directory on a fresh database. Its author is "tester"."""
    return backend.hostmap


class Cells(NamedTuple):
    """Three cells without default values."""

    one: CellMapping
    two: CellMapping
    off: CellMapping


@pytest.fixture
def cells(hostmap: HostMap) -> Cells:
    """Three cells, the third of them disabled, made in revisions 1 to 3."""
    return Cells(
        *(
            hostmap.cells.create(
                name,
                uuid=uuid,
                transport_url=f"rabbit://nova:s3cret-{name}@mq-{name}:5672/vhost",
                database_connection=f"mysql+pymysql://nova:s3cret-{name}@db-{name}/nova?charset=utf8",
                disabled=disabled,
            )
            for name, uuid, disabled in (
                ("cell1", "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc", False),
                ("cell2", "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11", False),
                ("cell3", "c3d1b9a4-7e2f-4b6d-8a5c-2d4e6f8a0b1c", True),
            )
        )
    )
