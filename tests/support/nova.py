"""Databases made by Nova itself, loaded from dumps into the servers of the suite."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.support.backends.base import Backend, Factory

DUMPS = Path(__file__).parent.parent / "data" / "nova"
SERVER_OF = {"sqlite": "postgresql"}
"""The server with Nova's databases for a directory in SQLite, which Nova does not support."""

# The schemes of SQLAlchemy, which Nova's URLs have.
_SCHEMES = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg2"}


@dataclass(frozen=True)
class Nova:
    """The three databases of one test."""

    api: Backend
    cell1: Backend
    cell2: Backend

    @property
    def url(self) -> str:
        """The URL of `nova_api`, in the form of nova.conf."""
        return nova_url(self.api)

    def cell_uuid(self, name: str) -> str:
        """Return the UUID of a cell."""
        return str(self.api.query(f"SELECT uuid FROM cell_mappings WHERE name = '{name}'")[0][0])

    def add_compute_nodes(self, hosts: Iterable[str]) -> None:
        """Give cell1 a new, unmarked compute node for each of these hosts."""
        columns = (
            "vcpus, memory_mb, local_gb, vcpus_used, memory_mb_used, local_gb_used,"
            " hypervisor_type, hypervisor_version, cpu_info"
        )
        rows = [
            f"(32, 1024, 100, 0, 0, 0, 'QEMU', 8002000, '', '{host}', '{host}', 0, 0)"
            for host in hosts
        ]
        if rows:
            self.cell1.query(
                f"INSERT INTO compute_nodes ({columns}, host, hypervisor_hostname, deleted, mapped)"
                f" VALUES {', '.join(rows)}"
            )

    def set_cell(self, name: str, column: str, value: str | None) -> None:
        """Set a column of a cell in Nova."""
        text = "NULL" if value is None else f"'{value}'"
        self.api.query(f"UPDATE cell_mappings SET {column} = {text} WHERE name = '{name}'")


def nova_url(backend: Backend) -> str:
    """Return the URL of a database in SQLAlchemy's form."""
    scheme, separator, rest = backend.url.partition("://")
    return f"{_SCHEMES[scheme]}{separator}{rest}"


def load(factory: Factory) -> Nova:
    """Load the dumps into fresh databases, and set the cells' URLs to these."""
    databases: dict[str, Any] = {}
    for name in ("api", "cell1", "cell2"):
        databases[name] = factory.bare()
        dump = DUMPS / f"nova_{name}.{databases[name].dialect_name}.sql"
        databases[name].run_script(dump.read_text())
    nova = Nova(**databases)
    for name in ("cell1", "cell2"):
        nova.set_cell(name, "database_connection", nova_url(databases[name]))
    return nova


def drop(factory: Factory, nova: Nova) -> None:
    """Drop the databases."""
    for backend in (nova.api, nova.cell1, nova.cell2):
        backend.close()
        factory.drop(backend)
