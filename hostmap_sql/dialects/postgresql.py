"""PostgreSQL, through psycopg. The only module that imports it."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import zip_longest
from math import ceil
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo, PGconn
from psycopg.rows import tuple_row

from hostmap_sql.dialects import tls, tls_probe
from hostmap_sql.dialects.base import Dialect, Fault, idle_limit, keep_alive
from hostmap_sql.dialects.opening import NoConnectionInTime
from hostmap_sql.dialects.watch import shut_down
from hostmap_sql.errors import InvalidValue
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hostmap_sql.database_url import DatabaseUrl

# By SQLSTATE, or by its first two characters, its class. What is not here is unlisted.
_FAULTS = {
    "40001": Fault.AGAIN,  # serialization failure
    "40P01": Fault.AGAIN,  # deadlock
    "55P03": Fault.AGAIN,  # lock timeout
    "25P02": Fault.AGAIN,  # an earlier statement of the transaction failed
    "57014": Fault.AGAIN,  # statement timeout
    "57P01": Fault.LOST,  # shut down by the administrator
    "57P02": Fault.LOST,  # crash of another session
    "57P05": Fault.RECONNECT,  # idle session timeout
    "25P03": Fault.RECONNECT,  # idle in transaction timeout
    "25P04": Fault.RECONNECT,  # transaction timeout
    "26000": Fault.RECONNECT,  # a prepared statement is gone: a pooler in between
    "42P05": Fault.RECONNECT,  # a prepared statement is there already: a pooler in between
    "0A000": Fault.RECONNECT,  # a cached plan that no longer fits: a new connection has none
    "25006": Fault.RECONNECT,  # a read-only node
    "55000": Fault.RECONNECT,  # a node that is not in the right state
    "57P03": Fault.WAIT,  # starting up or shutting down
    "53": Fault.WAIT,  # too many connections, out of memory
    "53100": Fault.PERMANENT,  # disk full
    "08": Fault.LOST,  # connection exceptions
    "40003": Fault.LOST,  # statement completion unknown
    "42P01": Fault.NO_TABLE,
    "42703": Fault.NO_TABLE,  # no such column
    "22": Fault.PERMANENT,  # wrong values
    "23": Fault.PERMANENT,  # constraints
    "28": Fault.PERMANENT,  # who you are
    "3D": Fault.PERMANENT,  # no such database
    "42": Fault.PERMANENT,  # syntax, privileges
    "XX001": Fault.PERMANENT,  # corrupt data
    "XX002": Fault.PERMANENT,  # corrupt index
}

_PORT = 5432

# What libpq calls TCP's options.
_KEEP_ALIVE = {
    "tcp_keepidle": "keepalives_idle",
    "tcp_keepintvl": "keepalives_interval",
    "tcp_keepcnt": "keepalives_count",
}

_OPTIONS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())


class PostgreSQL(Dialect):
    """PostgreSQL 14 and later."""

    name = "postgresql"

    def opener(self, url: DatabaseUrl, timeout: float) -> Callable[[float], Any]:
        conninfo = _conninfo(url, timeout)
        refusal_of = _refusal_finder(conninfo)
        own = "connect_timeout" in url.options

        def open_connection(deadline: float) -> psycopg.Connection[Any]:
            # In whole seconds, from two on: who waits for it has left by then.
            left = max(2, ceil(deadline - monotonic()))
            patience: dict[str, Any] = {} if own else {"connect_timeout": left}
            with tls.refusals(url, refusal_of, self.code):
                return psycopg.connect(conninfo, autocommit=True, **patience)

        return open_connection

    def is_open(self, connection: psycopg.Connection[Any]) -> bool:
        return not connection.closed

    def cut(self, connection: psycopg.Connection[Any]) -> None:
        shut_down(connection.fileno)

    def yoyo_backend(self) -> Any:
        from yoyo.backends import PostgresqlPsycopgBackend  # noqa: PLC0415 - an extra

        return PostgresqlPsycopgBackend

    def set_mode(self, connection: psycopg.Connection[Any], mode: Any) -> bool:
        was = connection.autocommit
        if was is not mode:
            connection.autocommit = mode
        return was

    def cursor(self, connection: psycopg.Connection[Any]) -> Any:
        return connection.cursor(row_factory=tuple_row)

    def begin(self, cursor: Any) -> None:
        cursor.execute("BEGIN ISOLATION LEVEL READ COMMITTED")

    def begin_snapshot(self, cursor: Any) -> None:
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def take_revision(self, cursor: Any) -> int | None:
        row = cursor.execute(self.sql[Statement.REVISION_TAKE]).fetchone()
        return row and int(row[0])

    def encode_hosts(self, hosts: Sequence[str]) -> str:
        # Not as an array: psycopg would take 1.2 us for each name.
        return "\n".join(hosts)

    def encode_time(self, time: datetime) -> datetime:
        return time

    def decode_time(self, value: datetime) -> datetime:
        return value.astimezone(UTC)

    def code(self, error: Exception) -> str | None:
        return error.sqlstate if isinstance(error, psycopg.Error) else None

    def classify(self, error: Exception, *, connecting: bool) -> Fault:
        if isinstance(error, NoConnectionInTime):
            return Fault.WAIT
        code = self.code(error)
        if code is not None:
            return _FAULTS.get(code) or _FAULTS.get(code[:2], Fault.UNLISTED)
        if connecting:
            # libpq gives no SQLSTATE here. A server that has asked for the password is up, and
            # what it refused (the password, the database) it will refuse again.
            refused = getattr(getattr(error, "pgconn", None), "used_password", False)
            return Fault.PERMANENT if refused else Fault.WAIT
        if isinstance(error, psycopg.OperationalError | OSError):
            return Fault.LOST
        return Fault.UNLISTED

    def has_table(self, cursor: Any, table: str) -> bool:
        row = cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        return bool(row[0])


def _conninfo(url: DatabaseUrl, timeout: float) -> str:
    unknown = sorted(set(url.options) - _OPTIONS)
    if unknown:
        problem = f"has the option {unknown[0]!r}, which libpq does not know"
        raise InvalidValue("database URL", problem)
    given = {
        "host": ",".join(host for host, _ in url.hosts) or None,
        "port": ",".join(str(port or "") for _, port in url.hosts) or None,
        "user": url.user,
        "password": url.password,
        "dbname": url.database or None,
    }
    settings = {
        # Times are read as UTC then, which is the zone that psycopg converts to fastest.
        "timezone": "UTC",
        "lock_timeout": ceil(timeout * 1000),
        "statement_timeout": ceil(timeout * 1000),
        "idle_in_transaction_session_timeout": ceil(idle_limit(timeout) * 1000),
    }
    options = [f"-c {name}={value}" for name, value in settings.items()]
    alive = {_KEEP_ALIVE.get(name, name): value for name, value in keep_alive(timeout).items()}
    arguments: dict[str, Any] = {
        "application_name": "hostmap_sql",
        **alive,
        **{name: value for name, value in given.items() if value},
        **url.options,
        "options": " ".join([*options, url.options.get("options", "")]).strip(),
    }
    return make_conninfo(**{**arguments, **_tls(arguments)})


# --- TLS ------------------------------------------------------------------------------------------

# Where libpq itself looks for authorities to trust.
_OWN_ROOTS = Path("~/.postgresql/root.crt")


def _tls(arguments: Mapping[str, Any]) -> dict[str, str]:
    """What to tell libpq of TLS: nothing, unless a server without it is to be refused."""
    settings = _settings(arguments)
    mode = settings.get("sslmode")
    if mode == "prefer":  # which is what it says, too, where nobody has said anything
        mode = arguments.get("sslmode") or os.environ.get("PGSSLMODE")
    own_roots = _OWN_ROOTS.expanduser()
    root = settings.get("sslrootcert") or (str(own_roots) if own_roots.is_file() else None)
    terms = tls.Terms.of(mode, root, (address for _, address, _ in _servers(settings)))
    if not terms.is_required:
        return {}
    if not terms.verifies:
        return {"sslmode": terms.mode}
    if terms.root:
        terms.context()  # to see at once that it can be read
    # psycopg's own OpenSSL does not know where the system has its authorities.
    roots = terms.root or tls.system_roots() or tls.SYSTEM
    return {"sslmode": terms.mode, "sslrootcert": roots}


def _settings(arguments: Mapping[str, Any]) -> dict[str, str]:
    """What libpq makes of its arguments, its environment and a service file.

    It is asked to connect, with a value that it refuses before it does.
    """
    refused = make_conninfo(**{**arguments, "target_session_attrs": "?"})
    connection = PGconn.connect_start(refused.encode())
    try:
        options = [option for option in connection.info if option.val is not None]
        return {option.keyword.decode(): (option.val or b"").decode() for option in options}
    finally:
        connection.finish()


def _servers(settings: Mapping[str, str]) -> list[tuple[str, str, int]]:
    """Each server that may be asked: its name, the address at which it is looked for, its port."""
    hosts = settings.get("host", "").split(",")
    addresses = settings.get("hostaddr", "").split(",")
    ports = settings.get("port", "").split(",")
    if len(ports) == 1:
        ports *= max(len(hosts), len(addresses))
    return [
        (host or address, address or host, int(port or _PORT))
        for host, address, port in zip_longest(hosts, addresses, ports, fillvalue="")
    ]


def _refusal_finder(conninfo: str) -> Callable[[Exception], tls.Refusal | None]:
    """Finds out whether, by what was asked of the servers, an error is a refusal of their TLS."""
    settings = _settings(conninfo_to_dict(conninfo))
    terms = tls.Terms.of(settings.get("sslmode"), settings.get("sslrootcert"), ())

    def refusal_of(error: Exception) -> tls.Refusal | None:
        if not terms.is_required or not isinstance(error, psycopg.OperationalError):
            return None
        if isinstance(error, psycopg.errors.ConnectionTimeout):
            return None
        if error.pgconn and (error.pgconn.ssl_in_use or error.pgconn.used_password):
            return None  # it was accepted, and has said more
        return tls_probe.refusal_of_all(_servers(settings), terms)

    return refusal_of


DIALECT = PostgreSQL()
