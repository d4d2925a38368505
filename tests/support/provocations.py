"""How databases are made to raise their failures: what each code means, and the steps to it.

The last step fails. A step is a statement of ours, or one of these:

    other: STATEMENT    is run by an administrator, on a connection that stays open
    soon: STATEMENT     as well, but while our next statement runs
    try: STATEMENT      is a statement of ours that may fail
    as user             from here on we are a user without privileges, who is called {user}
    as stranger         we are {user}, with a wrong password
    wait                for longer than a session has to that was told to be impatient

{us} is the number of our session, {database} the name of the database.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hostmap_sql.dialects.base import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Provocation:
    """Steps of which the last one fails, by this code, which means this."""

    code: str | None
    """None where the driver gives none."""
    fault: Fault
    steps: tuple[str, ...]
    after: tuple[str, ...] = ()
    """What an administrator has to run afterwards."""


def table(text: str) -> Mapping[str, Provocation]:
    """The provocations of a text, by their codes and a letter where there is more than one of it.

    Each begins with a line of a code and a meaning, and goes on with its steps, indented; those
    after a line of dashes are for afterwards.
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
"""What is there before each of them."""

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
    """What is said the same way to all of them, with the codes that one of them answers."""
    paragraphs = _COMMON.strip().split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        name, _, rest = paragraph.partition(" ")
        paragraphs[number] = f"{codes[name.lower()]} {rest}"
    return "\n\n".join(paragraphs) + "\n\n"
