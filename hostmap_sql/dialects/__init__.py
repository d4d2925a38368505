"""The databases that the library knows. Each module imports its driver, so none is loaded early."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hostmap_sql.dialects.base import Dialect


# Written out, so that what makes bundles of programs (PyInstaller, say) sees the imports.


def _mysql() -> Dialect:
    from hostmap_sql.dialects.mysql import DIALECT  # noqa: PLC0415

    return DIALECT


def _postgresql() -> Dialect:
    from hostmap_sql.dialects.postgresql import DIALECT  # noqa: PLC0415

    return DIALECT


def _sqlite() -> Dialect:
    from hostmap_sql.dialects.sqlite import DIALECT  # noqa: PLC0415

    return DIALECT


# The names of those with a driver that does not come with Python are their extras' names, too.
_DIALECTS: Mapping[str, Callable[[], Dialect]] = {
    "mysql": _mysql,
    "postgresql": _postgresql,
    "sqlite": _sqlite,
}

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

    :raises InvalidValue: there is no such dialect, or its driver cannot be imported.
    """
    if name not in _DIALECTS:
        raise InvalidValue("dialect", f"{name!r} is not one of {', '.join(_DIALECTS)}")
    try:
        return _DIALECTS[name]()
    except ModuleNotFoundError as error:
        problem = (
            f"{name!r} needs the package {error.name!r}: "
            f"install it with `pip install 'hostmap-sql[{name}]'`"
        )
        raise InvalidValue("dialect", problem) from error
    except ImportError as error:
        # psycopg finds no libpq: a zip file, for one, can hold none.
        why = str(error).partition("\n")[0]
        problem = f"{name!r} needs a driver that is installed but cannot be imported: {why}"
        raise InvalidValue("dialect", problem) from error


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
