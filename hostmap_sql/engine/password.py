"""`PasswordFunction`: a caller's function that returns the password of each new connection."""

from __future__ import annotations

from inspect import iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING

from hostmap_sql.dialects.system_errors import fault_of_opening
from hostmap_sql.errors import DatabaseError, DatabaseUnavailable, InvalidValue

if TYPE_CHECKING:
    from hostmap_sql.errors import HostMapError

_EXAMPLE = "write password=read_password, for example"


class PasswordFunction:
    """Calls the caller's function for the password, and checks the result.

    No error holds the password, or the function's exception, which may hold it.

    :param database: the name of the database in messages.
    :raises InvalidValue: it is not a function that can be called in a thread.
    """

    def __init__(self, function: object, database: str) -> None:
        if not callable(function):
            # A fixed password has a place already, in the URL.
            problem = f"must be a function that returns it, not {type(function).__name__}"
            raise InvalidValue("password", f"{problem}: {_EXAMPLE}")
        if iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__):
            problem = "is a coroutine function: give a plain one, which a thread of its own calls"
            raise InvalidValue("password", problem)
        self._function = function
        self._database = database

    def __call__(self) -> str:
        """Return the password.

        :raises DatabaseUnavailable: the function failed temporarily.
        :raises DatabaseError: the function failed, or its result cannot be a password.
        """
        failure: HostMapError
        try:
            password = self._function()
        except Exception as error:  # noqa: BLE001 - it may hold the password, so it is not chained
            failure = self._translated(error)
        else:
            problem = _problem_of(password)
            if problem is None:
                return password  # type: ignore[no-any-return]
            del password
            failure = DatabaseError(f"{self._database}: its password function returned {problem}")
        raise failure

    def _translated(self, error: Exception) -> HostMapError:
        problem = f"its password function raised {type(error).__name__}"
        fault = fault_of_opening(error)
        if fault is not None and fault.is_transient:
            return DatabaseUnavailable(self._database, problem)
        return DatabaseError(f"{self._database}: {problem}")


def _problem_of(password: object) -> str | None:
    """Return the reason why a result cannot be a password; None if it can."""
    if iscoroutine(password):
        password.close()  # otherwise Python warns that it was never awaited
    if not isinstance(password, str):
        return f"{type(password).__name__}: return text (str)"
    if not password:
        return "an empty text"
    if any(character in password for character in "\0\r\n"):
        # libpq would cut it at a NUL; a line break is usually the end of a file.
        return "text with a line break or a NUL: remove it, as with .strip()"
    if any("\ud800" <= character <= "\udfff" for character in password):
        return "text that cannot be encoded in UTF-8"
    return None
