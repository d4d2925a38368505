"""The plan of a dry run: a row for each change that the command would make or refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.output.formats import show_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.cli.framework.settings import Settings

PLAN_COLUMNS = ("action", "kind", "name", "cell", "actual_cell", "detail")


def plan_row(action: str, kind: str, name: str, **values: str | None) -> dict[str, Any]:
    """Return the row of a change.

    :param action: the planned action, such as "update".
    :param kind: the kind of its object: "cell" or "host".
    :param name: the name of the cell or host.
    :param values: more columns; those that are absent are None.
    """
    return {**dict.fromkeys(PLAN_COLUMNS), "action": action, "kind": kind, "name": name, **values}


def show_plan(settings: Settings, rows: Iterable[dict[str, Any]], sentence: str) -> None:
    """Show the rows of a dry run, and its summary on standard error."""
    show_rows(settings, PLAN_COLUMNS, rows)
    errors.print_status(f"dry run: nothing was written; {sentence}")
