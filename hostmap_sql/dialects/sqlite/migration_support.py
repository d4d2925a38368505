"""Migrating on SQLite, where DDL is transactional."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.dialects.base import MigrationTools

if TYPE_CHECKING:
    from hostmap_sql.dialects.migration_support import Creation


class SQLiteMigrationTools(MigrationTools):
    """Migrations on SQLite."""

    advice = {  # noqa: RUF012 - a ClassVar of the base
        "SQLITE_READONLY": "this user needs write access to the file and its folder",
        "SQLITE_READONLY_DIRECTORY": "this user needs write access to the folder of the file",
        "SQLITE_CANTOPEN": "this user needs write access to the file and its folder",
        "SQLITE_FULL": "make room on the disk",
    }

    def matches(self, cursor: Any, creation: Creation) -> bool:
        # SQLite keeps the text of the statement.
        found = "SELECT sql FROM sqlite_master WHERE type = ? AND name = ?"
        row = cursor.execute(found, (creation.kind.lower(), creation.name)).fetchone()
        return row is not None and row[0] == creation.statement
