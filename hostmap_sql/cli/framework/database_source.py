"""The source of the directory's URL: an option, the environment or a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hostmap_sql.errors import InvalidValue
from hostmap_sql.small_files import read_small_file

DEFAULT_DATABASE = "sqlite:///hostmap.db"
VARIABLE = "HOSTMAP_DATABASE"
FILE_VARIABLE = "HOSTMAP_DATABASE_FILE"


@dataclass(frozen=True)
class DatabaseSource:
    """A URL, the file that it was read from, if any, and a warning about that file."""

    url: str = field(repr=False)
    file: str | None = None
    warning: str | None = None


def find_database(given: str | None) -> DatabaseSource:
    """Return the URL of the option, which may be ``@FILE``, or else of the environment.

    :raises InvalidValue: the file cannot be used, or the environment is ambiguous.
    """
    if given is None:
        given, file = os.environ.get(VARIABLE), os.environ.get(FILE_VARIABLE)
        if file is not None:
            if given is not None:
                problem = f"is set, and so is {VARIABLE}: unset one of them"
                raise InvalidValue(FILE_VARIABLE, problem)
            return _read(file, FILE_VARIABLE)
        if given is None:
            return DatabaseSource(DEFAULT_DATABASE)
    text = given.strip()
    if text.startswith("@"):
        return _read(text.removeprefix("@"), f"--database (or {VARIABLE}) with @")
    return DatabaseSource(given)


def _read(path: str, place: str) -> DatabaseSource:
    """Read a URL from a file. No error quotes it."""
    if not path.strip():
        raise InvalidValue(place, "is empty: give the name of a file that holds the database URL")
    if path == "-":
        problem = "takes no -, because commands read their own input there: name a file"
        raise InvalidValue(place, problem)
    if "://" in path:
        problem = "holds a URL: give the name of a file that holds it"
        raise InvalidValue(place, problem)
    name = f"the URL file {path!r}"
    try:
        file = read_small_file(os.path.expanduser(path))  # noqa: PTH111 - "~nobody" stays as it is
    except ValueError as error:
        raise InvalidValue(name, str(error)) from None
    url = file.text.strip()
    if not url:
        raise InvalidValue(name, "is empty: write the database URL into it")
    if "\0" in url:
        raise InvalidValue(name, "holds a NUL: write it as UTF-8 text")
    if len(url.splitlines()) > 1:
        raise InvalidValue(name, "holds several lines: write the database URL alone into it")
    warning = None
    if file.is_open_to_others:
        warning = f"other users have access to {name}: run chmod o= on it"
    return DatabaseSource(url, path, warning)
