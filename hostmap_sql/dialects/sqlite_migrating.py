"""Migrating on SQLite, where a transaction undoes DDL too."""

from __future__ import annotations

from typing import Any

from hostmap_sql.dialects.migration_tools import MigrationTools


class SQLiteMigrating(MigrationTools):
    """What migrating has to know about SQLite."""

    advice = {  # noqa: RUF012 - a ClassVar of the base
        "SQLITE_READONLY": "this user has to be allowed to write the file and its folder",
        "SQLITE_READONLY_DIRECTORY": "this user has to be allowed to write the folder of the file",
        "SQLITE_CANTOPEN": "this user has to be allowed to write the file and its folder",
        "SQLITE_FULL": "make room on the disk",
    }

    def _made(self, cursor: Any, kind: str, name: str, statement: str) -> bool:
        # SQLite keeps the statement as it was written.
        found = "SELECT sql FROM sqlite_master WHERE type = ? AND name = ?"
        row = cursor.execute(found, (kind.lower(), name)).fetchone()
        return row is not None and row[0] == statement
