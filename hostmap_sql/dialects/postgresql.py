"""PostgreSQL, through psycopg. The only module that imports it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import zip_longest
from math import ceil
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo, PGconn, PollingStatus
from psycopg.rows import tuple_row

from hostmap_sql.dialects import postgresql_options, tls, tls_probe
from hostmap_sql.dialects.base import Dialect, Fault, idle_limit
from hostmap_sql.dialects.opening import NoConnectionInTime
from hostmap_sql.dialects.postgresql_faults import FAULTS
from hostmap_sql.dialects.sockets import keep_alive, shut_down
from hostmap_sql.errors import InvalidValue
from hostmap_sql.statements import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hostmap_sql.database_url import DatabaseUrl
    from hostmap_sql.dialects.base import Parameters

_PORT = 5432

# The code of an error that the server sent, in what libpq traces; what quotes others comes later.
_ERROR_CODE = re.compile(rb'^.*\tB\t\d+\tErrorResponse\t S "\w+" V "\w+" C "(\w{5})"', re.MULTILINE)
_LONGEST_TRACE = 100_000
_NOT_ALLOWED = "28000"
# How long, in seconds, it may take to get it: the server has just answered.
_TRACE_TIME = 2

# What libpq waits for.
_EVENTS = {PollingStatus.READING: EVENT_READ, PollingStatus.WRITING: EVENT_WRITE}

# What libpq calls TCP's options.
_KEEP_ALIVE = {
    "tcp_keepidle": "keepalives_idle",
    "tcp_keepintvl": "keepalives_interval",
    "tcp_keepcnt": "keepalives_count",
}

_OPTIONS = frozenset(option.keyword.decode() for option in Conninfo.get_defaults())
# These libpq looks at only when it has an address.
_NUMBERS = {"connect_timeout", "keepalives", "tcp_user_timeout", *_KEEP_ALIVE.values()}


class _Connection(psycopg.Connection[Any]):
    """A connection with the settings of `_conninfo`, which a caller's own has not."""


class PostgreSQL(Dialect):
    """PostgreSQL 14 and later."""

    name = "postgresql"
    url_options = postgresql_options.url_options(_OPTIONS)

    def opener(self, url: DatabaseUrl, timeout: float) -> Callable[[float], Any]:
        conninfo = _conninfo(url, timeout)
        refusal_of = _refusal_finder(conninfo)
        own = "connect_timeout" in url.options

        def open_connection(deadline: float) -> _Connection:
            # In whole seconds, from two on: who waits for it has left by then.
            left = max(2, ceil(deadline - monotonic()))
            patience: dict[str, Any] = {} if own else {"connect_timeout": left}
            with tls.refusals(url, refusal_of, self.code):
                try:
                    return _Connection.connect(conninfo, autocommit=True, **patience)
                except psycopg.OperationalError as error:
                    if error.sqlstate is None and error.pgconn and error.pgconn.used_password:
                        error.sqlstate = _refusal_code(conninfo)
                    raise

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

    def execute(self, cursor: Any, sql: str, parameters: Parameters) -> None:
        # Of a statement that is repeated the server keeps the plan: made for few rows it reads all
        # of the table, and that for each of many hosts once many rows have come. A caller's own
        # connection may do so; there it is planned each time.
        if "hosts" in parameters and not isinstance(cursor.connection, _Connection):
            cursor.execute(sql, parameters, prepare=False)
        else:
            cursor.execute(sql, parameters)

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
            return FAULTS.get(code) or FAULTS.get(code[:2], Fault.UNLISTED)
        if connecting:
            return Fault.WAIT  # what is refused has a code: see `_refusal_code`
        if isinstance(error, psycopg.OperationalError | OSError):
            return Fault.LOST
        return Fault.UNLISTED

    def has_table(self, cursor: Any, table: str) -> bool:
        row = cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,)).fetchone()
        return bool(row[0])


def _conninfo(url: DatabaseUrl, timeout: float) -> str:
    url = replace(url, options=postgresql_options.read(url, _OPTIONS))
    given = {
        "host": ",".join(host for host, _ in url.hosts) or None,
        "port": ",".join(str(port or "") for _, port in url.hosts) or None,
        "user": url.user,
        "password": url.password,
        "dbname": url.name,
    }
    settings = {
        # Times are read as UTC then, which is the zone that psycopg converts to fastest.
        "timezone": "UTC",
        "lock_timeout": ceil(timeout * 1000),
        "statement_timeout": ceil(timeout * 1000),
        "idle_in_transaction_session_timeout": ceil(idle_limit(timeout) * 1000),
        # Each statement has an index. A plan without it, made for an empty table and kept, takes
        # half a minute for 5,000 of 100,000 hosts that have come since.
        "enable_seqscan": "off",
        # Before PostgreSQL 18 that makes what has no other way look so dear that it is compiled.
        "jit": "off",
    }
    options = [f"-c {name}={value}" for name, value in settings.items()]
    alive = {_KEEP_ALIVE.get(name, name): value for name, value in keep_alive(timeout).items()}
    arguments: dict[str, Any] = {
        "application_name": "hostmap_sql",
        **alive,
        **{name: value for name, value in given.items() if value},
        **url.options,
        "client_encoding": "UTF8",
        "options": " ".join([*options, _own_options(url)]).strip(),
    }
    conninfo = make_conninfo(**{**arguments, **_tls(arguments)})
    _refuse_wrong_options(url.options)
    return conninfo


def _refuse_wrong_options(options: Mapping[str, str]) -> None:
    """Refuse what libpq would refuse each time that it is to connect."""
    for name in _NUMBERS & options.keys():
        try:
            int(options[name])
        except ValueError:
            problem = f"has the option {name!r}, whose value is not a whole number"
            raise InvalidValue("database URL", problem) from None
    usual = _said_of_nowhere({})
    if _said_of_nowhere(options) != usual:
        wrong = [name for name in options if _said_of_nowhere({name: options[name]}) != usual]
        which = f"the option {wrong[0]!r}, whose value" if wrong else "options that together"
        raise InvalidValue("database URL", f"has {which} libpq refuses")


def _said_of_nowhere(options: Mapping[str, str]) -> bytes:
    """What libpq says when it is to connect, with these options, to where there is nothing."""
    nowhere = {"host": "/", "hostaddr": "", "port": "1"}
    connection = PGconn.connect_start(make_conninfo(**{**options, **nowhere}).encode())
    try:
        return connection.error_message
    finally:
        connection.finish()


def _own_options(url: DatabaseUrl) -> str:
    # Beside an option of ours, libpq does not look into the environment.
    return url.options.get("options") or os.environ.get("PGOPTIONS", "")


def _refusal_code(conninfo: str) -> str | None:
    """The SQLSTATE by which the server refuses a session; None if it does not.

    libpq tells it to nobody but its trace: the session is asked for once more, to read that.
    """
    connection = PGconn.connect_start(conninfo.encode())
    try:
        with os.fdopen(os.memfd_create("trace"), "rb") as trace:
            connection.trace(trace.fileno())
            _poll(connection, monotonic() + _TRACE_TIME)
            connection.untrace()
            said = os.pread(trace.fileno(), _LONGEST_TRACE, 0)
    except (psycopg.NotSupportedError, AttributeError):
        return _NOT_ALLOWED  # not to be had on this system: the likeliest
    except (psycopg.Error, OSError):
        return None
    finally:
        connection.finish()
    codes = _ERROR_CODE.findall(said)
    return codes[-1].decode() if codes else None


def _poll(connection: Any, deadline: float) -> None:
    """Go on connecting until it has failed or come about, or the time is up."""
    while (now := monotonic()) < deadline:
        status = connection.connect_poll()
        event = _EVENTS.get(status)
        if event is None:
            return
        with DefaultSelector() as selector:  # plain `select` takes no file numbers above 1,023
            selector.register(connection.socket, event)
            selector.select(deadline - now)


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
        (host or address, address or host, _port(port))
        for host, address, port in zip_longest(hosts, addresses, ports, fillvalue="")
    ]


def _port(port: str) -> int:
    try:
        return int(port or _PORT)
    except ValueError:
        raise InvalidValue("database URL", f"names the port {port!r}: write a number") from None


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
