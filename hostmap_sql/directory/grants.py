"""`grants`: the statements that grant an account the rights of a role."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import mask_name
from hostmap_sql.secret_arguments import hide_arguments
from hostmap_sql.sql.rights import ROLES
from hostmap_sql.validation import valid_flag, valid_name

if TYPE_CHECKING:
    from hostmap_sql.engine.database import Database


class HasDatabase(Protocol):
    """A `HostMap`."""

    _database: Database


@hide_arguments
def grants(
    hostmap: HasDatabase, role: str, *, user: str | None = None, urls: bool = False
) -> tuple[str, ...]:
    """Return the statements that grant an account the rights of a role, without running them.

    They are for the database of a `HostMap`, even if it has no tables yet. Have an administrator or
    the owner of the tables run them. SQLite has no accounts: there they are shell commands that set
    the owner and the mode of the file.

    :param hostmap: a `HostMap`.
    :param role: "lookup" reads, "service" also maps hosts, changes cells and appends to the
        history, "pruner" deletes old history, and "owner" migrates.
    :param user: the account; on MySQL and MariaDB ``name`` or ``name@host``. Default:
        ``hostmap_ROLE``.
    :param urls: let "lookup" read the URLs of cells too, so that it needs no ``urls=False``.
    :raises InvalidValue: an argument cannot be used.

    >>> [statement.split()[:2] for statement in grants(hostmap, "service", user="nova")]
    [['chown', 'nova'], ['chmod', '600']]
    """
    if role not in ROLES:
        raise InvalidValue("role", f"{mask_name(role)!r} is not one of {', '.join(ROLES)}")
    if valid_flag(urls, "urls") and role != "lookup":
        raise InvalidValue("urls", f"is for the role lookup: leave it out for {role}")
    account = f"hostmap_{role}" if user is None else valid_name(user, "user")
    database = hostmap._database  # noqa: SLF001 - of the same package
    return tuple(
        database.ask(lambda cursor: database.dialect.grants(cursor, role, account, urls=urls))
    )
