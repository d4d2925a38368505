"""The supported databases: a folder for each, their interface, and what they share.

Each dialect's module imports its driver, so none is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import mask_name

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostmap_sql.dialects.base import Dialect


# Static imports, because tools like PyInstaller follow no others.


def _mysql() -> Dialect:
    from hostmap_sql.dialects.mysql.dialect import DIALECT  # noqa: PLC0415

    return DIALECT


def _postgresql() -> Dialect:
    from hostmap_sql.dialects.postgresql.dialect import DIALECT  # noqa: PLC0415

    return DIALECT


def _sqlite() -> Dialect:
    from hostmap_sql.dialects.sqlite.dialect import DIALECT  # noqa: PLC0415

    return DIALECT


# The names are also those of the extras that install the drivers.
_DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "mysql": _mysql,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}

# Includes the schemes of SQLAlchemy, Nova and yoyo, so that their URLs work unchanged.
_SCHEMES = {
    "mysql": "mysql",
    "mysql+pymysql": "mysql",
    "mysql+mysqldb": "mysql",
    "mysql+mysqlconnector": "mysql",
    "mariadb": "mysql",
    "mariadb+pymysql": "mysql",
    "postgres": "postgresql",
    "postgresql": "postgresql",
    "postgresql+psycopg": "postgresql",
    "postgresql+psycopg2": "postgresql",
    "sqlite": "sqlite",
}


def dialect_named(name: str) -> Dialect:
    """Return a dialect by name: "mysql" (also for MariaDB), "postgresql" or "sqlite".

    :raises InvalidValue: there is no such dialect, or its driver cannot be imported.
    """
    if name not in _DIALECTS:
        raise InvalidValue("dialect", f"{mask_name(name)!r} is not one of {', '.join(_DIALECTS)}")
    try:
        return _DIALECTS[name]()
    except ModuleNotFoundError as error:
        problem = (
            f"{name!r} needs the package {error.name!r}: "
            f"install it with `pip install 'hostmap-sql[{name}]'`"
        )
        raise InvalidValue("dialect", problem) from error
    except ImportError as error:
        # psycopg finds no libpq, for example when it is in a zip file.
        reason = str(error).partition("\n")[0]
        problem = f"{name!r} needs a driver that is installed but cannot be imported: {reason}"
        raise InvalidValue("dialect", problem) from error


def dialect_of_scheme(scheme: str) -> Dialect:
    """Return the dialect of a URL scheme.

    :raises InvalidValue: the scheme is unknown.
    """
    name = _SCHEMES.get(scheme)
    if name is None:
        # The message does not quote it: it may contain a misplaced user and password.
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise InvalidValue("database URL", f"does not begin with one of {known}")
    return dialect_named(name)
