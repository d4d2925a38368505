"""The provocations of each database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.provocations import mysql, postgresql, sqlite

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.faults.provocations.script import Provocation

PROVOCATIONS: Mapping[str, Mapping[str, Provocation]] = {
    "sqlite": sqlite.PROVOCATIONS,
    "mysql": mysql.MYSQL,
    "mariadb": mysql.MARIADB,
    "postgresql": postgresql.PROVOCATIONS,
}

GLOBAL_PROVOCATIONS: Mapping[str, Mapping[str, Provocation]] = {
    "mysql": mysql.MYSQL_GLOBALLY,
    "mariadb": mysql.MARIADB_GLOBALLY,
}
"""Provocations that change settings of the server, so they need a server of their own."""

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
"""The statements that make a node read-only and writable again, by the code of refused writes.

A session of PostgreSQL keeps the default of its beginning, so only new sessions can write again.
"""
