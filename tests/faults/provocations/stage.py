"""Runs the steps of a provocation."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from tests.faults.provocations.script import SETUP
from tests.support.backends.base import new_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.faults.provocations.script import Provocation
    from tests.support.backends import Backend

SECONDS_TO_WAIT = 1.5
SECONDS_UNTIL_SOON = 0.2


class Stage:
    """A database, an administrator's connection to it, and the connection under test.

    :param session: statements that configure each new session.
    """

    def __init__(self, backend: Backend, session: Sequence[str] = ()) -> None:
        self._backend = backend
        self._session = session
        self._open = ExitStack()
        self._names = {"{database}": database_of(backend), "{user}": new_name()}
        # SQLite's locks last as long as the cursors.
        self._cursors: list[Any] = []
        self._administrator = self._connect()
        self._tested = self._connect()
        self._soon: str | None = None

    def _connect(self, **arguments: Any) -> Any:
        connection = self._backend.open_raw(**self._backend.driver.any_thread, **arguments)
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
        """Run one step."""
        word, _, rest = step.partition(" ")
        if step == "wait":
            time.sleep(SECONDS_TO_WAIT)
        elif word == "as":
            password = "secret" if rest == "user" else "wrong"
            self._tested = self._connect(user=self._names["{user}"], password=password)
        elif word == "other:":
            self._run(self._administrator, self._with_session_id(rest))
        elif word == "soon:":
            self._soon = self._with_session_id(rest)
        elif word == "try:":
            with suppress(self._backend.driver.error):
                self._run(self._tested, rest)
        else:
            with self._concurrent_statement():
                self._run(self._tested, self._with_session_id(step))

    def _with_session_id(self, statement: str) -> str:
        ask = self._backend.sql.session_id
        if ask is None or "{us}" not in statement:
            return statement
        cursor = self._tested.cursor()
        cursor.execute(ask)
        return statement.replace("{us}", str(cursor.fetchone()[0]))

    @contextmanager
    def _concurrent_statement(self) -> Iterator[None]:
        """Run the statement of a step `soon` during a block."""
        statement, self._soon = self._soon, None
        if statement is None:
            yield
            return

        def run() -> None:
            time.sleep(SECONDS_UNTIL_SOON)
            self._run(self._administrator, statement)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    def close(self, cleanup: Sequence[str]) -> None:
        """Close the connections, after the administrator has run the cleanup."""
        self._cursors.clear()
        close(self._tested)
        self._administrator.rollback()
        for statement in cleanup:
            self._run(self._administrator, statement)
        self._cursors.clear()
        self._open.close()


def database_of(backend: Backend) -> str:
    """Return the name of a backend's database."""
    return PurePosixPath(urlsplit(backend.url).path).name


def close(connection: Any) -> None:
    """Close a connection that may be closed already."""
    with suppress(Exception):
        connection.close()


def provoke(backend: Backend, provocation: Provocation, session: Sequence[str] = ()) -> Exception:
    """Run a provocation, and return the driver's exception.

    :param session: statements that configure each new session.
    """
    for statement in SETUP:
        backend.query(statement)
    stage = Stage(backend, session)
    *before, last = provocation.steps
    try:
        for step in before:
            stage.step(step)
        with pytest.raises(backend.driver.error) as caught:
            stage.step(last)
    finally:
        stage.close(provocation.cleanup)
    return caught.value
