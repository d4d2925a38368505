"""Showing the results and dry runs of `hostmap secrets seal` and `rotate`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.cli.framework import errors
from hostmap_sql.cli.framework.wording import plural
from hostmap_sql.cli.output.dry_run import plan_row, show_plan
from hostmap_sql.cli.output.formats import show_summary

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hostmap_sql.cli.framework.settings import Settings
    from hostmap_sql.directory.secrets import KeyUse, SealResult

COLUMNS = ("cells", "urls", "unchanged", "skipped", "revision", "keys")


def show_plan_of(settings: Settings, result: SealResult) -> None:
    """Show the cells that would be sealed."""
    rows = [
        plan_row("update", "cell", cell.name, detail=", ".join(cell.fields))
        for cell in result.cells
    ]
    urls, cells = plural(result.urls, "URL"), plural(len(result.cells), "cell")
    show_plan(settings, rows, f"{urls} of {cells} would be sealed, unchanged {result.unchanged:,}")


def show_result(settings: Settings, result: SealResult, keys: Sequence[KeyUse], done: str) -> None:
    """Show the numbers of sealed URLs, and the number of URLs of each key now."""
    sealed = [one for one in keys if one.kind == "sealed"]
    row = {
        "cells": len(result.cells),
        "urls": result.urls,
        "unchanged": result.unchanged,
        "skipped": result.skipped,
        "revision": result.revision,
        "keys": [{"key": one.key, "urls": one.urls, "active": one.is_active} for one in sealed],
    }
    when = f" (revision {result.revision})" if result.revision else ""
    of_keys = "".join(f"; key {one.key}: {plural(one.urls, 'URL')}" for one in sealed)
    cells = plural(len(result.cells), "cell")
    number = f"{done} {plural(result.urls, 'URL')} of {cells}, unchanged {result.unchanged:,}"
    show_summary(settings, row, f"{number}{when}{of_keys}")
    if result.skipped:
        problem = f"{plural(result.skipped, 'URL')} changed during the command: run it again"
        raise errors.Failure(problem, errors.CONFLICT)
