"""What a dry run shows: each thing that would be done, or could not be, as a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hostmap_sql.cli import errors
from hostmap_sql.cli.output import show_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.cli.context import Settings

PLAN_COLUMNS = ("action", "kind", "name", "cell", "actual_cell", "detail")


def plan_row(action: str, kind: str, name: str, **values: str | None) -> dict[str, Any]:
    """One thing that a dry run would do, or could not."""
    return {**dict.fromkeys(PLAN_COLUMNS), "action": action, "kind": kind, "name": name, **values}


def show_plan(settings: Settings, rows: Iterable[dict[str, Any]], sentence: str) -> None:
    """Show all that a dry run would do."""
    show_rows(settings, PLAN_COLUMNS, rows)
    errors.say(f"dry run: nothing was written; {sentence}")
