"""A connection that answers another question than was asked: as one that two processes share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

CALLS: Mapping[str, Callable[[HostMap, Cells], object]] = {
    "hosts.get": lambda h, _: h.hosts.get("a"),
    "hosts.get_many": lambda h, _: h.hosts.get_many(["a", "b"]),
    "hosts.list": lambda h, _: h.hosts.list(prefix="a"),
    "hosts.list of a cell": lambda h, c: h.hosts.list(c.one.uuid),
    "hosts.iterate": lambda h, _: [*h.hosts.iterate(prefix="a")],
    "hosts.iterate of a cell": lambda h, c: [*h.hosts.iterate(c.one.uuid)],
    "hosts.create": lambda h, c: h.hosts.create("new", c.one.uuid),
    "hosts.move": lambda h, c: h.hosts.move("a", c.two.uuid, expected_cell=c.one.uuid),
    "hosts.delete": lambda h, _: h.hosts.delete("a"),
    "hosts.create_many": lambda h, c: h.hosts.create_many([("new", c.one.uuid)]),
    "hosts.delete_many": lambda h, _: h.hosts.delete_many(["a", "b"]),
    "hosts.wait": lambda h, _: h.hosts.wait(["a"], timeout=5),
    "cells.get": lambda h, c: h.cells.get(c.one.uuid),
    "cells.get_by_name": lambda h, _: h.cells.get_by_name("cell1"),
    "cells.update": lambda h, c: h.cells.update(c.one.uuid, disabled=True),
    "cells.delete": lambda h, c: h.cells.delete(c.one.uuid),
    "history.of_host": lambda h, _: h.history.of_host("a"),
    "history.since": lambda h, _: h.history.since(3),
    "replica": lambda h, _: h.replica(read_through=True).cell_of("new"),
}


@contextmanager
def answering_of_others(
    backend: Backend, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> Iterator[list[Any]]:
    """A block in which each question is put to the database as one about something else.

    The list gets the connections that were asked.
    """
    dialect = backend.dialect
    execute, asked = dialect.execute, list[Any]()
    other = {
        "host": "z",
        "hosts": dialect.encode_hosts(["z"]),
        "uuid": cells.two.uuid,
        "cell_uuid": cells.two.uuid,
        "name": "cell2",
        "after": "",
        "until": "zz",
        "limit": 9,
    }

    def execute_another(cursor: Any, sql: str, parameters: dict[str, Any]) -> None:
        if "SELECT" not in sql.split(maxsplit=1)[:1]:
            execute(cursor, sql, parameters)
            return
        asked.append(cursor.connection)
        changed = {name: other.get(name, value) for name, value in parameters.items()}
        if isinstance(parameters.get("after"), int):
            changed |= {"after": 0, "limit": 9}
        execute(cursor, sql, changed)

    with monkeypatch.context() as patch:
        patch.setattr(dialect, "execute", execute_another)
        yield asked


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_answer_to_another_question_is_never_returned(
    call: Callable[[HostMap, Cells], object],
    backend: Backend,
    hostmap: HostMap,
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.one.uuid), ("z", cells.two.uuid)])
    before = hostmap.revision()

    with answering_of_others(backend, cells, monkeypatch) as asked:
        with pytest.raises(DatabaseError, match="answered another question than it was asked"):
            call(hostmap, cells)
        last = asked[-1]

    with pytest.raises(Exception, match=r"(?i)closed|^\(0, ''\)"):
        last.cursor().execute("SELECT 1")
    assert hostmap.hosts.get("a").cell == cells.one
    assert hostmap.revision() == before
    assert hostmap.check() == ()


def test_what_is_no_answer_to_a_select_is_not_taken_for_no_rows(
    backend: Backend, hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the OK of another process's ROLLBACK, which PyMySQL takes for an answer without rows."""
    hostmap.hosts.create("a", cells.one.uuid)
    execute = backend.dialect.execute

    def execute_another(cursor: Any, sql: str, _: dict[str, Any]) -> None:
        assert sql.split(maxsplit=1)[0] == "SELECT"
        execute(cursor, "UPDATE mapping_revision SET revision = revision", {})

    for call in (
        lambda: hostmap.hosts.get("a"),
        lambda: hostmap.cells.list(),  # noqa: PLW0108 - patched when it is called
        lambda: hostmap.history.since(0),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(backend.dialect, "execute", execute_another)
            with pytest.raises(DatabaseError) as caught:
                call()
        assert caught.type is DatabaseError
        assert "not mapped" not in str(caught.value)
    assert hostmap.hosts.get("a").cell == cells.one
