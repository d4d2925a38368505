"""The databases that the suite runs on, and the features that some of them lack.

No test checks which one it runs on. A new backend is a factory here, and needs no new test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.backends.base import Backend, Factory
from tests.support.backends.mysql import MariaDBFactory, MySQLFactory
from tests.support.backends.postgresql import PostgreSQLFactory
from tests.support.backends.sqlite import SQLiteFactory

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FACTORIES", "LACKS", "Backend", "Factory"]

FACTORIES: Mapping[str, type[Factory]] = {
    factory.kind: factory
    for factory in (SQLiteFactory, MySQLFactory, MariaDBFactory, PostgreSQLFactory)
}

LACKS: Mapping[str, Mapping[str, str]] = {
    "sessions": {"sqlite": "a file: there is no server that could end a session"},
    "users": {"sqlite": "a file: it has no accounts"},
    "networks": {"sqlite": "a file: no network leads to it"},
    "isolation levels": {"sqlite": "it has one level: serializable"},
    "zones": {"sqlite": "a file: it has no time zone of its own"},
    "files": dict.fromkeys(
        ("mysql", "mariadb", "postgresql"), "the server owns the files of its databases"
    ),
    "encrypted passwords": dict.fromkeys(
        ("sqlite", "mariadb", "postgresql"), "no server of it asks for an encrypted password"
    ),
    "transactional DDL": dict.fromkeys(
        ("mysql", "mariadb"), "each DDL statement commits by itself"
    ),
}
"""The features that `@pytest.mark.needs` may name, and why a database lacks them.

Tests of a feature do not run on databases that lack it.
"""
