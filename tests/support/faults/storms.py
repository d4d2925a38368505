"""Storms of random faults, such as those of networks and administrators."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import suppress
from threading import Event, Thread
from typing import TYPE_CHECKING, Self

from tests.support.faults.proxy import Cut, Direction

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.backends import Backend
    from tests.support.faults.next_commit import NextCommit
    from tests.support.faults.proxy import Proxy

LONGEST_GAP = 0.1
LONGEST_SILENCE = 0.3
BYTES_OF_A_COMMIT = 12
FARTHEST_CUT = 1500
"""In bytes: the length of some transactions of many threads."""


class Storm:
    """Injects random faults, one after another, while the block lasts."""

    def __init__(self, proxy: Proxy, backend: Backend, commits: NextCommit, seed: int) -> None:
        self.done: Counter[str] = Counter()
        """The faults so far, counted."""
        self._proxy = proxy
        self._backend = backend
        self._commits = commits
        self._chance = random.Random(seed)
        self._over = Event()
        self._thread = Thread(target=self._blow, name="storm")
        self._failures: list[BaseException] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._proxy.cut_now()
        self._proxy.resume()
        for failure in self._failures:
            raise failure

    def _blow(self) -> None:
        gusts: list[Callable[[], object]] = [self._cut, self._cut_a_commit] * 6
        gusts += [self._delay] * 4
        gusts += [self._silence, self._cut_all, self._refuse, self._end_sessions]
        try:
            while not self._over.wait(self._chance.uniform(0, LONGEST_GAP)):
                gust = self._chance.choice(gusts)
                gust()
                self.done[gust.__name__.strip("_")] += 1
        except BaseException as error:  # noqa: BLE001 - raised where the block ends
            self._failures.append(error)

    def _pass(self, longest: float) -> None:
        self._over.wait(self._chance.uniform(0, longest))

    def _cut(self) -> None:
        """Cut one connection at a random byte, in either direction."""
        cut = self._drawn_cut(FARTHEST_CUT)
        self._proxy.cut_after(*cut)
        self._let_it_happen(cut)

    def _cut_a_commit(self) -> None:
        """Cut a connection in a commit or its answer, unless another connection sends first."""
        cut = self._drawn_cut(BYTES_OF_A_COMMIT)
        self._commits.meet(lambda: self._proxy.cut_after(*cut), LONGEST_GAP)
        self._let_it_happen(cut)

    def _drawn_cut(self, farthest: int) -> tuple[Direction, int, Cut]:
        return (
            self._chance.choice([*Direction]),
            self._chance.randrange(farthest),
            self._chance.choice([*Cut]),
        )

    def _let_it_happen(self, cut: tuple[Direction, int, Cut]) -> None:
        self._pass(2 * LONGEST_GAP)
        if cut[2] is Cut.STALL:
            # Its transaction holds the lock of all writers until the server sees that it is dead.
            self._pass(LONGEST_SILENCE)
            self._proxy.resume()

    def _cut_all(self) -> None:
        self._proxy.cut_now(self._chance.choice([Cut.RESET, Cut.CLOSE]))

    def _silence(self) -> None:
        """Drop all packets for a while, then cut all connections."""
        self._proxy.swallow()
        self._pass(LONGEST_SILENCE)
        self._proxy.cut_now()
        self._proxy.resume()

    def _delay(self) -> None:
        """Delay all packets, perhaps until the calls have timed out."""
        self._proxy.pause()
        self._pass(LONGEST_SILENCE)
        self._proxy.resume()

    def _refuse(self) -> None:
        self._proxy.refuse()
        self._pass(LONGEST_GAP)
        self._proxy.resume()

    def _end_sessions(self) -> None:
        with suppress(self._backend.driver.error):  # one may have ended already
            self._backend.end_other_sessions()
