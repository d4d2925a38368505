"""Goes the steps of a provocation: see `tests.support.provocations`."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.support.backend import new_name
from tests.support.provocations import SETUP
from tests.support.provoked_mysql import MARIADB, MARIADB_GLOBALLY, MYSQL, MYSQL_GLOBALLY
from tests.support.provoked_postgresql import PROVOCATIONS as POSTGRESQL
from tests.support.provoked_sqlite import PROVOCATIONS as SQLITE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.backends import Backend
    from tests.support.provocations import Provocation

PROVOCATIONS: Mapping[str, Mapping[str, Provocation]] = {
    "sqlite": SQLITE,
    "mysql": MYSQL,
    "mariadb": MARIADB,
    "postgresql": POSTGRESQL,
}

# By settings of the server, so on one of the tests' own.
GLOBALLY: Mapping[str, Mapping[str, Provocation]] = {
    "mysql": MYSQL_GLOBALLY,
    "mariadb": MARIADB_GLOBALLY,
}

# What makes a node read-only, and what ends that. A session's default stays as it was at its
# beginning: whoever does not leave it never writes again.
READ_ONLY: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "mysql": {
        "1290": ("SET GLOBAL super_read_only = ON", "SET GLOBAL read_only = OFF"),
    },
    "mariadb": {
        "1290": ("SET GLOBAL read_only = ON", "SET GLOBAL read_only = OFF"),
    },
    "postgresql": {
        "25006": (
            "ALTER DATABASE {database} SET default_transaction_read_only = on",
            (
                "SET transaction_read_only = off;"
                " ALTER DATABASE {database} RESET default_transaction_read_only"
            ),
        ),
    },
}

SECONDS_TO_WAIT = 1.5
SECONDS_UNTIL_SOON = 0.2


class Stage:
    """A database, an administrator's connection to it, and ours, which is to fail."""

    def __init__(self, backend: Backend, session: Sequence[str] = ()) -> None:
        self._backend = backend
        self._session = session
        self._open = ExitStack()
        self._names = {"{database}": database_of(backend), "{user}": new_name()}
        # Kept, as SQLite's are busy as long as somebody holds them.
        self._cursors: list[Any] = []
        self._other = self._connected()
        self._ours = self._connected()
        self._meanwhile: tuple[str, ...] = ()

    def _connected(self, **arguments: Any) -> Any:
        connection = self._backend.open_raw(**self._backend.for_any_thread, **arguments)
        self._open.callback(close, connection)
        for statement in self._session:
            connection.cursor().execute(statement)
        return connection

    def _run(self, connection: Any, statement: str) -> None:
        for name, value in self._names.items():
            statement = statement.replace(name, value)
        cursor = connection.cursor()
        self._cursors.append(cursor)
        cursor.execute(statement)

    def step(self, step: str) -> None:
        """Go one step."""
        word, _, rest = step.partition(" ")
        if step == "wait":
            time.sleep(SECONDS_TO_WAIT)
        elif word == "as":
            password = "secret" if rest == "user" else "wrong"
            self._ours = self._connected(user=self._names["{user}"], password=password)
        elif word == "other:":
            self._run(self._other, self._with_our_number(rest))
        elif word == "soon:":
            self._meanwhile = (self._with_our_number(rest),)
        elif word == "try:":
            with suppress(self._backend.driver_error):
                self._run(self._ours, rest)
        else:
            with self._going_on_meanwhile():
                self._run(self._ours, self._with_our_number(step))

    def _with_our_number(self, statement: str) -> str:
        ask = self._backend.session_statement
        if ask is None or "{us}" not in statement:
            return statement
        cursor = self._ours.cursor()
        cursor.execute(ask)
        return statement.replace("{us}", str(cursor.fetchone()[0]))

    @contextmanager
    def _going_on_meanwhile(self) -> Iterator[None]:
        def run() -> None:
            time.sleep(SECONDS_UNTIL_SOON)
            for statement in self._meanwhile:
                self._run(self._other, statement)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            thread.join()
            self._meanwhile = ()

    def end(self, after: Sequence[str]) -> None:
        """Close our connections, and have the administrator tidy up."""
        self._cursors.clear()
        close(self._ours)
        self._other.rollback()
        for statement in after:
            self._run(self._other, statement)
        self._cursors.clear()
        self._open.close()


def database_of(backend: Backend) -> str:
    """The name of its database."""
    return PurePosixPath(urlsplit(backend.url).path).name


def close(connection: Any) -> None:
    """Close a connection that may have been closed."""
    with suppress(Exception):
        connection.close()


def provoked(backend: Backend, provocation: Provocation, session: Sequence[str] = ()) -> Exception:
    """The exception of the driver in which a provocation ends, in a session that is told this."""
    for statement in SETUP:
        backend.query(statement)
    stage = Stage(backend, session)
    *before, last = provocation.steps
    try:
        for step in before:
            stage.step(step)
        with pytest.raises(backend.driver_error) as caught:
            stage.step(last)
    finally:
        stage.end(provocation.after)
    return caught.value
