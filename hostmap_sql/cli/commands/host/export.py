"""`hostmap host export`."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from errno import ELOOP
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from hostmap_sql.cli.commands.host.arguments import filter_options, iterate_hosts
from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.options import collect
from hostmap_sql.cli.framework.terminal import printable
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
@click.option(
    "--csv-safe",
    is_flag=True,
    expose_value=False,
    callback=collect,
    help="Write a ' before names that begin with = + - or @, which a spreadsheet would take for "
    "formulas. `host import` does not remove it.",
)
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
    r"""Write the hosts as CSV with the header host,cell, which `host import` reads.

    Without FILE, the CSV goes to standard output. An existing FILE is replaced once the new one is
    complete.

    Names have unprintable characters only if another program wrote them. They are written
    unchanged to a FILE, and as escape sequences such as \x1b to anything else.
    """
    with settings.open() as hostmap:
        mappings = prefetch_first(iterate_hosts(hostmap, cells, prefix))
        if file == "-":
            export = _Export(sys.stdout, is_exact=False, is_safe=settings.csv_safe)
            export.write(mappings, uuids=uuids)
        else:
            with _replacing(Path(file)) as (stream, is_file):
                export = _Export(stream, is_exact=is_file, is_safe=settings.csv_safe)
                export.write(mappings, uuids=uuids)
            errors.print_status(f"wrote {plural(export.rows, 'host')} to {file}")
    if export.unprintable:
        how = "unchanged" if export.is_exact else "as escape sequences"
        errors.print_status(
            f"{plural(export.unprintable, 'line')} with unprintable characters, written {how}: "
            "`hostmap host import` refuses or changes such names; see `hostmap check`"
        )


@dataclass
class _Export:
    """Writes hosts as CSV, and counts them.

    :param is_exact: write unprintable characters as they are, because no terminal shows them.
    """

    stream: TextIO
    is_exact: bool
    is_safe: bool
    rows: int = 0
    unprintable: int = 0

    def write(self, mappings: Iterable[HostMapping], *, uuids: bool) -> None:
        writer = CsvWriter(self.stream, ("host", "cell"), is_safe=self.is_safe)
        for mapping in mappings:
            fields = [mapping.host, mapping.cell_uuid if uuids else mapping.cell.name]
            self.rows += 1
            if not all(map(str.isprintable, fields)):
                self.unprintable += 1
                fields = fields if self.is_exact else [*map(printable, fields)]
            writer.write(fields)


@contextmanager
def _replacing(path: Path) -> Iterator[tuple[TextIO, bool]]:
    """Open a new file, which replaces the one at `path` after the block.

    The second value is False for a device, which may be a terminal.
    """
    import tempfile  # noqa: PLC0415 - not needed by other commands

    mode = _mode(path)
    if not stat.S_ISREG(mode) or path.is_relative_to("/dev"):
        # A device or a pipe, such as /dev/stdout, is written to, not replaced.
        with path.open("a", encoding="utf-8", newline="") as stream:
            yield stream, False
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
            yield stream, True
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
