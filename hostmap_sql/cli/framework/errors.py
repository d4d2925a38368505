"""Errors as the command shows them: one sentence and one exit status for each."""

from __future__ import annotations

import os
import re
import sys
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
from click.exceptions import NoArgsIsHelpError

from hostmap_sql.cli.framework.redaction import quotable, safe_line, safe_lines
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

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

OK = 0
FAILED = 1
WRONG_USAGE = 2
NOT_FOUND = 3
CONFLICT = 4
IN_USE = 5
UNAVAILABLE = 6
UNKNOWN_OUTCOME = 7
INTERRUPTED = 130
OUTPUT_CLOSED = 141  # as a shell reports a program that SIGPIPE ended

EXIT_STATUSES = {
    OK: "done",
    FAILED: "any other failure",
    WRONG_USAGE: "wrong usage, or an invalid value",
    NOT_FOUND: "not found",
    CONFLICT: "already exists, stale or in conflict; or a check has findings",
    IN_USE: "refused because in use",
    UNAVAILABLE: "timed out: a database is unavailable, or hosts are still not mapped",
    UNKNOWN_OUTCOME: "outcome unknown: the answer to a commit was lost; see `hostmap outcome`",
    INTERRUPTED: "interrupted, as by Ctrl-C",
    OUTPUT_CLOSED: "the reader closed the output, as `head` does",
}
"""The meaning of each exit status."""

# The arguments and options of the values that the library calls by its own names.
_PLACES = {
    "author": "--author",
    "cell_uuid": "CELL",
    "database URL": "--database (or HOSTMAP_DATABASE)",
    "database_connection": "--database-connection",
    "cipher": "--key-file (or HOSTMAP_KEY_FILE)",
    "env_prefix": "--reference-prefix (or HOSTMAP_REFERENCE_PREFIX)",
    "folder": "--reference-folder (or HOSTMAP_REFERENCE_FOLDER)",
    "key": "--key",
    "key file": "--key-file (or HOSTMAP_KEY_FILE)",
    "limit": "--limit",
    "migration": "--rollback",
    "prefix": "--prefix",
    "reason": "--reason",
    "revision": "--since",
    "timeout": "--timeout",
    "transport_url": "--transport-url",
    "urls": "--urls",
    "user": "--user",
    "uuid": "--uuid",
}

_PLAIN_FILE = re.compile(r"[\w./~-]+")

# What click quotes in a sentence: values of the command line, in the form of repr().
_TYPED = re.compile(
    r"(?P<before>\A(?:No such (?:command|option)|Invalid value(?: for [^:]*)?:) )"
    r"(?P<quoted>'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")"
)


class Failure(Exception):
    """The command failed.

    :param sentence: the reason, for standard error.
    :param status: the exit status.
    :param missing_hosts: the hosts that are not mapped, if that is the reason.
    """

    def __init__(
        self, sentence: str, status: int = FAILED, missing_hosts: Sequence[str] = ()
    ) -> None:
        super().__init__(sentence)
        self.status = status
        self.missing_hosts = missing_hosts


class OutputClosed(Exception):
    """The reader closed our output, as `head` does."""


class Interrupted(Exception):
    """Replaces KeyboardInterrupt, for which click prints lines of its own."""


def report(error: BaseException, *, verbose: bool) -> int:
    """Print one line about an error to standard error, and return the exit status.

    :param verbose: also print the traceback of an unexpected error.
    """
    kind = next(kind for kind in type(error).__mro__ if kind in EXIT_CODES)
    status, sentence = EXIT_CODES[kind]
    if kind is Exception and verbose:
        click.echo(safe_lines("".join(traceback.format_exception(error))), err=True, nl=False)
    text = sentence(error)
    if text is not None:
        print_status(with_notes(text, error))
    _discard_unwritable_output()
    return error.status if isinstance(error, Failure) else status


def with_notes(text: str, error: BaseException) -> str:
    """Append the notes of an error, such as a suggestion, to its text."""
    return ": ".join([text, *getattr(error, "__notes__", ())])


def print_status(sentence: str) -> None:
    """Print one printable line to standard error, with masked passwords."""
    with suppress(OSError):  # standard error may be closed
        click.echo(f"hostmap: {safe_line(sentence)}", err=True)


def _usage(error: click.ClickException) -> str:
    """Rewrite a sentence of click's as one of ours, which names the help."""
    sentence = _TYPED.sub(_quote_typed, error.format_message()).rstrip(".")
    sentence = sentence[:1].lower() + sentence[1:]
    context = getattr(error, "ctx", None)
    more = f" (see `{context.command_path} --help`)" if context else ""
    return sentence + more


def _quote_typed(match: re.Match[str]) -> str:
    return f"{match['before']}{quotable(match['quoted'][1:-1])!r}"


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
        "not in the cell of --from: nothing was changed"
    )


def _system(error: OSError) -> str:
    problem = error.strerror or type(error).__name__
    if not error.filename:
        return f"cannot continue: {problem}"
    # In quotes, a URL with a space in it is masked as a whole.
    name = str(error.filename)
    return f"{name if _PLAIN_FILE.fullmatch(name) else repr(name)}: {problem}"


def _encoding(error: UnicodeEncodeError) -> str:
    return f"the output cannot be written in the encoding {error.encoding}: set PYTHONUTF8=1"


def _missing_package(error: ModuleNotFoundError) -> str:
    return f"the package {error.name!r} is missing: pip install 'hostmap-sql[cli]'"


def _unexpected(error: Exception) -> str:
    # Without its message, which may hold a secret.
    name = type(error).__name__
    return f"unexpected {name}, a bug in hostmap itself: --verbose shows where it happened"


def _print_help(error: NoArgsIsHelpError) -> None:
    click.echo(error.format_message(), err=True)


def _interrupted(_error: BaseException) -> str:
    return "interrupted"


def _print_nothing(_error: OutputClosed) -> None:
    pass


def _discard_unwritable_output() -> None:
    """Write the rest of the output, or discard it if it cannot be written.

    Otherwise Python tries again when it exits, and fails with messages and a status of its own.
    """
    try:
        sys.stdout.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


EXIT_CODES: Mapping[type[BaseException], tuple[int, Callable[[Any], str | None]]] = {
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
    NoArgsIsHelpError: (WRONG_USAGE, _print_help),
    click.ClickException: (WRONG_USAGE, _usage),
    OutputClosed: (OUTPUT_CLOSED, _print_nothing),
    Interrupted: (INTERRUPTED, _interrupted),
    click.Abort: (INTERRUPTED, _interrupted),
    KeyboardInterrupt: (INTERRUPTED, _interrupted),
    UnicodeEncodeError: (FAILED, _encoding),
    ModuleNotFoundError: (FAILED, _missing_package),
    OSError: (FAILED, _system),
    Exception: (FAILED, _unexpected),
}
"""The exit status and the sentence of each error, by its nearest class."""
