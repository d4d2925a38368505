"""What the sessions of MySQL and MariaDB are set to, and what a caller's own have to be.

A server's defaults, and an `init_connect` of its operator's, may be other than all that the library
was written for. Its own sessions are set to what it relies on, in one statement when they are made.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from hostmap_sql.dialects.base import idle_limit
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_LIMIT = 18446744073709551615
_LONGEST_NAME = 1020  # in bytes: 255 characters of 4

_ISOLATION = "IF(@@binlog_format = 'STATEMENT', 'REPEATABLE-READ', 'READ-COMMITTED')"

_EVERYWHERE = {
    # What was given up here is not to go on there.
    "innodb_lock_wait_timeout": "%(seconds)s",
    "lock_wait_timeout": "%(seconds)s",
    "wait_timeout": "%(idle)s",
    # Else each lookup would leave a transaction open, and the next would read from its snapshot.
    # The server's greeting says that it is on, even where `SET GLOBAL` has turned it off.
    "autocommit": "1",
    # Else a COMMIT would begin the next transaction, or end the session.
    "completion_type": "'NO_CHAIN'",
    # Else values would be cut to fit; MariaDB's ORACLE would read '' as NULL, and strings would be
    # written by other rules than PyMySQL's.
    "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    # Else lists would end early, or come in another order.
    "sql_select_limit": str(_NO_LIMIT),
    "max_sort_length": "1024",
    # Else the server would refuse statements for what they look like; of yoyo's one names no key.
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    # Else "IS NULL" could find the row that was inserted last.
    "sql_auto_is_null": "0",
    # A mapping to a cell that is not there, and one host twice, are to be refused.
    "foreign_key_checks": "1",
    "unique_checks": "1",
    # For yoyo's own tables, which name none: their rows are to outlive a restart of the server.
    "default_storage_engine": "InnoDB",
}
# Written to the binary log as statements, InnoDB refuses writes at READ COMMITTED (1665). At
# REPEATABLE READ the snapshot begins with the first read, which the revision's lock precedes.
_MYSQL = {
    "max_execution_time": "%(milliseconds)s",
    "transaction_isolation": _ISOLATION,
    "transaction_read_only": "0",
}
_MARIADB = {
    "max_statement_time": "%(seconds)s",
    "tx_isolation": _ISOLATION,
    "tx_read_only": "0",
}


def _assignments(settings: Mapping[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


# MySQL passes over what stands in /*M! */, MariaDB over what stands in /*!80000 */.
_SET = (
    f"SET SESSION {_assignments(_EVERYWHERE)}"
    f" /*!80000 , {_assignments(_MYSQL)} */ /*M! , {_assignments(_MARIADB)} */"
)


def session_setter(timeout: float) -> Callable[[Any], None]:
    """What sets a new session to what the library relies on, in one round trip."""
    limits = {
        "seconds": ceil(timeout),
        "milliseconds": ceil(timeout * 1000),
        "idle": ceil(idle_limit(timeout)),
    }

    def set_session(connection: Any) -> None:
        connection.cursor().execute(_SET, limits)

    return set_session


# --- connections of a caller's own pool -----------------------------------------------------------

# What would make answers wrong, and nobody would notice: what it has to be, and what it is then.
_DEMANDS: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "character_set_client": ("'utf8mb4'", lambda is_: is_ == "utf8mb4"),
    "character_set_connection": ("'utf8mb4'", lambda is_: is_ == "utf8mb4"),
    "character_set_results": ("'utf8mb4'", lambda is_: is_ == "utf8mb4"),
    "completion_type": ("'NO_CHAIN'", lambda is_: is_ == "NO_CHAIN"),
    "max_sort_length": ("1024", lambda is_: is_ >= _LONGEST_NAME),
    "sql_mode": ("'TRADITIONAL'", lambda is_: "EMPTY_STRING_IS_NULL" not in is_),
    "sql_select_limit": (str(_NO_LIMIT), lambda is_: is_ == _NO_LIMIT),
}
_LOOK = f"SELECT @@autocommit, {', '.join(f'@@{name}' for name in _DEMANDS)}"

_LOOKED_AT: WeakSet[Any] = WeakSet()


def refuse_unfit(connection: Any, cursor: Any) -> None:
    """Refuse a session that would make answers wrong in silence. Asks the server once for each.

    :raises DatabaseError: it says what to set.
    """
    charset = getattr(connection, "charset", "utf8mb4")
    if charset != "utf8mb4":
        raise _unfit("character set", charset, "utf8mb4", "charset='utf8mb4'")
    if connection in _LOOKED_AT:
        return
    cursor.execute(_LOOK)
    autocommit, *values = cursor.fetchone()
    for (name, (wanted, is_fit)), value in zip(_DEMANDS.items(), values, strict=True):
        if not is_fit(value):
            raise _unfit(name, value, wanted, f'init_command="SET {name} = {wanted}"')
    believed = connection.get_autocommit()
    if believed != bool(autocommit):
        # By the server's greeting, which knows nothing of its global value.
        cursor.execute("SET autocommit = %s", (int(believed),))
    _LOOKED_AT.add(connection)


def _unfit(name: str, value: object, wanted: str, argument: str) -> DatabaseError:
    return DatabaseError(
        f"the {name} of the pool's connections is {value!r}, not {wanted}: "
        f"have the pool make them with {argument}"
    )
