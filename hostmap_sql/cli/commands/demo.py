"""`hostmap demo`: a small directory, and the commands that make it."""

from __future__ import annotations

import errno
import os
import shlex
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

import click

from hostmap_sql.cli.commands.host.import_ import write_pairs
from hostmap_sql.cli.framework.commands import Command
from hostmap_sql.cli.framework.errors import Failure
from hostmap_sql.cli.framework.terminal import printable
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import read_records
from hostmap_sql.cli.input.resolve_cells import Pairing
from hostmap_sql.errors import CellMappingNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from importlib.resources.abc import Traversable

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.hostmap import HostMap

DATABASE = "sqlite:///hostmap-demo.db"

# With fake passwords, so that the output shows how they are masked.
_CELLS = {
    name: (
        f"rabbit://nova:PASSWORD@mq.{site}.example.org:5672/",
        f"mysql+pymysql://nova:PASSWORD@db.{site}.example.org/nova_{name}",
    )
    for name, site in (("cell1", "ams"), ("cell2", "fra"), ("cell3", "waw"))
}

_LOOKUPS = (
    "cmp-r07-u12.ams.example.org",
    "cmp-r21-u03.fra.example.org",
    "gpu-r30-u20.waw.example.org",
)
_MOVED = _LOOKUPS[0]
_BULK = 1_000


@click.command("demo", cls=Command, uses=("timeout", "author", "reason"), example="hostmap demo")
@click.pass_obj
def demo(settings: Settings) -> None:
    """Create an example directory, and look up hosts in it.

    Prints the command for each step. The directory is the file hostmap-demo.db in the current
    folder, regardless of HOSTMAP_DATABASE. The demo can be repeated.
    """
    settings.database = DATABASE
    _make_file()
    _print_command("export", f"HOSTMAP_DATABASE={DATABASE}")
    with settings.open() as hostmap:
        _fill(hostmap)
        _look_up(hostmap)
    click.echo("\nNow try the directory yourself:\n")
    for line in (
        f"export HOSTMAP_DATABASE={DATABASE}",
        "hostmap cell list",
        "hostmap host list --cell cell3 --prefix gpu-r30 --format json",
        f"hostmap host move {_MOVED} cell2 --from cell1 --reason 'rack 7 rewired'",
        f"hostmap log {_MOVED}",
        "hostmap --help",
    ):
        click.echo(f"  {line}")


def _make_file() -> None:
    """Create the file if it is missing, and refuse a symbolic link, which could lead elsewhere.

    In a folder such as /tmp, another user may have created one.
    """
    path = DATABASE.removeprefix("sqlite:///")
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        if error.errno != errno.ELOOP:
            return  # `migrate` says why
        problem = "is a symbolic link: remove it, or run the demo in another folder"
        raise Failure(f"{path} {problem}") from None


def _fill(hostmap: HostMap) -> None:
    _print_command("hostmap", "migrate")
    with _timed() as answer:
        applied = hostmap.migrate()
        answer(f"applied {plural(len(applied), 'migration')}" if applied else "up to date")
    for name, (queue, database) in _CELLS.items():
        options = ("--transport-url", queue, "--database-connection", database)
        _print_command("hostmap", "cell", "create", name, *options)
        with _timed() as answer:
            try:
                hostmap.cells.get_by_name(name)
            except CellMappingNotFound:
                hostmap.cells.create(name, transport_url=queue, database_connection=database)
                answer(f"created {name}")
            else:
                answer(f"{name} already exists")
    file = _hosts_file()
    _print_command("hostmap", "host", "import", str(file))
    with _timed() as answer:
        pairing = Pairing(hostmap.cells.list(), None)
        read_records(file.read_bytes(), inventory_columns(), "csv", pairing.add)
        result = write_pairs(hostmap, list(pairing.pairs.items()), "report")
        answer(
            f"created {result.created:,}, unchanged {result.unchanged:,}, moved 0, "
            f"conflicts {len(result.conflicts):,}"
        )


def _hosts_file() -> Traversable:
    """Find the file with the hosts, which may be inside a zip file."""
    from importlib.resources import files  # noqa: PLC0415 - slow, and not needed by other commands

    return files("hostmap_sql.cli") / "data" / "demo-hosts.csv"


def _look_up(hostmap: HostMap) -> None:
    hostmap.revision()  # opens the file, so that the first lookup does not
    for host in _LOOKUPS:
        _print_command("hostmap", "host", "show", host)
        with _timed() as answer:
            answer(f"{host} is in {hostmap.hosts.get(host).cell.name}")
    click.echo(f"\n$ # and in Python: hostmap.hosts.get_many(hosts), of {_BULK:,} hosts")
    with _timed() as answer:
        names = [mapping.host for mapping in hostmap.hosts.list(limit=_BULK)]
        answer(plural(len(names), "host"))
    with _timed() as answer:
        answer(f"{len(hostmap.hosts.get_many(names)):,} answers")


def _print_command(*words: str) -> None:
    click.echo(f"\n$ {shlex.join(words)}")


@contextmanager
def _timed() -> Iterator[Callable[[str], None]]:
    """Time a block, and print its answer with the time."""
    answers: list[str] = []
    start = perf_counter()
    yield answers.append
    milliseconds = (perf_counter() - start) * 1_000
    for answer in answers:
        click.echo(f"  {printable(answer)} ({milliseconds:.1f} ms)")
