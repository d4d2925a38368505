"""Doing things side by side."""

from __future__ import annotations

import threading
from time import monotonic, sleep

import pytest

from hostmap_sql.nova.side_by_side import side_by_side


def test_results_and_errors_come_with_their_items() -> None:
    def work(number: int) -> float:
        return 1 / number

    got = {
        item: (result, type(error))
        for item, result, error in side_by_side(work, range(5), parallel=2, timeout=5)
    }
    assert got == {
        0: (None, ZeroDivisionError),
        **{number: (1 / number, type(None)) for number in range(1, 5)},
    }


def test_no_more_than_asked_run_at_once() -> None:
    running, most = [0], [0]
    lock = threading.Lock()

    def work(_: int) -> None:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        sleep(0.01)
        with lock:
            running[0] -= 1

    assert len(list(side_by_side(work, range(20), parallel=3, timeout=5))) == 20
    assert most == [3]


def test_one_that_hangs_is_given_up_and_holds_nobody_up() -> None:
    never = threading.Event()

    def work(item: str) -> str:
        if item == "hangs":
            never.wait(20)
        return item

    started = monotonic()
    got = list(side_by_side(work, ["hangs", "a", "b"], parallel=1, timeout=0.3))
    never.set()

    assert monotonic() - started < 5
    assert [(item, result) for item, result, _ in got] == [
        ("hangs", None),
        ("a", "a"),
        ("b", "b"),
    ]
    assert isinstance(got[0][2], TimeoutError)


@pytest.mark.parametrize("parallel", [1, 4])
def test_nothing_to_do_is_nothing(parallel: int) -> None:
    assert list(side_by_side(str, [], parallel=parallel, timeout=1)) == []
