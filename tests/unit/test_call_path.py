"""The path from a public call down to the driver stays short."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import hostmap_sql
from hostmap_sql import KeyRing
from tests.support.backends.sqlite import SQLiteFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    from tests.support.backends import Backend

LIBRARY = Path(hostmap_sql.__file__).parent

# Lower these when a file or a call is removed, and never raise them without a decision.
MOST_FILES = {"lookup": 6, "move": 9, "reveal": 5}
MOST_CALLS = {"lookup": 28, "move": 129, "reveal": 10}


@pytest.fixture(scope="module")
def database() -> Iterator[Backend]:
    """A database in SQLite, whose driver is written in C and adds no calls."""
    factory = SQLiteFactory(None)
    backend = factory.fresh()
    yield backend
    backend.close()
    factory.close()


@pytest.fixture(scope="module")
def calls(database: Backend) -> dict[str, Callable[[], object]]:
    """Calls that have been made before, so that connection, schema and imports are there."""
    hostmap = database.hostmap
    here, there = (hostmap.cells.create(name).uuid for name in ("cell1", "cell2"))
    hostmap.hosts.create("a", here)
    hostmap.hosts.move("a", there)
    hostmap.hosts.get("a")
    with_key = database.connect(cipher=KeyRing({"key": bytes(32)}, active="key"))
    sealed = with_key.cells.create("sealed", transport_url="rabbit://nova:s3cret@mq/").transport_url
    assert sealed
    sealed.reveal()
    return {
        "lookup": lambda: hostmap.hosts.get("a"),
        "move": lambda: hostmap.hosts.move("a", here),
        "reveal": sealed.reveal,
    }


def library_calls(call: Callable[[], object]) -> Counter[str]:
    """Count the Python calls inside the library, by file."""
    counts: Counter[str] = Counter()

    def count(frame: FrameType, event: str, _: object) -> None:
        file = Path(frame.f_code.co_filename)
        if event == "call" and file.is_relative_to(LIBRARY):
            counts[str(file.relative_to(LIBRARY))] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
    return counts


@pytest.mark.parametrize("name", MOST_FILES)
def test_the_path_of_a_call_is_short(name: str, calls: dict[str, Callable[[], object]]) -> None:
    counts = library_calls(calls[name])

    assert counts  # or the profiler saw nothing
    assert len(counts) <= MOST_FILES[name], counts
    assert counts.total() <= MOST_CALLS[name], counts
