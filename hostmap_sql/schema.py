"""Which migrations this version of the library knows: those in its folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

# How our migrations are named: yoyo's table may hold those of other programs as well.
_OUR_MIGRATION = re.compile(r"[0-9]{4}-[a-z0-9-]*mapping[a-z0-9-]*")

if TYPE_CHECKING:
    from collections.abc import Iterable

_PACKAGE = Path(__file__).parent
_ROLLBACK = ".rollback.sql"


def migrations_folder(dialect: str) -> Path:
    """The folder of a dialect's migrations, for yoyo: in an installed package, or in a checkout."""
    installed = _PACKAGE / "_migrations" / dialect
    return installed if installed.is_dir() else _PACKAGE.parent / "migrations" / dialect


def known_migrations(dialect: str) -> tuple[str, ...]:
    """The ids of all migrations, in the order in which they are applied."""
    files = migrations_folder(dialect).glob("*.sql")
    return tuple(sorted(file.stem for file in files if not file.name.endswith(_ROLLBACK)))


def unknown_migrations(dialect: str, applied: Iterable[str]) -> tuple[str, ...]:
    """Those of the applied ones that are ours by name but not in the folder: a newer version's."""
    ours = filter(_OUR_MIGRATION.fullmatch, applied)
    return tuple(sorted(set(ours).difference(known_migrations(dialect))))
