"""The databases that the library knows. Each module imports its driver, so none is loaded early."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from hostmap_sql.dialects.base import Dialect

# The extra of the package that brings the driver; SQLite comes with Python.
_DIALECTS = {"mysql": "mysql", "postgresql": "postgresql", "sqlite": None}

# The schemes of SQLAlchemy's, Nova's and yoyo's URLs, so that those work as they are.
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
    """The dialect "mysql" (also for MariaDB), "postgresql" or "sqlite".

    :raises InvalidValue: there is no such dialect, or its driver is not installed.
    """
    if name not in _DIALECTS:
        raise InvalidValue("dialect", f"{name!r} is not one of {', '.join(_DIALECTS)}")
    try:
        module = import_module(f"hostmap_sql.dialects.{name}")
    except ModuleNotFoundError as error:
        problem = (
            f"{name!r} needs the package {error.name!r}: "
            f"install it with `pip install 'hostmap-sql[{_DIALECTS[name]}]'`"
        )
        raise InvalidValue("dialect", problem) from error
    dialect: Dialect = module.DIALECT
    return dialect


def dialect_of_scheme(scheme: str) -> Dialect:
    """The dialect that the scheme of a database URL names.

    :raises InvalidValue: it names none.
    """
    try:
        name = _SCHEMES[scheme]
    except KeyError:
        # Not quoted: where a user and a password were put before the scheme, they would show.
        known = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise InvalidValue("database URL", f"does not begin with one of {known}") from None
    return dialect_named(name)
