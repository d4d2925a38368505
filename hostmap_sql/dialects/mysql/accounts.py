"""The rights of accounts on MySQL and MariaDB: the grants of a role, and the account's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.sql.rights import grant, rights_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_COLUMNS = """
SELECT column_name
  FROM information_schema.columns
 WHERE table_schema = DATABASE() AND table_name = %(table)s
   AND FIND_IN_SET('select', privileges) > 0"""

# MariaDB ignores this comment, and has no such setting.
_PLACE = "SELECT DATABASE() /*!80016 , @@GLOBAL.partial_revokes */"

_OWNER = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES"


def readable_columns(cursor: Any, table: str) -> frozenset[str]:
    """Return the columns of a table that this account may read; none if the table is hidden."""
    cursor.execute(_COLUMNS, {"table": table})
    return frozenset(str(row[0]) for row in cursor.fetchall())


def grants(cursor: Any, role: str, user: str, *, urls: bool) -> Iterator[str]:
    """Yield the statements that grant an account the rights of a role."""
    cursor.execute(_PLACE)
    database, *has_partial_revokes = cursor.fetchone()
    name, at, host = user.rpartition("@")
    account = f"{_quoted(name)}@{_quoted(host)}" if at else f"{_quoted(user)}@{_quoted('%')}"
    if role == "owner":
        # Here, unlike in the GRANT on a table, "_" and "%" are wildcards.
        pattern = str(database)
        if not any(has_partial_revokes):
            pattern = pattern.replace("_", r"\_").replace("%", r"\%")
        yield f"GRANT {_OWNER} ON {_quoted(pattern)}.* TO {account}"
        return
    for table, rights in rights_of(role, urls=urls).items():
        yield grant(rights, f"{_quoted(str(database))}.{table}", account)


def _quoted(name: str) -> str:
    # In backticks a backslash is literal in every sql_mode.
    return f"`{name.replace('`', '``')}`"
