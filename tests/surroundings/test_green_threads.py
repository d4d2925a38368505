"""Green threads of eventlet and gevent: while one waits for the database, the others run."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.backends import FACTORIES
from tests.support.faults.proxied import plain
from tests.support.green_program import THREADS, TIMEOUT
from tests.support.servers.containers import KINDS
from tests.support.servers.dedicated import dedicated_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from typing import Self

    from tests.support.backends import Backend

REPOSITORY = Path(__file__).parents[2]
LONGEST = 240
"""The seconds after which the program is killed, since a blocked process never ends."""


class PausedServer:
    """A server whose processes can be paused."""

    calls = ("lookup", "connect", "write")

    def __init__(self, kind: str) -> None:
        self._running = dedicated_server(kind)
        self._own = self._running.__enter__()
        self.paused = self._own.paused

    def fresh(self) -> Backend:
        """Return a database with empty tables."""
        backend = self._own.backend()
        backend.empty()
        return backend

    def close(self) -> None:
        self._running.__exit__(None, None, None)


class LockedFile:
    """An SQLite file whose write lock can be held."""

    calls = ("write",)

    def __init__(self, kind: str) -> None:
        self._factory = FACTORIES[kind](None)

    def fresh(self) -> Backend:
        """Return a file with empty tables."""
        self._backend = self._factory.fresh()
        return self._backend

    @contextmanager
    def paused(self) -> Iterator[None]:
        with closing(self._backend.open_raw()) as holder:
            holder.execute(self._backend.sql.begin)
            yield
            holder.execute("ROLLBACK")

    def close(self) -> None:
        self._factory.close()


@pytest.fixture(scope="module", params=[*KINDS, "sqlite"])
def database(request: pytest.FixtureRequest) -> Iterator[PausedServer | LockedFile]:
    database = PausedServer(request.param) if request.param in KINDS else LockedFile(request.param)
    yield database
    database.close()


class Program:
    """A run of the green program, which waits for a line of input between its phases."""

    def __init__(self, library: str, when: str, url: str, calls: tuple[str, ...]) -> None:
        command = [sys.executable, "-m", "tests.support.green_program", library, when, url, *calls]
        self._process = subprocess.Popen(
            command,
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._alarm = Timer(LONGEST, self._process.kill)

    def __enter__(self) -> Self:
        self._alarm.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._alarm.cancel()
        self._process.kill()
        self._process.communicate()

    def report(self) -> dict[str, Any]:
        """Return its next report."""
        assert self._process.stdout
        assert self._process.stderr
        line = self._process.stdout.readline()
        if not line:
            pytest.fail(f"the program was killed or failed: {self._process.stderr.read()[-3000:]}")
        report: dict[str, Any] = json.loads(line)
        return report

    def start_next_phase(self) -> None:
        """Send a line of input."""
        assert self._process.stdin
        self._process.stdin.write("\n")
        self._process.stdin.flush()


@pytest.mark.parametrize("when", ["first", "late"])
@pytest.mark.parametrize("library", ["eventlet", "gevent"])
def test_other_green_threads_run_while_the_database_is_paused(
    library: str, when: str, database: PausedServer | LockedFile
) -> None:
    backend = database.fresh()
    with Program(library, when, plain(backend.url), database.calls) as program:
        assert program.report() == {"lookups": []}
        paused: AbstractContextManager[None] = database.paused()
        with paused:
            program.start_next_phase()
            stopped = program.report()
        program.start_next_phase()
        afterwards = program.report()
    assert backend.connect().check() == ()
    backend.close()

    assert stopped["ticks"] >= 15
    assert [*stopped["ends"]] == [*database.calls]
    for call, (ending, took) in stopped["ends"].items():
        assert ending == "DatabaseUnavailable", call
        assert took >= TIMEOUT * 0.9, call
    assert afterwards == {
        "afterwards": [],
        "many": [[]] * THREADS,
        "transactions": 10,
        "replica": ["odd", "even"] * 2,
        "busy": [],
        "killed": [],
    }
