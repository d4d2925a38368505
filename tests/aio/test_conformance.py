"""The contract tests of the synchronous API, run through the asyncio API, on all databases.

The database makes no difference to the others: see test_conformance_on_one_database.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.contract import test_hosts, test_transactions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

EXCLUDED = {
    # Its callback would wait for the loop that calls it.
    "test_move_all_reports_its_progress",
    # The number of hosts makes no difference here.
    "test_a_hundred_thousand_hosts",
}


def contents(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """Yield the tests of a module, with its name in theirs, and its fixtures."""
    for name, value in vars(module).items():
        if name.startswith("test_") and name not in EXCLUDED:
            yield f"{module.__name__.rpartition('.')[2]}_{name.removeprefix('test_')}", value
        elif type(value).__name__ == "FixtureFunctionDefinition":
            yield name, value


for _module in (test_hosts, test_transactions):
    globals().update(contents(_module))
