"""Parses provocations: an error code, its fault class, and the steps that lead to it.

The last step fails. A step is a statement on the connection under test, or one of these:

    other: STATEMENT    on an administrator's connection, which stays open
    soon: STATEMENT     on the administrator's, while the next statement runs on the one under test
    try: STATEMENT      on the connection under test; it may fail
    as user             reconnects as {user}, who has no privileges
    as stranger         reconnects as {user}, with a wrong password
    wait                for longer than the idle timeouts of the provocations

{us} is the id of the session under test, {database} the name of the database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.dialects.fault import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Provocation:
    """The steps to a failure, of which the last one fails."""

    code: str | None
    """The code of the failure; None if the driver gives none."""
    fault: Fault
    """The class of the failure."""
    steps: tuple[str, ...]
    cleanup: tuple[str, ...] = ()
    """The administrator's statements that restore the server."""


def parse(text: str) -> Mapping[str, Provocation]:
    """Parse provocations; each is keyed by its code, with a letter if the code is repeated.

    A paragraph begins with a line of code and fault class. Its indented lines are the steps; those
    after a line of dashes are the cleanup.
    """
    found: dict[str, Provocation] = {}
    for paragraph in re.split(r"\n\n+", text.strip()):
        head, *lines = paragraph.splitlines()
        code, _, fault = head.partition(" ")
        steps = [line.strip() for line in lines]
        end = steps.index("--") if "--" in steps else len(steps)
        name = next(n for n in (code, *(f"{code} {m}" for m in "bcdefgh")) if n not in found)
        found[name] = Provocation(
            None if code == "none" else code,
            Fault[fault],
            tuple(steps[:end]),
            tuple(steps[end + 1 :]),
        )
    return found


CELL = "5f7ccc29-a9eb-417c-865e-b9bd78a72dcc"
_NO_CELL = "99999999-9999-4999-8999-999999999999"
TIME = "2026-01-01 00:00:00"
INSERT_HOST = "INSERT INTO host_mapping (host, cell_uuid, revision, created_at) VALUES"
INSERT_CELL = "INSERT INTO cell_mapping (uuid, name, disabled, revision, created_at) VALUES"

SETUP = (
    f"{INSERT_CELL} ('{CELL}', 'cell1', FALSE, 1, '{TIME}')",
    f"{INSERT_HOST} ('a', '{CELL}', 1, '{TIME}'), ('b', '{CELL}', 1, '{TIME}')",
)
"""The statements that prepare the database for each provocation."""

_COMMON = f"""
DUPLICATE PERMANENT
    {INSERT_HOST} ('a', '{CELL}', 1, '{TIME}')

DUPLICATE_NAME PERMANENT
    {INSERT_CELL} ('{_NO_CELL}', 'cell1', FALSE, 1, '{TIME}')

NO_KEY PERMANENT
    {INSERT_HOST} ('c', '{_NO_CELL}', 1, '{TIME}')

KEY_IN_USE PERMANENT
    DELETE FROM cell_mapping

NULL PERMANENT
    {INSERT_HOST} ('c', '{CELL}', NULL, '{TIME}')

CHECK PERMANENT
    INSERT INTO mapping_revision (id, revision, pruned_revision) VALUES (2, 0, 0)

TOO_LONG PERMANENT
    {INSERT_HOST} ('{"x" * 256}', '{CELL}', 1, '{TIME}')

NO_TABLE NO_TABLE
    SELECT * FROM no_such_table

NO_COLUMN NO_TABLE
    SELECT no_such_column FROM host_mapping
"""


def common(**codes: str) -> str:
    """Return the provocations that are the same on all databases, with the codes of one."""
    paragraphs = _COMMON.strip().split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        name, _, rest = paragraph.partition(" ")
        paragraphs[number] = f"{codes[name.lower()]} {rest}"
    return "\n\n".join(paragraphs) + "\n\n"
