"""`hostmap host export`."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager, suppress
from errno import ELOOP
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from hostmap_sql.cli.commands.host.arguments import filter_options, iterate_hosts
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.csv_writer import CsvWriter
from hostmap_sql.cli.output.formats import prefetch_first
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.models import HostMapping

# The first bytes of an SQLite file.
_SQLITE_HEADER = b"SQLite format 3\0"


@click.command(
    "export",
    cls=Command,
    example="hostmap host export hosts.csv\nhostmap host export --cell cell1 | wc --lines",
)
@click.argument("file", default="-")
@filter_options
@click.option("--uuids", is_flag=True, help="Write the UUIDs of the cells instead of their names.")
@click.pass_obj
def export_hosts(
    settings: Settings,
    /,
    *,
    file: str,
    cells: tuple[str, ...],
    prefix: str | None,
    uuids: bool,
) -> None:
    """Write the hosts as CSV with the header host,cell, which `host import` reads.

    Without FILE, the CSV goes to standard output. An existing FILE is replaced once the new one is
    complete.
    """
    with settings.open() as hostmap:
        mappings = prefetch_first(iterate_hosts(hostmap, cells, prefix))
        if file == "-":
            _write(sys.stdout, mappings, uuids=uuids)
            return
        with _replacing(Path(file)) as stream:
            number = _write(stream, mappings, uuids=uuids)
    errors.print_status(f"wrote {plural(number, 'host')} to {file}")


def _write(stream: TextIO, mappings: Iterable[HostMapping], *, uuids: bool) -> int:
    writer = CsvWriter(stream, ("host", "cell"))
    number = 0
    for mapping in mappings:
        cell = mapping.cell_uuid if uuids else mapping.cell.name
        writer.write((mapping.host, cell))
        number += 1
    return number


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """Open a new file, which replaces the one at `path` after the block."""
    import tempfile  # noqa: PLC0415 - not needed by other commands

    mode = _mode(path)
    if not stat.S_ISREG(mode) or path.is_relative_to("/dev"):
        # A device or a pipe, such as /dev/stdout, is written to, not replaced.
        with path.open("a", encoding="utf-8", newline="") as stream:
            yield stream
        return
    try:
        path = path.resolve()  # replace the file, not a symbolic link to it
        _refuse_database(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".hostmap-", text=True)
    except RuntimeError:  # Python's error for a link to itself
        raise OSError(ELOOP, os.strerror(ELOOP), str(path)) from None
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123
            yield stream
            stream.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, stat.S_IMODE(mode))
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _mode(path: Path) -> int:
    """Return the type and permissions of a file; those of a new file if it does not exist."""
    try:
        return path.stat().st_mode
    except OSError:  # a problem other than a missing file shows when the file is created
        umask = os.umask(0)
        os.umask(umask)
        return stat.S_IFREG | 0o666 & ~umask


def _refuse_database(path: Path) -> None:
    """Refuse to replace an SQLite file, which may be the directory itself."""
    if not path.exists():
        return
    with path.open("rb") as file:
        if file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER:
            raise InvalidValue("FILE", f"{str(path)!r} is a database: name another file")
