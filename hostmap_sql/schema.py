"""The migrations that this version of the library knows: the files in its folders."""
# ruff: noqa: PTH100, PTH112, PTH118, PTH119, PTH120, PTH208
# pathlib imports urllib, which takes 5 ms.

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from importlib.resources.abc import Traversable

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_SUFFIX = ".sql"
_ROLLBACK_SUFFIX = ".rollback.sql"

# The names of our migrations; yoyo's table may hold those of other programs as well.
_OUR_MIGRATION = re.compile(r"[0-9]{4}-[a-z0-9-]*mapping[a-z0-9-]*")


def migrations_folder(dialect: str) -> str:
    """Return the folder of a dialect's migrations, in the installed package or in a checkout.

    In a zip file it is not a folder of the file system: see `on_disk`.
    """
    installed = os.path.join(_PACKAGE, "_migrations", dialect)
    checkout = os.path.join(os.path.dirname(_PACKAGE), "migrations", dialect)
    return installed if os.path.isdir(installed) or not os.path.isdir(checkout) else checkout


@contextmanager
def on_disk(folder: str) -> Iterator[str]:
    """Provide a folder of migrations for yoyo: a temporary copy if ours is in a zip file."""
    if os.path.isdir(folder):
        yield folder
        return
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - only for zip files

    with TemporaryDirectory(prefix="hostmap_sql-") as copy:
        for file in _zipped(os.path.basename(folder)):
            with open(os.path.join(copy, file.name), "wb") as target:  # noqa: PTH123
                target.write(file.read_bytes())
        yield copy


def known_migrations(dialect: str) -> tuple[str, ...]:
    """Return the ids of a dialect's migrations, in the order in which they are applied."""
    folder = migrations_folder(dialect)
    if os.path.isdir(folder):
        names = os.listdir(folder)
    else:
        names = [file.name for file in _zipped(dialect)]
    return tuple(
        sorted(
            name.removesuffix(_SUFFIX)
            for name in names
            if name.endswith(_SUFFIX) and not name.endswith(_ROLLBACK_SUFFIX)
        )
    )


def _zipped(dialect: str) -> list[Traversable]:
    """List a dialect's migrations in the zip file from which the library was imported.

    :raises DatabaseError: the zip file lacks them.
    """
    from importlib.resources import files  # noqa: PLC0415 - only for zip files

    folder = files("hostmap_sql").joinpath("_migrations", dialect)
    if not folder.is_dir():
        raise DatabaseError(
            "this bundle lacks the migrations of hostmap_sql: add the folder _migrations of the "
            "installed package to it, beside the package's modules"
        )
    return [*folder.iterdir()]


def unknown_migrations(dialect: str, applied: Iterable[str]) -> tuple[str, ...]:
    """Return the applied migrations of a newer version: ours by name, but not in the folder."""
    ours = filter(_OUR_MIGRATION.fullmatch, applied)
    return tuple(sorted(set(ours).difference(known_migrations(dialect))))
