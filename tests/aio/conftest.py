"""Fixtures for the asyncio API."""

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
    """An event loop that runs during all tests."""
    thread = LoopThread()
    yield thread
    thread.stop()


@pytest.fixture
def hostmap(backend: Backend, loop_thread: LoopThread) -> Iterator[Blocking]:
    """A directory on a fresh database that makes each call through the asyncio API."""
    proxy = AsyncHostMap(backend.hostmap)
    yield Blocking(proxy, loop_thread)
    loop_thread.wait_for(proxy.close())
