"""Calls in parallel threads."""

from __future__ import annotations

import subprocess
import sys
from threading import Event, Lock

import pytest

from hostmap_sql.nova.parallel import call_in_parallel


def test_each_item_comes_with_its_result_or_error() -> None:
    def divide(number: int) -> float:
        return 1 / number

    futures = dict(call_in_parallel(divide, range(5), parallel=2, timeout=20))

    assert {item: future.result(0) for item, future in futures.items() if item} == {
        number: 1 / number for number in range(1, 5)
    }
    with pytest.raises(ZeroDivisionError):
        futures[0].result(0)


def test_the_number_of_parallel_calls_is_limited() -> None:
    lock, running, most, three_run = Lock(), 0, 0, Event()

    def call(_: int) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                three_run.set()
        three_run.wait(20)
        with lock:
            running -= 1

    assert len(list(call_in_parallel(call, range(20), parallel=3, timeout=20))) == 20
    assert most == 3


def test_a_call_that_hangs_times_out_and_delays_no_other() -> None:
    never = Event()

    def call(item: str) -> str:
        if item == "hangs":
            never.wait(20)
        return item

    calls = call_in_parallel(call, ["hangs", "a", "b"], parallel=1, timeout=0.3)

    item, future = next(calls)
    assert item == "hangs"
    with pytest.raises(TimeoutError):
        future.result(0)
    assert [(item, future.result(0)) for item, future in calls] == [("a", "a"), ("b", "b")]
    assert not future.done(), "the others did not wait for it"
    never.set()


@pytest.mark.parametrize("parallel", [1, 4])
def test_without_items_nothing_is_called(parallel: int) -> None:
    assert list(call_in_parallel(str, [], parallel=parallel, timeout=1)) == []


HANGS = """
from threading import Event
from hostmap_sql.nova.parallel import call_in_parallel

[(_, future)] = call_in_parallel(lambda _: Event().wait(), [1], parallel=1, timeout=0.1)
assert not future.done()
"""


def test_a_call_that_hangs_does_not_keep_the_process_from_ending() -> None:
    done = subprocess.run([sys.executable, "-c", HANGS], check=False, timeout=30)
    assert done.returncode == 0
