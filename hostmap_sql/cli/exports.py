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

from hostmap_sql.cli import errors
from hostmap_sql.cli.hosts import cells_option, hosts, hosts_of
from hostmap_sql.cli.output import begun, plural
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hostmap_sql.cli.context import Settings
    from hostmap_sql.models import HostMapping

# What an SQLite file begins with.
_DATABASE = b"SQLite format 3\0"


@hosts.command(
    "export",
    example="hostmap host export hosts.csv\nhostmap host export --cell cell1 | wc --lines",
)
@click.argument("file", default="-")
@cells_option
@click.option("--prefix", help="Only hosts whose names begin so.")
@click.option("--uuids", is_flag=True, help="Write the UUIDs of the cells, not their names.")
@click.pass_obj
def export(
    settings: Settings,
    /,
    *,
    file: str,
    cells: tuple[str, ...],
    prefix: str | None,
    uuids: bool,
) -> None:
    """Write the hosts as CSV with the header host,cell, as `host import` reads it.

    A FILE is replaced only when all of it is written. Without one it goes to standard output.
    """
    with settings.open() as hostmap:
        mappings = begun(hosts_of(hostmap, cells, prefix))
        if file == "-":
            _write(sys.stdout, mappings, uuids=uuids)
            return
        with _replacing(Path(file)) as stream:
            number = _write(stream, mappings, uuids=uuids)
    errors.say(f"wrote {plural(number, 'host')} to {file}")


def _write(stream: TextIO, mappings: Iterable[HostMapping], *, uuids: bool) -> int:
    import csv  # noqa: PLC0415 - only for those who export

    plain = csv.writer(stream, lineterminator="\n")
    quoted = csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_ALL)
    plain.writerow(("host", "cell"))
    number = 0
    for mapping in mappings:
        cell = mapping.cell_uuid if uuids else mapping.cell.name
        # Unquoted it would be read as a comment.
        writer = quoted if mapping.host.startswith("#") else plain
        writer.writerow((mapping.host, cell))
        number += 1
    return number


@contextmanager
def _replacing(path: Path) -> Iterator[TextIO]:
    """A file to write, that takes the place of the one at `path` when all of it is there."""
    import tempfile  # noqa: PLC0415 - only for those who export

    mode = _mode(path)
    if not stat.S_ISREG(mode) or path.is_relative_to("/dev"):
        # /dev/stdout, a pipe: nothing that one could or should replace.
        with path.open("a", encoding="utf-8", newline="") as stream:
            yield stream
        return
    try:
        path = path.resolve()  # a symbolic link stays one
        _refuse_database(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".hostmap-", text=True)
    except RuntimeError:  # so Python calls a link to itself
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
    """The type and the permissions of a file; of one that is not there, as the shell makes it."""
    try:
        return path.stat().st_mode
    except OSError:  # what is wrong with it shows when it is made
        umask = os.umask(0)
        os.umask(umask)
        return stat.S_IFREG | 0o666 & ~umask


def _refuse_database(path: Path) -> None:
    """Refuse to replace what might be the directory itself."""
    if not path.exists():
        return
    with path.open("rb") as file:
        if file.read(len(_DATABASE)) == _DATABASE:
            raise InvalidValue("FILE", f"{str(path)!r} is a database: name another file")
