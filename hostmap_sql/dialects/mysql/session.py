"""The session settings of MySQL and MariaDB, and the checks of external pools' sessions.

A server's defaults, or an `init_connect` of its operator, may change answers. So the library sets
each new session of its own to the values that it relies on, in one statement.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from hostmap_sql.concealing import SecretBytes
from hostmap_sql.dialects.base import idle_limit
from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_NO_LIMIT = 18446744073709551615
_LONGEST_NAME = 1020  # in bytes: 255 characters of 4 bytes

# With a binary log of statements, InnoDB refuses writes at READ COMMITTED (1665). REPEATABLE READ
# works as well: its snapshot begins with the first read, after the revision's row is locked.
_ISOLATION = "IF(@@binlog_format = 'STATEMENT', 'REPEATABLE-READ', 'READ-COMMITTED')"

_EVERYWHERE = {
    # Nothing keeps running on the server after its call timed out.
    "innodb_lock_wait_timeout": "%(seconds)s",
    "lock_wait_timeout": "%(seconds)s",
    "wait_timeout": "%(idle)s",
    # Without autocommit, the next lookup would read the snapshot of this one. The server's greeting
    # says that it is on even where `SET GLOBAL` has turned it off.
    "autocommit": "1",
    # Otherwise a COMMIT could begin the next transaction, or end the session.
    "completion_type": "'NO_CHAIN'",
    # Other modes truncate values, read '' as NULL (MariaDB's ORACLE), or escape strings by
    # rules other than PyMySQL's.
    "sql_mode": "'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    # Lower limits would cut lists short or change their order.
    "sql_select_limit": str(_NO_LIMIT),
    "max_sort_length": "1024",
    # Otherwise the server could refuse statements without a key, as yoyo has one.
    "sql_big_selects": "1",
    "sql_safe_updates": "0",
    # Otherwise "IS NULL" could match the row that was inserted last.
    "sql_auto_is_null": "0",
    # Mappings to missing cells, and duplicate hosts, must be refused.
    "foreign_key_checks": "1",
    "unique_checks": "1",
    # yoyo's own tables name no engine, and must survive a restart of the server.
    "default_storage_engine": "InnoDB",
}
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


# MySQL ignores comments like /*M! */, MariaDB comments like /*!80000 */.
_SET = (
    f"SET SESSION {_assignments(_EVERYWHERE)}"
    f" /*!80000 , {_assignments(_MYSQL)} */ /*M! , {_assignments(_MARIADB)} */"
)


def session_setter(timeout: float) -> Callable[[Any], None]:
    """Return a function that configures a new session, in one round trip."""
    limits = {
        "seconds": ceil(timeout),
        "milliseconds": ceil(timeout * 1000),
        "idle": ceil(idle_limit(timeout)),
    }

    def set_session(connection: Any) -> None:
        connection.cursor().execute(_SET, limits)

    return set_session


# --- sessions of external pools -------------------------------------------------------------------

# The settings that could silently make answers wrong: the value to set, and a check of a value.
_REQUIRED: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "character_set_client": ("'utf8mb4'", lambda value: value == "utf8mb4"),
    "character_set_connection": ("'utf8mb4'", lambda value: value == "utf8mb4"),
    "character_set_results": ("'utf8mb4'", lambda value: value == "utf8mb4"),
    "completion_type": ("'NO_CHAIN'", lambda value: value == "NO_CHAIN"),
    "max_sort_length": ("1024", lambda value: value >= _LONGEST_NAME),
    "sql_mode": ("'TRADITIONAL'", lambda value: "EMPTY_STRING_IS_NULL" not in value),
    "sql_select_limit": (str(_NO_LIMIT), lambda value: value == _NO_LIMIT),
}
_SELECT = f"SELECT @@autocommit, {', '.join(f'@@{name}' for name in _REQUIRED)}"

_prepared: WeakSet[Any] = WeakSet()


def prepare_external_session(connection: Any, cursor: Any) -> None:
    """Refuse a session that would give wrong answers, and align autocommit with the driver.

    Queries the server once for each connection.

    :raises DatabaseError: with the setting to change.
    """
    charset = getattr(connection, "charset", "utf8mb4")
    if charset != "utf8mb4":
        raise _unsuitable("character set", charset, "utf8mb4", "charset='utf8mb4'")
    if connection in _prepared:
        return
    cursor.execute(_SELECT)
    autocommit, *values = cursor.fetchone()
    for (name, (wanted, is_suitable)), value in zip(_REQUIRED.items(), values, strict=True):
        if not is_suitable(value):
            raise _unsuitable(name, value, wanted, f'init_command="SET {name} = {wanted}"')
    assumed = connection.get_autocommit()
    if assumed != bool(autocommit):
        # PyMySQL relies on the server's greeting, which ignores the global value.
        cursor.execute("SET autocommit = %s", (int(assumed),))
    password = getattr(connection, "password", None)
    if isinstance(password, bytes):  # reports of our frames would show it
        connection.password = SecretBytes(password)
    _prepared.add(connection)


def _unsuitable(name: str, value: object, wanted: str, argument: str) -> DatabaseError:
    return DatabaseError(
        f"the {name} of the pool's connections is {value!r}, not {wanted}: "
        f"have the pool make them with {argument}"
    )


# --- clusters -------------------------------------------------------------------------------------

# Neither server has both variables, nor must it have one: so no SELECT of them.
_SHOW_CLUSTER = (
    "SHOW GLOBAL VARIABLES WHERE (Variable_name = 'wsrep_on' AND Value = 'ON')"
    " OR (Variable_name = 'group_replication_group_name' AND Value <> '')"
)


def is_clustered(cursor: Any) -> bool:
    """Whether the server is a node of Galera or Group Replication."""
    return bool(cursor.execute(_SHOW_CLUSTER))


def is_read_only(cursor: Any) -> bool:
    """Whether the server is read-only, as replicas and secondaries are.

    A node of Galera that is not ready refuses the question, as it does every other.
    """
    cursor.execute("SELECT @@GLOBAL.read_only")
    return bool(cursor.fetchone()[0])


# --- read-only sessions ---------------------------------------------------------------------------

# A server's own setting may be a step of a switchover.
_SELECT_READ_ONLY = (
    "SELECT /*!80000 @@SESSION.transaction_read_only AND NOT @@GLOBAL.transaction_read_only */"
    " /*M! @@SESSION.tx_read_only AND NOT @@GLOBAL.tx_read_only */"
)


def why_read_only(cursor: Any) -> str | None:
    """Return the reason if only the session is read-only, not the server; or None."""
    cursor.execute(_SELECT_READ_ONLY)
    if not cursor.fetchone()[0]:
        return None
    return (
        "transaction_read_only is on for the sessions of the pool: nothing can be written; "
        "have the pool make them with SET SESSION TRANSACTION READ WRITE"
    )
