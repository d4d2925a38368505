"""The directory through its asynchronous face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql.aio import AsyncHostMap
from tests.support.blocking import Blocking, LoopThread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.backends import Backend


@pytest.fixture(scope="session")
def loop_thread() -> Iterator[LoopThread]:
    """An event loop that runs for the whole of the tests."""
    thread = LoopThread()
    yield thread
    thread.stop()


@pytest.fixture
def hostmap(backend: Backend, loop_thread: LoopThread) -> Iterator[Blocking]:
    """A directory on a fresh database, each of its calls made through the asynchronous face."""
    face = AsyncHostMap(backend.hostmap)
    yield Blocking(face, loop_thread)
    loop_thread.wait_for(face.close())
