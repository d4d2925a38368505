"""From errors to exit statuses: the one place where both the status and the sentence are made."""

from __future__ import annotations

import os
import re
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoArgsIsHelpError

from hostmap_sql.database_url import EXAMPLE
from hostmap_sql.errors import (
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    DatabaseUnavailable,
    HostMapError,
    HostMappingExists,
    HostMappingNotFound,
    HostsNotMapped,
    InvalidValue,
    OutcomeUnknown,
    StaleMapping,
)
from hostmap_sql.models import HostMapping
from hostmap_sql.urls import mask

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hostmap_sql.cli.context import Settings

OK = 0
FAILED = 1
WRONG_USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
IN_USE = 5
UNAVAILABLE = 6
UNKNOWN_OUTCOME = 7
INTERRUPTED = 130
READER_WENT_AWAY = 141  # as the shell says of a program that SIGPIPE ended

# Where on the command line the values stand that the library calls by its own names.
_PLACES = {
    "author": "--author",
    "cell_uuid": "CELL",
    "database URL": "--database (or HOSTMAP_DATABASE)",
    "database_connection": "--database-connection",
    "limit": "--limit",
    "migration": "--rollback",
    "prefix": "--prefix",
    "reason": "--reason",
    "revision": "--since",
    "timeout": "--timeout",
    "transport_url": "--transport-url",
    "uuid": "--uuid",
}

# To the quote or comma that the sentence itself puts behind it: a password may hold these too.
_URL = re.compile(r"[A-Za-z{][A-Za-z0-9+.}-]*://\S+?(?=['\")]*[,:;.)]*(?:\s|$))")


class Failure(Exception):
    """The command cannot do what it was asked to: a sentence, and the status it ends with.

    :param missing_hosts: the hosts that are not mapped, where that is why.
    """

    def __init__(
        self, sentence: str, status: int = FAILED, missing_hosts: Sequence[str] = ()
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.missing_hosts = missing_hosts


class ReaderWentAway(Exception):
    """Whoever read our output has closed it, as `head` does when it has seen enough."""


class Stopped(Exception):
    """A KeyboardInterrupt that was caught before click could add lines of its own."""


def exit_status(run: Callable[[], object], settings: Settings) -> int:
    """Run the command; say in one line on standard error why it failed, if it did."""
    try:
        status = run()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - none may show a traceback
        kind = next(kind for kind in type(error).__mro__ if kind in _VERDICTS)
        status, sentence = _VERDICTS[kind]
        if kind is Exception and settings.verbose:
            click.echo(_without_secrets(traceback.format_exc()), err=True, nl=False)
        text = sentence(error)
        if text is not None:
            say(with_notes(text, error))
        _let_go_of_output()
        return error.status if isinstance(error, Failure) else status
    return status if isinstance(status, int) else OK


def with_notes(text: str, error: BaseException) -> str:
    """What is said of an error, and what was noted beside, such as a suggestion."""
    return ": ".join([text, *getattr(error, "__notes__", ())])


def say(sentence: str) -> None:
    """Say something on standard error, in one line, and no password."""
    line = _without_secrets(" ".join(line.strip("\t") for line in sentence.splitlines()))
    with suppress(OSError):  # nobody to say it to
        click.echo(f"hostmap: {line}", err=True)


def _usage(error: click.ClickException) -> str:
    # A sentence of click's, that goes on with where to read more.
    sentence = error.format_message().rstrip(".")
    sentence = sentence[:1].lower() + sentence[1:]
    context = getattr(error, "ctx", None)
    more = f" (see `{context.command_path} --help`)" if context else ""
    return sentence + more


def _invalid(error: InvalidValue) -> str:
    return f"{_PLACES.get(error.field, error.field)} {error.problem}"


def _stale(error: StaleMapping) -> str:
    actual = error.actual
    if not isinstance(
        actual, HostMapping
    ):  # pragma: no cover - no command expects a cell's revision
        return str(error)
    return (
        f"host {actual.host!r} is in cell {actual.cell.name!r} (since revision {actual.revision}), "
        "not in the one that --from names: nothing was changed"
    )


def _system(error: OSError) -> str:
    problem = error.strerror or type(error).__name__
    return f"{error.filename}: {problem}" if error.filename else f"cannot go on: {problem}"


def _encoding(error: UnicodeEncodeError) -> str:
    return f"the output cannot be written in the encoding {error.encoding}: set PYTHONUTF8=1"


def _missing_package(error: ModuleNotFoundError) -> str:
    return f"the package {error.name!r} is missing: pip install 'hostmap-sql[cli]'"


def _unexpected(error: Exception) -> str:
    # Not its message: nobody knows what it holds.
    name = type(error).__name__
    return f"unexpected {name}, a fault of hostmap itself: --verbose shows where it happened"


def _help(error: NoArgsIsHelpError) -> None:
    """Show the help itself, instead of a sentence that refers to it."""
    click.echo(error.format_message(), err=True)


def _interrupted(_error: BaseException) -> str:
    return "interrupted"


def _without_secrets(sentence: str) -> str:
    """The sentence, should it quote a URL that was typed where none belongs, without passwords."""
    return _URL.sub(lambda url: EXAMPLE if url[0] == EXAMPLE else mask(url[0]), sentence)


def _silence(_error: ReaderWentAway) -> None:
    """Say nothing: there is nothing wrong."""


def _let_go_of_output() -> None:
    """Write the rest of the output; if that is not possible, see that Python does not try again.

    At its end it would, and complain about it in lines and with an exit status of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


# By the nearest class of the error: its exit status, and what is said of it.
_VERDICTS: Mapping[type[BaseException], tuple[int, Callable[[Any], str | None]]] = {
    InvalidValue: (WRONG_USAGE, _invalid),
    HostMappingNotFound: (NOT_FOUND, str),
    CellMappingNotFound: (NOT_FOUND, str),
    HostMappingExists: (CONFLICT, str),
    CellMappingExists: (CONFLICT, str),
    StaleMapping: (CONFLICT, _stale),
    CellMappingInUse: (IN_USE, str),
    DatabaseUnavailable: (UNAVAILABLE, str),
    HostsNotMapped: (UNAVAILABLE, str),
    OutcomeUnknown: (UNKNOWN_OUTCOME, str),
    HostMapError: (FAILED, str),
    Failure: (FAILED, str),
    NoArgsIsHelpError: (WRONG_USAGE, _help),
    click.ClickException: (WRONG_USAGE, _usage),
    ReaderWentAway: (READER_WENT_AWAY, _silence),
    Stopped: (INTERRUPTED, _interrupted),
    click.Abort: (INTERRUPTED, _interrupted),
    KeyboardInterrupt: (INTERRUPTED, _interrupted),
    UnicodeEncodeError: (FAILED, _encoding),
    ModuleNotFoundError: (FAILED, _missing_package),
    OSError: (FAILED, _system),
    Exception: (FAILED, _unexpected),
}
