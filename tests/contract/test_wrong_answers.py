"""Connections that return answers to other queries, as when two processes share one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import DatabaseError
from hostmap_sql.runtime.watchdog import TimedCall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hostmap_sql import HostMap
    from tests.conftest import Cells
    from tests.support.backends import Backend

CALLS: Mapping[str, Callable[[HostMap, Cells], object]] = {
    "hosts.get": lambda h, _: h.hosts.get("a"),
    "hosts.get_many": lambda h, _: h.hosts.get_many(["a", "b"]),
    "hosts.list": lambda h, _: h.hosts.list(prefix="a"),
    "hosts.list of a cell": lambda h, c: h.hosts.list(cell_uuid=c.one.uuid),
    "hosts.iterate": lambda h, _: [*h.hosts.iterate(prefix="a")],
    "hosts.iterate of a cell": lambda h, c: [*h.hosts.iterate(cell_uuid=c.one.uuid)],
    "hosts.create": lambda h, c: h.hosts.create("new", c.one.uuid),
    "hosts.move": lambda h, c: h.hosts.move("a", c.two.uuid, expected_cell_uuid=c.one.uuid),
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
    """Change the parameters of each query in a block; yield the list of connections used."""
    dialect = backend.dialect
    select, asked = TimedCall.select, list[Any]()
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

    def select_another(cursor: Any, text: str, parameters: dict[str, Any], fits: Any) -> Any:
        asked.append(cursor.connection)
        changed = {name: other.get(name, value) for name, value in parameters.items()}
        if isinstance(parameters.get("after"), int):
            changed |= {"after": 0, "limit": 9}
        return select(cursor, text, changed, fits)

    with monkeypatch.context() as patch:
        patch.setattr(TimedCall, "select", staticmethod(select_another))
        yield asked


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_answer_to_another_statement_is_never_returned(
    call: Callable[[HostMap, Cells], object],
    backend: Backend,
    hostmap: HostMap,
    cells: Cells,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hostmap.hosts.create_many([("a", cells.one.uuid), ("b", cells.one.uuid), ("z", cells.two.uuid)])
    before = hostmap.revision()

    with answering_of_others(backend, cells, monkeypatch) as asked:
        with pytest.raises(DatabaseError, match="returned an answer to another query"):
            call(hostmap, cells)
        last = asked[-1]

    with pytest.raises(Exception, match=r"(?i)closed|^\(0, ''\)"):
        last.cursor().execute("SELECT 1")
    assert hostmap.hosts.get("a").cell == cells.one
    assert hostmap.revision() == before
    assert hostmap.check() == ()


def test_a_reply_without_rows_is_not_an_empty_result(
    hostmap: HostMap, cells: Cells, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyMySQL reads the OK of another process's ROLLBACK as a result without rows."""
    hostmap.hosts.create("a", cells.one.uuid)
    select = TimedCall.select

    def update(cursor: Any, _: str, __: dict[str, Any], fits: Any) -> Any:
        return select(cursor, "UPDATE mapping_revision SET revision = revision", {}, fits)

    for call in (
        lambda: hostmap.hosts.get("a"),
        lambda: hostmap.cells.list(),  # noqa: PLW0108 - patched when it is called
        lambda: hostmap.history.since(0),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(TimedCall, "select", staticmethod(update))
            with pytest.raises(DatabaseError) as caught:
                call()
        assert caught.type is DatabaseError
        assert "not mapped" not in str(caught.value)
    assert hostmap.hosts.get("a").cell == cells.one
