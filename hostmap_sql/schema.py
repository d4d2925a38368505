"""Which migrations this version of the library knows: those in its folder."""
# ruff: noqa: PTH100, PTH112, PTH118, PTH120, PTH208
# pathlib would bring urllib, and with it 5 ms to the import of the library.

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_SUFFIX = ".sql"
_ROLLBACK_SUFFIX = ".rollback.sql"

# How our migrations are named: yoyo's table may hold those of other programs as well.
_OUR_MIGRATION = re.compile(r"[0-9]{4}-[a-z0-9-]*mapping[a-z0-9-]*")


def migrations_folder(dialect: str) -> str:
    """The folder of a dialect's migrations, for yoyo: in an installed package, or in a checkout."""
    installed = os.path.join(_PACKAGE, "_migrations", dialect)
    if os.path.isdir(installed):
        return installed
    return os.path.join(os.path.dirname(_PACKAGE), "migrations", dialect)


def known_migrations(dialect: str) -> tuple[str, ...]:
    """The ids of all migrations, in the order in which they are applied."""
    return tuple(
        sorted(
            name.removesuffix(_SUFFIX)
            for name in os.listdir(migrations_folder(dialect))
            if name.endswith(_SUFFIX) and not name.endswith(_ROLLBACK_SUFFIX)
        )
    )


def unknown_migrations(dialect: str, applied: Iterable[str]) -> tuple[str, ...]:
    """Those of the applied ones that are ours by name but not in the folder: a newer version's."""
    ours = filter(_OUR_MIGRATION.fullmatch, applied)
    return tuple(sorted(set(ours).difference(known_migrations(dialect))))
