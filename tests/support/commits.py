"""Being there when a commit is sent."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING

from hostmap_sql.sessions import Transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from hostmap_sql import OutcomeUnknown


class NextCommit:
    """Does what it is told to just before the next commit is sent, whoever sends it."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._plans: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._met = Event()
        self.lost = 0
        """Of how many the answer was lost."""
        commit = Transaction.commit

        def watched(transaction: Transaction) -> OutcomeUnknown | None:
            with suppress(Empty):
                self._plans.get_nowait()()
                self._met.set()
            doubt = commit(transaction)
            self.lost += doubt is not None
            return doubt

        patch.setattr(Transaction, "commit", watched)

    def meet(self, plan: Callable[[], None], seconds: float) -> bool:
        """Wait so long for the next commit, and do it; return whether there was one by then."""
        self._met.clear()
        self._plans.put(plan)
        return self._met.wait(seconds)
