"""The errors about password requests of servers; a retry would fail as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from hostmap_sql.dialects.database_url import DatabaseUrl


class PasswordRefused(DatabaseError):
    """The server asks for the password in a way that could reveal it to an impostor."""


class PasswordMissing(DatabaseError):
    """The server asks for a password, and there is none."""

    def __init__(self, database: DatabaseUrl, code: str | None = None) -> None:
        super().__init__(f"{database}: the server asks for a password, and the URL has none", code)
