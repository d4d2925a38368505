"""Makes every public call of the directory, with names that are hard to store."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import (
    CELL0_UUID,
    CellMapping,
    ChangeSet,
    HostChange,
    HostMapError,
    HostMapping,
)
from hostmap_sql.sql import STATEMENTS, Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql import HostMap
    from hostmap_sql.engine.database import Database

ONE = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
TWO = "0b6a1f6e-4a5d-4c8e-9f0a-6f1c9f7b2e11"

NAMES = (
    "compute-1",
    "Compute-1",
    "web-ω",
    "web-Ω",
    "wéb-1",
    "we\u0301b-1",
    "straße",
    "strasse",
    "計算機",
    "rack-😀-1",
    "rack-😁-1",
    "o'host",
    'a"quoted"host',
    "back\\slash\\",
    "back\\'slash",
    "100%s of %(host)s",
    "under_score",
    "underXscore",
    "two  spaces",
    "a||b",
    "-- no remark",
    "NULL",
    "x" * 255,
    "\U0001f600" * 255,
    "y" * 254 + "Y",
    "y" * 254 + "y",
)


def seen(value: Any) -> object:
    """Remove from an answer all that differs between runs: times and random ids."""
    match value:
        case HostMapError():
            shown: object = type(value).__name__, str(value)
        case dict():
            shown = {key: seen(value[key]) for key in sorted(value)}
        case list() | tuple():
            shown = [seen(item) for item in value]
        case HostMapping():
            shown = value.host, seen(value.cell), value.revision, value.updated_at is None
        case CellMapping():
            url = value.transport_url and value.transport_url.reveal()
            shown = value.uuid, value.name, url, value.disabled, value.revision
        case ChangeSet():
            what = seen(value.hosts), seen(value.cells)
            shown = value.revision, value.author, value.reason, *what
        case HostChange():
            where = value.old_cell_uuid, value.new_cell_uuid
            shown = value.revision, value.host, *where, value.author, value.reason
        case _:
            shown = repr(value)
    return shown


def every_call(hostmap: HostMap) -> dict[str, object]:
    """Make every call on an empty directory; return the answers."""
    answers: dict[str, object] = {}

    def note(name: str, call: Callable[[], object]) -> Any:
        try:
            answer = call()
        except HostMapError as error:
            answer = error
        answers[name] = seen(answer)
        return answer

    for step in (_cells, _single_hosts, _many_hosts, _history, _replica, _checks, _pruning):
        step(hostmap, note)
    return answers


def answers(hostmap: HostMap) -> dict[str, object]:
    """Return the answers of all calls in a new database, in which every statement is used."""
    with statements_used(hostmap._database) as used:
        hostmap.migrate()
        found = every_call(hostmap)
    assert set(STATEMENTS) - used == set(), "add the calls that use them"
    return found


def _cells(hostmap: HostMap, note: Callable[..., Any]) -> None:
    cells = hostmap.cells
    url = "rabbit://nova:s3cr'et\\%40@mq-ω:5672/%2F"
    note("create a cell", lambda: cells.create("Zelle-ω", uuid=ONE, transport_url=url))
    note("create another", lambda: cells.create("zelle-ω", uuid=TWO, disabled=True))
    note("a name twice", lambda: cells.create("Zelle-ω"))
    note("cell0", lambda: cells.create("cell0", uuid=CELL0_UUID))
    note("get a cell", lambda: cells.get(ONE))
    note("get it by name", lambda: cells.get_by_name("zelle-ω"))
    note("another case", lambda: cells.get_by_name("ZELLE-Ω"))
    note("an accent less", lambda: cells.get_by_name("Zelle-o"))
    note("rename", lambda: cells.update(TWO, name="x" * 255, disabled=False))
    note("rename back", lambda: cells.update(TWO, name="😀'\\"))
    note("cells", cells.list)


def _single_hosts(hostmap: HostMap, note: Callable[..., Any]) -> None:
    hosts = hostmap.hosts
    for name in NAMES[::2]:
        note(f"create {name}", lambda name=name: hosts.create(name, ONE).host)
    note("create the others", lambda: hosts.create_many((name, ONE) for name in NAMES))
    for name in NAMES:
        note(f"get {name}", lambda name=name: hosts.get(name))
    note("a host twice", lambda: hosts.create("web-ω", TWO))
    note("none such", lambda: hosts.get("web-?"))
    note("move", lambda: hosts.move("web-ω", TWO, expected_cell_uuid=ONE))
    note("move a stale one", lambda: hosts.move("web-ω", TWO, expected_cell_uuid=ONE))
    note("delete", lambda: hosts.delete("straße"))
    with hostmap.with_author(
        author="ürsula 😀", reason="racks '9' \\ %s"
    ).transaction() as transaction:
        transaction.hosts.move("wéb-1", TWO)
        transaction.cells.update(ONE, transport_url=None)
    note("of a transaction", lambda: hosts.get("wéb-1"))


def _many_hosts(hostmap: HostMap, note: Callable[..., Any]) -> None:
    hosts = hostmap.hosts
    many = [f"b-{name}"[:255] for name in NAMES] + [f"n-ω-{i:04}" for i in range(40)]
    note("create many", lambda: hosts.create_many((name, TWO) for name in many))
    note("report", lambda: hosts.create_many([("compute-1", TWO), ("b-web-ω", TWO)]))
    note("move many", lambda: hosts.create_many([("n-ω-0000", ONE)], on_conflict="move"))
    note("get many", lambda: hosts.get_many([*NAMES, *many[:40], "web-?", "WEB-Ω"]))
    note("list", lambda: [mapping.host for mapping in hosts.list()])
    note("of a cell", lambda: hosts.list(cell_uuid=ONE))
    note("of a prefix", lambda: [m.host for m in hosts.list(prefix="b-rack-😀")])
    note("of _", lambda: [m.host for m in hosts.list(prefix="under_")])
    note("a page", lambda: [m.host for m in hosts.list(after="b-a||b", limit=3)])
    note("iterate", lambda: [m.host for m in hosts.iterate()])
    note("iterate a cell", lambda: [m.host for m in hosts.iterate(cell_uuid=ONE)])
    note("counts", hostmap.cells.host_counts)
    note("in use", lambda: hostmap.cells.delete(ONE))
    note("move all", lambda: hosts.move_all(ONE, TWO))
    note("delete many", lambda: hosts.delete_many([*many[:30], "web-?", "COMPUTE-1"]))
    note("left", hosts.list)


def _history(hostmap: HostMap, note: Callable[..., Any]) -> None:
    history = hostmap.history
    note("of a host", lambda: history.of_host("web-ω"))
    note("of another", lambda: history.of_host("WEB-Ω"))
    first = history.since(0)[0].cells[0].cell_uuid
    note("of a cell", lambda: [changeset.cells for changeset in history.of_cell(first)])
    note("since", lambda: history.since(0))
    note("iterate", lambda: [*history.iterate(hosts=["web-ω", "WEB-Ω"])])
    note("all since", lambda: len(history.all_since(2)))
    note("newest", history.newest)
    note("poll", lambda: history.position(3).revision)
    changes = history.since(0)
    note("last before", lambda: history.last_before(changes[3].created_at) < 4)
    note("outcome", lambda: hostmap.outcome(changes[0].change_id))
    note("no outcome", lambda: hostmap.outcome(TWO, revision=hostmap.revision() + 1))


def _replica(hostmap: HostMap, note: Callable[..., Any]) -> None:
    with hostmap.replica(read_through=False) as replica:
        note("copied", lambda: replica.cell_of("compute-1"))
        note("not copied", lambda: replica.cell_of("WEB-Ω"))
        hostmap.hosts.move("compute-1", ONE)
        hostmap.hosts.create("late-ω-😀", ONE)
        hostmap.cells.update(ONE, disabled=True)
        note("refresh", lambda: replica.refresh() == hostmap.revision())
        note("loaded again", lambda: replica.cells_of(NAMES))
        note("hosts of", lambda: replica.hosts_of(ONE))
    note("back", lambda: hostmap.hosts.move_all(ONE, TWO))
    note("delete a cell", lambda: hostmap.cells.delete(ONE).action)


def _checks(hostmap: HostMap, note: Callable[..., Any]) -> None:
    note("check", hostmap.check)
    note("revision", hostmap.revision)


def _pruning(hostmap: HostMap, note: Callable[..., Any]) -> None:
    times = [changeset.created_at for changeset in hostmap.history.since(0)]
    note("prune", lambda: hostmap.history.prune(10))
    note("prune to a time", lambda: hostmap.history.prune(times[20]))
    note("pruned", lambda: hostmap.history.since(0))
    note("check again", hostmap.check)


class _Noted(dict[Statement, str]):
    """The texts of the statements. Records which of them are read."""

    def __init__(self, texts: Any, sent: set[Statement]) -> None:
        super().__init__(texts)
        self._sent = sent

    def __getitem__(self, statement: Statement) -> str:
        self._sent.add(statement)
        return super().__getitem__(statement)


@contextmanager
def statements_used(database: Database) -> Iterator[set[Statement]]:
    """Collect the statements that are sent within the block."""
    sent: set[Statement] = set()
    texts = _Noted(database.dialect.sql, sent)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database.dialect, "sql", texts)
        patch.setattr(database, "texts", texts)
        yield sent
