"""A hook that runs just before the next commit is sent."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING

from hostmap_sql.engine.session import CommitLost, Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


class NextCommit:
    """Runs a plan just before the next commit of any thread is sent."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._plans: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._met = Event()
        self.lost = 0
        """The number of commits whose answer was lost."""
        commit = Transaction.commit

        def watched(transaction: Transaction) -> None:
            with suppress(Empty):
                self._plans.get_nowait()()
                self._met.set()
            try:
                commit(transaction)
            except CommitLost:
                self.lost += 1
                raise

        patch.setattr(Transaction, "commit", watched)

    def meet(self, plan: Callable[[], None], seconds: float) -> bool:
        """Run the plan before the next commit; return whether there was one within the time."""
        self._met.clear()
        self._plans.put(plan)
        return self._met.wait(seconds)
