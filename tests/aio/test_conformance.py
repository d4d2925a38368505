"""What holds for the one face holds for the other: the same tests, through the asynchronous one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests import (
    test_bulk,
    test_cells,
    test_history,
    test_hosts,
    test_lists,
    test_transactions,
    test_update_many,
    test_waiting,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

LEFT_OUT = {
    # What it has called by the loop waits for the loop.
    "test_a_move_of_all_tells_how_far_it_has_come",
    # So many of them show no more of this face than a few.
    "test_a_hundred_thousand_hosts",
}


def of(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """The tests of a module, under names that tell it, and its fixtures."""
    for name, value in vars(module).items():
        if name.startswith("test_") and name not in LEFT_OUT:
            yield f"{module.__name__.rpartition('.')[2]}_{name.removeprefix('test_')}", value
        elif type(value).__name__ == "FixtureFunctionDefinition":
            yield name, value


for _module in (
    test_bulk,
    test_cells,
    test_history,
    test_hosts,
    test_lists,
    test_transactions,
    test_update_many,
    test_waiting,
):
    globals().update(of(_module))
