"""`References`: the references that `reveal` follows, and their limits."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostmap_sql.errors import InvalidValue
from hostmap_sql.sealed_text import is_sealed
from hostmap_sql.secret_arguments import hide_arguments_of
from hostmap_sql.validation import valid_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ENV = "env"
_FILE = "file"
_KINDS = frozenset([_ENV, _FILE])

# Compiled at their first use, which saves import time.
_ENV_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_SCHEME = "[a-z][a-z0-9+.-]*"


class BadReference(Exception):
    """A reference cannot be followed. The message does not quote its target."""


@hide_arguments_of()
@dataclass(frozen=True)
class References:
    """The kinds of references that `SecretUrl.reveal` follows: none by default.

    A reference is stored in place of a URL, and `reveal` returns the URL that it leads to. Writers
    of the table can write references, so limit each kind to the secrets of cells.

    :param env_prefix: follow ``env://NAME`` to environment variables whose names begin with this.
    :param folder: follow ``file:///FOLDER/NAME`` to files in this folder and the folders in it.
        Symbolic links and ``..`` may not lead out of it. The file holds the URL alone; white space
        around it is ignored.
    :param functions: follow URLs of other schemes: a function for each scheme, which is called with
        the reference and returns the URL. An exception shows only by the name of its class.
    :raises InvalidValue: a value cannot be used.

    >>> references = References(env_prefix="CELL_", folder="/run/secrets")
    >>> with connect("sqlite:///hostmap.db", references=references) as hostmap:
    ...     cell = hostmap.cells.create("cell5", transport_url="env://CELL_MQ5")
    >>> print(cell.transport_url)
    env://CELL_MQ5
    """

    env_prefix: str | None = None
    folder: str | os.PathLike[str] | None = None
    functions: Mapping[str, Callable[[str], str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.env_prefix is not None and not re.fullmatch(_ENV_NAME, self.env_prefix):
            raise InvalidValue("env_prefix", "must be the beginning of a variable's name")
        if self.folder is not None and not os.path.isabs(self.folder):  # noqa: PTH117 - as key_file
            raise InvalidValue("folder", "must be an absolute path")
        for scheme in self.functions:
            if not re.fullmatch(_SCHEME, scheme) or scheme in _KINDS or is_sealed(f"{scheme}://"):
                problem = "must have lower-case schemes other than env, file and sealed"
                raise InvalidValue("functions", problem)

    def has(self, url: str) -> bool:
        """Return whether a URL is a reference: ``env://``, ``file://``, or one of a function."""
        scheme = _scheme(url)
        # A reference holds no login, so what has one is a URL, and is sealed.
        return (scheme in _KINDS and "@" not in url) or scheme in self.functions

    def follow(self, url: str) -> str:
        """Return the URL that a reference leads to.

        :raises BadReference: its kind is not allowed, or it does not lead to a URL.
        """
        scheme, rest = _scheme(url), url.partition("://")[2]
        if scheme == _ENV:
            found = self._env(rest)
        elif scheme == _FILE:
            found = self._file(rest)
        else:
            found = self._call(scheme, url)
        found = found.strip()
        if self.has(found):
            raise BadReference("leads to another reference")
        _refuse_no_url(found)
        return found

    def _env(self, name: str) -> str:
        if self.env_prefix is None:
            raise BadReference(
                "is not allowed here: see References(env_prefix=) or --reference-prefix"
            )
        if not name.startswith(self.env_prefix) or not re.fullmatch(_ENV_NAME, name):
            raise BadReference(f"names no variable that begins with {self.env_prefix}")
        found = os.environ.get(name)
        if found is None:
            raise BadReference("names a variable that is not set")
        return found

    def _file(self, rest: str) -> str:
        if self.folder is None:
            raise BadReference("is not allowed here: see References(folder=) or --reference-folder")
        from urllib.parse import unquote  # noqa: PLC0415 - 3 ms that only files need

        from hostmap_sql.small_files import read_small_file  # noqa: PLC0415 - as above

        path = unquote(rest)
        if not path.startswith("/") or "?" in rest or "#" in rest or "\0" in path:
            raise BadReference("is not of the form file:///FOLDER/NAME")
        try:
            folder = os.path.realpath(self.folder)
            path = os.path.realpath(path)
            if os.path.commonpath([folder, path]) != folder:
                raise BadReference(f"leads out of the folder {os.fspath(self.folder)!r}")
            if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - as above
                raise BadReference("leads to no file that holds a URL")
            return read_small_file(path).text
        except OSError as error:
            raise BadReference(f"leads to a file that cannot be read: {error.strerror}") from None
        except ValueError as error:
            raise BadReference(f"leads to a file that {error}") from None

    def _call(self, scheme: str, url: str) -> str:
        try:
            found = self.functions[scheme](url)
        except Exception as error:  # noqa: BLE001 - of the caller's function
            problem = f"cannot be followed: its function raised {type(error).__name__}"
            raise BadReference(problem) from None
        if not isinstance(found, str):
            raise BadReference("cannot be followed: its function returned no text")
        return found


NO_REFERENCES = References()


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _refuse_no_url(text: str) -> None:
    """Refuse any other text than a URL, so that a reference reveals no other file or variable."""
    try:
        valid_url(text, "it")
    except InvalidValue:
        is_url = False
    else:
        is_url = True
    if not is_url:
        raise BadReference("leads to text that is not a URL")
