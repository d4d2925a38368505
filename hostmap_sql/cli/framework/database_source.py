"""The source of the directory's URL: an option, the environment or a file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hostmap_sql.cli.framework.url_file import read_url_file
from hostmap_sql.errors import InvalidValue

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
    file = read_url_file(path, place, takes_input=False)
    return DatabaseSource(file.url, path, file.warning)
