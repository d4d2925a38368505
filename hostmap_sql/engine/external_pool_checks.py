"""Checks an external pool, and unwraps the driver's connection from the proxy that it lends.

A proxy of DBUtils would reconnect in the middle of a transaction and silently lose its first half.
No pool is imported: classes are recognized by their names.
"""

from __future__ import annotations

import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from hostmap_sql.errors import DatabaseError, InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from hostmap_sql.dialects.base import Dialect

_FIELD = "connections"

_WANTED = (
    "pass a callable without arguments that returns a context manager with a connection, "
    "such as the method `connection` of a pool"
)
_WITHOUT_ARGUMENTS = f"cannot be called without arguments: {_WANTED}"
_OF_ENGINE = "write HostMap(lambda: contextlib.closing(engine.raw_connection()), ...)"
_ASYNCHRONOUS = (
    "is asynchronous: pass a synchronous pool; for coroutines write "
    "hostmap_sql.aio.AsyncHostMap(HostMap(pool.connection, ...))"
)

# The attributes in which proxies of SQLAlchemy and DBUtils hold the wrapped object.
_BEHIND = ("driver_connection", "dbapi_connection", "_con")

# Packages that are named differently from their modules.
_PACKAGES = {"MySQLdb": "mysqlclient", "mysql": "mysql-connector-python", "psycopg": "psycopg 3"}


# --- the argument of HostMap ----------------------------------------------------------------------


def refuse_unusable(connections: object) -> None:
    """Refuse an argument that cannot lend connections, as far as can be seen without a call.

    :raises InvalidValue: it cannot. The message gives the correct form.
    """
    problem = _of_its_kind(connections)
    if problem is None:
        problem = _of_its_call(connections) if callable(connections) else _not_callable(connections)
    if problem:
        raise _refused(problem)


def _of_its_kind(connections: object) -> str | None:
    """The problem with the type of the argument, None if there is none."""
    owner = getattr(connections, "__self__", connections)
    kind = owner if isinstance(owner, type) else type(owner)
    if isinstance(connections, str | bytes):
        return "is text: for the URL of a database write hostmap_sql.connect(url)"
    if _is_asynchronous(connections) or kind.__name__.startswith("Async"):
        return _ASYNCHRONOUS
    if _root(kind) == "sqlalchemy":
        return _of_sqlalchemy(connections, owner, kind)
    if connections is kind:
        return _of_a_class(kind)
    if kind.__module__ == "dbutils.persistent_db":
        return "lends a thread the same connection twice at once: use DBUtils' PooledDB"
    is_one = hasattr(connections, "cursor") and hasattr(connections, "commit")
    return f"is a connection itself, of {_package(kind)}: {_WANTED}" if is_one else None


def _of_sqlalchemy(connections: object, owner: object, kind: type) -> str | None:
    method = getattr(connections, "__name__", "")
    if method == "raw_connection" or (method == "connect" and ".pool." in kind.__module__):
        return None
    if ".pool." in kind.__module__:
        return "is a pool itself: write HostMap(lambda: contextlib.closing(pool.connect()), ...)"
    if hasattr(owner, "render_as_string"):
        return "is a URL: write hostmap_sql.connect(url.render_as_string(hide_password=False))"
    return f"belongs to SQLAlchemy ({kind.__name__}) and lends no driver connections: {_OF_ENGINE}"


def _of_a_class(kind: type) -> str | None:
    if callable(getattr(kind, "connection", None)):
        return f"is a class: create a {kind.__name__}, and pass its method `connection`"
    if not hasattr(kind, "__enter__"):
        return f"is the class {kind.__name__}, which makes no context managers: {_WANTED}"
    return None


def _not_callable(connections: object) -> str:
    if callable(getattr(connections, "connection", None)):
        return "is a pool itself: pass its method, as in HostMap(pool.connection, ...)"
    return f"is of the type {type(connections).__name__}: {_WANTED}"


def _of_its_call(connections: Callable[..., object]) -> str | None:
    if inspect.isgeneratorfunction(connections):
        return "is a generator function: write @contextlib.contextmanager above it"
    try:
        inspect.signature(connections).bind()
    except TypeError:
        if hasattr(type(connections), "__enter__"):
            return "was called already: pass pool.connection, without ()"
        return _WITHOUT_ARGUMENTS
    except ValueError:  # a function in C may have no signature
        pass
    return None


def _is_asynchronous(function: Any) -> bool:
    functions = (function, getattr(function, "__wrapped__", None), getattr(function, "__call__", 0))  # noqa: B004
    return any(inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f) for f in functions)


# --- the connections that it lends ----------------------------------------------------------------


def call(connections: Callable[[], object]) -> AbstractContextManager[Any]:
    """Call the pool and return its context manager.

    :raises InvalidValue: it returned something else.
    """
    try:
        lender = connections()
    except Exception as error:
        if isinstance(error, TypeError) and error.__traceback__ and not error.__traceback__.tb_next:
            # The call failed before any code of the callable ran: it may need arguments.
            raise _refused(f"cannot be called without arguments ({error}): {_WANTED}") from error
        raise _translated(error) from error
    kind = type(lender)
    if hasattr(kind, "__enter__"):
        return lender  # type: ignore[return-value]
    if hasattr(kind, "__aenter__") or inspect.isawaitable(lender):
        if inspect.iscoroutine(lender):
            lender.close()
        raise _refused(_ASYNCHRONOUS)
    if hasattr(lender, "cursor"):
        problem = "returns a connection that nothing would close: write "
        raise _refused(f"{problem}HostMap(lambda: contextlib.closing(...()), ...)")
    raise _refused(f"returns something of the type {kind.__name__}: {_WANTED}")


def enter(lender: AbstractContextManager[Any]) -> Any:
    """Enter the context manager and return the connection that it lends."""
    try:
        return lender.__enter__()
    except Exception as error:
        raise _translated(error) from error


def _translated(error: Exception) -> Exception:
    """Unwrap the exception of a pool; make a `DatabaseError` if the pool is closed."""
    if (_root(type(error)), type(error).__name__) == ("psycopg_pool", "PoolClosed"):
        return DatabaseError(str(error))
    original = getattr(error, "orig", None)  # SQLAlchemy wraps the driver's
    return original if isinstance(original, Exception) else error


def driver_connection(lent: Any, dialect: Dialect) -> Any:
    """Unwrap the driver's connection.

    :raises InvalidValue: it belongs to another driver, or is shared.
    """
    if isinstance(lent, dialect.connection_class):
        return lent
    if hasattr(lent, "_shared_con"):
        raise _refused("lends a connection that others share: pass pool.dedicated_connection")
    if type(lent).__module__ == "dbutils.steady_db":
        raise _refused("lends a connection that is never returned to a pool: use DBUtils' PooledDB")
    found = lent
    while not isinstance(found, dialect.connection_class):
        behind = next((b for n in _BEHIND if (b := getattr(found, n, None)) is not None), None)
        if behind is None:
            break
        found = behind
    else:
        return found
    if hasattr(type(found), "__getattr__") and hasattr(found, dialect.driver_attribute):
        return found  # an unknown proxy
    raise _foreign(found, dialect)


def reconnect_if_closed(lent: Any, connection: Any, dialect: Dialect) -> Any:
    """Replace a closed connection that DBUtils has kept and lent."""
    steady: Any = getattr(lent, "_con", None)
    if lent is connection or not hasattr(steady, "_create") or dialect.is_open(connection):
        return connection
    steady._store(steady._create())  # noqa: SLF001 - as DBUtils does for its own cursors
    return driver_connection(lent, dialect)


def invalidate_if_closed(lent: Any, connection: Any, dialect: Dialect) -> None:
    """Make SQLAlchemy's pool discard a closed connection."""
    if lent is not connection and hasattr(lent, "invalidate") and not dialect.is_open(connection):
        with suppress(Exception):
            lent.invalidate()


def lent_twice() -> InvalidValue:
    """Make the error for a pool that lends one connection twice at once."""
    return _refused(
        "lends the same connection twice at once: lend it again only after its return to the pool"
    )


def _foreign(lent: object, dialect: Dialect) -> InvalidValue:
    kind = type(lent)
    name = f"{kind.__module__}.{kind.__qualname__}"
    if _root(kind) == "sqlalchemy":
        return _refused(f"lends a connection of SQLAlchemy ({name}): {_OF_ENGINE}")
    wanted = f"the dialect {dialect.name!r} works with {dialect.driver}"
    if kind.__name__.startswith("Async") or hasattr(kind, "__aenter__"):
        wanted = f"which is asynchronous: {wanted}"
    what = "a connection" if hasattr(lent, "cursor") or hasattr(lent, "close") else "something"
    return _refused(f"lends {what} of {_package(kind)} ({name}): {wanted}")


def _root(kind: type) -> str:
    return kind.__module__.partition(".")[0]


def _package(kind: type) -> str:
    return _PACKAGES.get(_root(kind), _root(kind))


def _refused(problem: str) -> InvalidValue:
    return InvalidValue(_FIELD, problem)
