"""Each hot statement uses its index."""

from __future__ import annotations

from contextlib import ExitStack, nullcontext
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, sql
from tests.support.backends.base import FULL_SCAN, PRIMARY_KEY

if TYPE_CHECKING:
    from hostmap_sql.sql.statement import Statement
    from tests.conftest import Cells
    from tests.support.backends import Backend
    from tests.support.backends.base import Lend

CELL_UUID_HOST = "host_mapping_cell_uuid_host"
HOST_REVISION = "host_mapping_change_host_revision"
CELL_NAME = "cell_mapping_name_key"
HOSTS = 4_000

# A statement, its parameters, and the index of each table that must not be scanned.
HOT: list[tuple[Statement, dict[str, Any], dict[str, str]]] = [
    (sql.HOST_GET, {"host": "h00042"}, {"host_mapping": PRIMARY_KEY}),
    (sql.HOST_GET_MANY, {"hosts": ["h00042", "h00099"]}, {"host_mapping": PRIMARY_KEY}),
    (sql.HOST_CELLS, {"hosts": ["h00042", "h00099"]}, {"host_mapping": PRIMARY_KEY}),
    (
        sql.HOST_LIST,
        {"after": "h00042", "until": "h\U0010ffff", "limit": 20},
        {"host_mapping": PRIMARY_KEY},
    ),
    (
        sql.HOST_LIST_OF_CELL,
        {"cell_uuid": "TWO", "after": "h00042", "until": "h\U0010ffff", "limit": 20},
        {"host_mapping": CELL_UUID_HOST},
    ),
    (
        sql.HOST_NAMES_OF_CELL,
        {"cell_uuid": "TWO", "limit": 20},
        {"host_mapping": CELL_UUID_HOST},
    ),
    (sql.CELL_HOST_COUNT, {"uuid": "TWO"}, {"host_mapping": CELL_UUID_HOST}),
    (
        sql.HOST_MOVE_MANY,
        {"hosts": ["h00042", "h00099"], "cell_uuid": "TWO", "revision": 9, "now": None},
        {"host_mapping": PRIMARY_KEY},
    ),
    (sql.HOST_DELETE_MANY, {"hosts": ["h00042"]}, {"host_mapping": PRIMARY_KEY}),
    (sql.HOST_CHANGE_OF_HOST, {"host": "h00042"}, {"host_mapping_change": HOST_REVISION}),
    (
        sql.HOST_CHANGE_PAGE_OF_HOST,
        {"host": "h00042", "after": 4, "until": 2_900, "limit": 20},
        {"host_mapping_change": HOST_REVISION},
    ),
    (
        sql.HOST_CHANGE_LIST,
        {"after": 400, "until": 403},
        {"host_mapping_change": PRIMARY_KEY, "mapping_changeset": PRIMARY_KEY},
    ),
    (sql.CHANGESET_LIST, {"after": 400, "limit": 20}, {"mapping_changeset": PRIMARY_KEY}),
]
# The few cells, and a page of hosts, which an index found before the join.
SMALL = {"cell_mapping", "page", "<derived2>"}


def fill(backend: Backend, cells: Cells) -> None:
    """Insert enough rows for a full scan to cost more than the index."""
    names = [f"h{number:05}" for number in range(HOSTS)]
    hostmap = backend.hostmap
    hostmap.hosts.create_many((name, cells.one.uuid) for name in names[20:])
    hostmap.hosts.create_many((name, cells.two.uuid) for name in names[:20])
    revisions = range(6, 3_000)
    values = ", ".join(f"({r}, '{r:036}', '2026-01-01 00:00:00')" for r in revisions)
    backend.query(
        f"INSERT INTO mapping_changeset (revision, change_id, created_at) VALUES {values}"
    )
    values = ", ".join(f"({r}, 'h{n:05}')" for r in revisions for n in range(r % 7))
    backend.query(f"INSERT INTO host_mapping_change (revision, host) VALUES {values}")


def test_each_hot_statement_uses_its_index(backend: Backend, cells: Cells) -> None:
    fill(backend, cells)
    dialect = backend.dialect
    for statement, parameters, expected in HOT:
        given = parameters | {"hosts": dialect.encode_hosts(parameters.get("hosts", []))}
        if given.get("cell_uuid") == "TWO":
            given["cell_uuid"] = cells.two.uuid
        if given.get("uuid") == "TWO":
            given["uuid"] = cells.two.uuid

        used = backend.explain(statement, given)

        assert expected.items() <= used.items(), (statement.name, used)
        scanned = {table for table, index in used.items() if index == FULL_SCAN}
        assert scanned <= SMALL, (statement.name, used)


@pytest.mark.parametrize(
    ("statement", "index"),
    [(sql.CELL_GET, PRIMARY_KEY), (sql.CELL_GET_BY_NAME, CELL_NAME)],
)
def test_a_cell_among_many_is_found_by_its_index(
    statement: Statement, index: str, backend: Backend
) -> None:
    values = ", ".join(
        f"('{n:036}', 'cell-{n}', FALSE, 1, '2026-01-01 00:00:00')" for n in range(2_000)
    )
    backend.query(
        f"INSERT INTO cell_mapping (uuid, name, disabled, revision, created_at) VALUES {values}"
    )

    used = backend.explain(statement, {"uuid": f"{42:036}", "name": "cell-42"})

    assert used == {"cell_mapping": index}


def test_a_session_that_began_with_an_empty_directory_finds_its_many_hosts_as_fast(
    backend: Backend, cells: Cells
) -> None:
    # PostgreSQL caches the plans of repeated statements: for an empty table, a full scan.
    names = [f"h{number:05}" for number in range(20_000)]
    with ExitStack() as stack:

        def on_a_connection(lend: Lend) -> HostMap:
            connection = stack.enter_context(lend())
            return HostMap(lambda: nullcontext(connection), backend.dialect_name)

        pairs = [(backend.connect(pool_size=1), backend.connect(pool_size=1))]
        pairs += [(on_a_connection(lend), on_a_connection(lend)) for lend, _ in backend.own_pools()]
        for early, _ in pairs:
            for _ in range(12):
                assert early.hosts.get_many(names[:1_000]) == {}

        backend.hostmap.hosts.create_many((name, cells.one.uuid) for name in names)

        for early, late in pairs:
            assert slowdown(early, late, names[:4_000]) < MOST_SLOWDOWN


MOST_SLOWDOWN = 4
"""A cached full scan takes hundreds of times as long."""


def slowdown(hostmap: HostMap, other: HostMap, names: list[str]) -> float:
    """Return the ratio of two lookup times, each the best of five."""

    def seconds(hostmap: HostMap) -> float:
        started = monotonic()
        assert len(hostmap.hosts.get_many(names)) == len(names)
        return monotonic() - started

    turns = [(seconds(hostmap), seconds(other)) for _ in range(5)]  # fair on a busy machine
    return min(time for time, _ in turns) / min(time for _, time in turns)
