"""The databases that the suite runs on, and what some of them lack.

No test asks which one it runs on. A new backend is a factory here, and needs no new test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.backend import Backend, Factory
from tests.support.mysql import MariaDBFactory, MySQLFactory
from tests.support.postgresql import PostgreSQLFactory
from tests.support.sqlite import SQLiteFactory

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FACTORIES", "LACKS", "Backend", "Factory"]

FACTORIES: Mapping[str, type[Factory]] = {
    factory.kind: factory
    for factory in (SQLiteFactory, MySQLFactory, MariaDBFactory, PostgreSQLFactory)
}

LACKS: Mapping[str, Mapping[str, str]] = {
    "sessions": {"sqlite": "a file: there is no server that could end a session"},
    "users": {"sqlite": "a file: there is nobody to log in"},
    "networks": {"sqlite": "a file: it is not reached over a network"},
    "isolation levels": {"sqlite": "it has one level, at which each transaction is alone"},
    "zones": {"sqlite": "a file: it has no time zone of its own"},
    "files": dict.fromkeys(
        ("mysql", "mariadb", "postgresql"), "its databases are the server's own affair"
    ),
    "transactional DDL": dict.fromkeys(
        ("mysql", "mariadb"), "each DDL statement commits by itself"
    ),
}
"""What `@pytest.mark.needs` may name: who has it not, and why. The test is not run there."""
