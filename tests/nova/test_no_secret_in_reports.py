"""No fault of Nova's databases shows a secret, in any report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from hostmap_sql import DatabaseError, DatabaseUnavailable, HostMap, HostMapError, InvalidValue
from hostmap_sql.errors import DriverFailure
from hostmap_sql.nova import (
    CellAccess,
    check,
    discover,
    export_mappings,
    import_mappings,
)
from tests.support.reports import CANARY, URL, reported

if TYPE_CHECKING:
    from tests.support.nova import Nova

DOWN = tuple(f"{scheme}://nova:{CANARY}@127.0.0.1:1/nova" for scheme in ("mysql", "postgresql"))
SHORT = 0.4


def passwords(nova: Nova) -> tuple[str, ...]:
    """Return the password of the server, in both its forms."""
    password = urlsplit(nova.url).password
    assert password
    return password, quote(password, safe="")


REFUSED = (CANARY, f"mysql://u:{CANARY}@h:x/d", f"mysql://u:{CANARY}@h/d?ssl_ca=x", f"{CANARY}@")

UNREADABLE = (
    *DOWN,
    f"mysql://nova:{CANARY}@127.0.0.1:x/nova",
    f"mysql://nova:{CANARY}/@127.0.0.1/nova",
    f"mysql://nova:{CANARY}@127.0.0.1/nova?ssl_ca=x&ssl_key_password={CANARY}",
    f"{{scheme}}://nova:{{x{CANARY}}}@127.0.0.1/nova",
    f"{{scheme}}://nova:{CANARY}@127.0.0.1/{{nova",
    f"oracle://nova:{CANARY}@127.0.0.1/nova",
)


def test_a_server_that_is_down(hostmap: HostMap) -> None:
    access = CellAccess(timeout=SHORT)
    for number in range(len(DOWN)):
        for use in (
            lambda n: import_mappings(hostmap, DOWN[n], timeout=SHORT),
            lambda n: export_mappings(hostmap, DOWN[n], timeout=SHORT),
            lambda n: discover(hostmap, mark=True, nova_api=DOWN[n], access=access),
        ):
            with reported(DatabaseUnavailable):
                use(number)


def test_a_url_that_is_refused(hostmap: HostMap) -> None:
    given: list[Any] = [*REFUSED, CANARY.encode(), [CANARY]]
    for number in range(len(given)):
        for use in (
            lambda n: import_mappings(hostmap, given[n]),
            lambda n: export_mappings(hostmap, given[n]),
            lambda n: discover(hostmap, mark=True, nova_api=given[n]),
        ):
            with reported(InvalidValue):
                use(number)


def test_cells_that_cannot_be_read(hostmap: HostMap) -> None:
    cells = [
        hostmap.cells.create(f"cell{number}", database_connection=url, transport_url=URL)
        for number, url in enumerate(UNREADABLE)
    ]
    access = CellAccess(timeout=SHORT, template_url=f"mysql://nova:{CANARY}@127.0.0.1:1/nova")

    found = discover(hostmap, access=access)
    assert len(found.unreachable) == len(cells)
    assert CANARY not in repr(found)
    assert CANARY not in repr(check(hostmap, access=access))
    for cell in cells:
        with reported(HostMapError), access.open(cell):
            pass


def test_rows_that_an_import_refuses(nova: Nova, hostmap: HostMap) -> None:
    nova.set_cell("cell1", "transport_url", URL)
    nova.set_cell("cell2", "transport_url", CANARY)

    with reported(InvalidValue, *passwords(nova)):
        import_mappings(hostmap, nova.url)


def test_an_import_that_the_directory_refuses(nova: Nova, hostmap: HostMap) -> None:
    nova.set_cell("cell1", "transport_url", URL)
    hostmap.close()
    with reported(DatabaseError, *passwords(nova)):
        import_mappings(hostmap, nova.url)


@pytest.mark.parametrize("event", ["insert", "update", "delete"])
def test_an_export_that_nova_refuses(nova: Nova, hostmap: HostMap, event: str) -> None:
    import_mappings(hostmap, nova.url)
    names = {cell.name: cell.uuid for cell in hostmap.cells.list()}
    if event == "update":
        hostmap.cells.update(names["cell1"], transport_url=URL)
    elif event == "insert":
        hostmap.cells.create("new", transport_url=URL, database_connection=URL)
    else:
        nova.set_cell("cell1", "transport_url", URL)
        hostmap.hosts.move_all(names["cell1"], names["cell2"])
        hostmap.cells.delete(names["cell1"])
        nova.api.query("UPDATE cell_mappings SET updated_at = '2001-01-01'")
    for statement in nova.api.sql.quoting_triggers[event]:
        nova.api.query(statement.replace("cell_mapping ", "cell_mappings "))

    with reported(DatabaseError, *passwords(nova)) as watched:
        export_mappings(hostmap, nova.url, delete=True, on_conflict="move")

    assert isinstance(watched.error.__cause__, DriverFailure)
