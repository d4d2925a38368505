"""The checker of histories finds an order if and only if there is one."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import permutations
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.histories.linearizability import (
    NEVER,
    NEW,
    Absent,
    Exists,
    Failed,
    NoOrderError,
    Operation,
    Stale,
    State,
    Told,
    Unknown,
    assert_linearizable,
)
from tests.support.pace import SOON

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.support.histories.linearizability import Result


def create(invoked: int, returned: int, result: Result, cell: str = "x") -> Operation:
    return Operation("create", "a", invoked, returned, result, cell)


def move(invoked: int, returned: int, result: Result, cell: str, expected: int) -> Operation:
    return Operation("move", "a", invoked, returned, result, cell, expected)


def delete(invoked: int, returned: int, result: Result) -> Operation:
    return Operation("delete", "a", invoked, returned, result)


def get(invoked: int, returned: int, result: Result) -> Operation:
    return Operation("get", "a", invoked, returned, result)


CREATED = create(0, 9, Told("x", 4))
MOVED = move(10, 19, Told("y", 5), "y", 4)
MAYBE_MOVED = move(10, NEVER, Unknown(5), "y", 4)

IN_ORDER = {
    "one after the other": [
        CREATED,
        MOVED,
        get(20, 29, Told("y", 5)),
        delete(30, 39, Told(None, 6)),
    ],
    "a read beside a write sees it": [CREATED, MOVED, get(11, 18, Told("y", 5))],
    "a read beside a write does not see it": [CREATED, MOVED, get(11, 18, Told("x", 4))],
    "two reads beside a write": [
        CREATED,
        MOVED,
        get(11, 12, Told("x", 4)),
        get(13, 14, Told("y", 5)),
    ],
    "moving to where it is changes nothing": [CREATED, move(10, 19, Told("x", 4), "x", 4)],
    "of unknown outcome, and done": [CREATED, MAYBE_MOVED, get(30, 39, Told("y", 5))],
    "of unknown outcome, and done late": [
        CREATED,
        MAYBE_MOVED,
        get(30, 39, Told("x", 4)),
        get(40, 49, Told("y", 5)),
    ],
    "of unknown outcome, and never done": [
        CREATED,
        MAYBE_MOVED,
        move(30, 39, Told("z", 6), "z", 4),
    ],
    "failed": [CREATED, move(10, 19, Failed(), "y", 4), get(20, 29, Told("x", 4))],
    "refused": [
        get(0, 1, Absent()),
        move(0, 1, Absent(), "y", 4),
        CREATED,
        create(10, 19, Exists("x"), "y"),
        move(10, 19, Stale("x", 4), "y", 3),
        delete(20, 29, Told(None, 5)),
        get(30, 39, Absent()),
    ],
    "concurrent operations go in between": [
        CREATED,
        delete(10, 30, Told(None, 5)),
        create(11, 29, Told("y", 6), "y"),
        delete(12, 28, Told(None, 7)),
        get(13, 27, Told("y", 6)),
    ],
}

OUT_OF_ORDER = {
    "a write that is lost": [CREATED, MOVED, get(20, 29, Told("x", 4))],
    "a read goes back in time": [
        CREATED,
        MOVED,
        get(11, 12, Told("y", 5)),
        get(13, 14, Told("x", 4)),
    ],
    "a host that was never made": [get(0, 9, Told("x", 4))],
    "a host that is gone": [CREATED, get(10, 19, Absent())],
    "a revision that no write made": [CREATED, get(10, 19, Told("x", 5))],
    "a cell that no write set": [CREATED, get(10, 19, Told("y", 4))],
    "an expected revision that was not there": [CREATED, move(10, 19, Told("y", 6), "y", 3)],
    "two with the same expectation": [
        CREATED,
        move(10, 19, Told("y", 5), "y", 4),
        move(10, 19, Told("z", 6), "z", 4),
    ],
    "moved without a revision": [CREATED, move(10, 19, Told("y", 4), "y", 4)],
    "moved although it was gone": [
        CREATED,
        delete(10, 19, Told(None, 5)),
        replace(move(20, 29, Told("y", 6), "y", 0), expected=None),
    ],
    "moved to where it was, with a revision": [
        CREATED,
        move(10, NEVER, Unknown(5), "x", 4),
        get(20, 29, Told("x", 5)),
    ],
    "refused by oneself": [CREATED, move(10, 19, Stale("y", 5), "y", 4)],
    "refused although it was as expected": [CREATED, move(10, 19, Stale("x", 4), "y", 4)],
    "made twice": [CREATED, create(10, 19, Told("x", 5))],
    "exists in another cell": [CREATED, create(10, 19, Exists("y"))],
    "moved to another cell": [CREATED, move(10, 19, Told("z", 5), "y", 4)],
    "failed, yet done": [CREATED, move(10, 19, Failed(), "y", 4), get(20, 29, Told("y", 5))],
    "of unknown outcome, and undone again": [
        CREATED,
        MAYBE_MOVED,
        get(30, 39, Told("y", 5)),
        get(40, 49, Told("x", 4)),
    ],
    "of unknown outcome, and done before it was asked for": [
        CREATED,
        get(10, 19, Told("y", 5)),
        move(20, NEVER, Unknown(5), "y", 4),
    ],
    "of unknown outcome, and done after it could be": [
        CREATED,
        MAYBE_MOVED,
        move(20, 29, Told("z", 6), "z", 4),
        get(30, 39, Told("y", 5)),
    ],
    "revisions that go back": [
        create(0, 9, Told("x", 5)),
        delete(10, 19, Told(None, 4)),
    ],
    "revisions that go back, on another host": [
        create(0, 9, Told("x", 5)),
        replace(create(10, 19, Told("x", 4)), host="b"),
    ],
    "one revision of two hosts": [CREATED, replace(CREATED, host="b")],
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_there_is_an_order(name: str) -> None:
    assert_linearizable(IN_ORDER[name])


@pytest.mark.parametrize("name", OUT_OF_ORDER)
def test_there_is_no_order(name: str) -> None:
    with pytest.raises(NoOrderError):
        assert_linearizable(OUT_OF_ORDER[name])


# --- compared with trying all orders --------------------------------------------------------------


def has_an_order(operations: Sequence[Operation]) -> bool:
    """Try all orders, with and without the operations that never return."""
    return any(fits(order) for order in permutations(operations))


def fits(order: Sequence[Operation]) -> bool:
    state, latest = NEW, 0
    for one in order:
        if one.returned < latest:
            return False
        after = one.after(state)
        if after is None and one.returned < NEVER:
            return False
        if after is not None:
            state, latest = after, max(latest, one.invoked)
    return True


cells = st.sampled_from("xy")
revisions = st.integers(1, 4)
results = st.one_of(
    st.builds(Told, cells | st.none(), revisions),
    st.builds(Absent),
    st.builds(Exists, cells),
    st.builds(Stale, cells, revisions),
    st.builds(Unknown, revisions),
)


def possible(one: Operation) -> Operation:
    """Return the operation without values that its kind and result cannot have."""
    if one.kind == "get":
        told = Failed() if isinstance(one.result, Unknown) else one.result
        one = replace(one, cell=None, expected=None, result=told)
    if one.kind == "delete":
        one = replace(one, cell=None)
    if one.kind == "create":
        one = replace(one, expected=None)
    return replace(one, returned=NEVER) if isinstance(one.result, Unknown) else one


def drawn(kind: str, times: tuple[int, int], result: Result, *values: Any) -> Operation:
    begin, length = times
    return possible(Operation(kind, "a", begin, begin + length, result, *values))


KINDS = ["create", "move", "delete", "get"]
anything = st.builds(
    drawn,
    st.sampled_from(KINDS),
    st.tuples(st.integers(0, 8), st.integers(1, 5)),
    results,
    cells,
    st.none() | revisions,
)


@given(st.lists(anything, max_size=6))
def test_it_agrees_with_trying_all_orders(operations: list[Operation]) -> None:
    assert found_in_order(operations) == has_an_order(operations)


@given(st.integers(0, 2**32), st.integers(2, 6), anything)
def test_it_agrees_with_trying_all_orders_of_nearly_correct_histories(
    seed: int, size: int, wrong: Operation
) -> None:
    right = [*simulated(seed, size, workers=3, hosts="a")]
    assert found_in_order(right)
    assert has_an_order(right)
    place = seed % size
    nearly = [*right]
    nearly[place] = possible(replace(right[place], result=wrong.result))
    assert found_in_order(nearly) == has_an_order(nearly)


def found_in_order(operations: list[Operation]) -> bool:
    try:
        assert_linearizable(operations)
    except NoOrderError:
        return False
    return True


# --- of the size of a real run --------------------------------------------------------------------


def simulated(seed: int, size: int, workers: int, hosts: str) -> Iterator[Operation]:
    """Simulate a correct directory: each operation takes effect at one instant."""
    chance = random.Random(seed)
    free_from = dict.fromkeys(range(workers), 0)
    plans = []
    for _ in range(size):
        worker = min(free_from, key=lambda one: free_from[one])
        begin = free_from[worker] + chance.randrange(1, 500)
        done = begin + chance.randrange(1, 500)
        end = done + chance.randrange(1, 500)
        free_from[worker] = end
        plans.append((done, begin, end, worker))
    states = dict.fromkeys(hosts, NEW)
    seen = dict.fromkeys(hosts, NEW)
    for revision, (_, begin, end, worker) in enumerate(sorted(plans), start=1):
        host = chance.choice(hosts)
        one = something(chance, host, seen[host], states[host], revision)
        lost = one.wrote is not None and chance.random() < 0.05
        if lost:
            one = replace(one, result=Unknown(revision))
        if not lost or chance.random() < 0.5:
            states[host] = one.after(states[host]) or states[host]
        if chance.random() < 0.5:
            seen[host] = states[host]
        returned = NEVER if isinstance(one.result, Unknown) else end
        yield replace(one, invoked=begin, returned=returned, worker=worker)


def something(
    chance: random.Random, host: str, seen: State, state: State, revision: int
) -> Operation:
    """Return an operation done now, by a client that saw an older state, and its result."""
    kind, cell = chance.choice(KINDS), chance.choice("xyz")
    expected = seen.revision if kind in ("move", "delete") and seen.cell else None
    told_cell = cell if kind in ("create", "move") else None
    one = Operation(kind, host, 0, 0, Absent(), told_cell, expected)
    if state.cell is None:
        return replace(one, result=Told(cell, revision)) if kind == "create" else one
    if kind == "create":
        return replace(one, result=Exists(state.cell))
    if expected not in (None, state.revision):
        return replace(one, result=Stale(state.cell, state.revision))
    if kind == "get" or state.cell == told_cell:
        return replace(one, result=Told(*state))
    return replace(one, result=Told(told_cell, revision))


def test_ten_thousand_operations_take_seconds() -> None:
    operations = [*simulated(1, 10_000, workers=8, hosts="abcd")]
    assert sum(isinstance(one.result, Unknown) for one in operations) > 100
    started = monotonic()

    assert_linearizable(operations)

    assert monotonic() - started < SOON


@pytest.mark.parametrize("seed", range(20))
def test_one_wrong_answer_among_thousands_is_found_and_shown(seed: int) -> None:
    operations = [*simulated(seed, 2_000, workers=8, hosts="ab")]
    reads = [n for n, one in enumerate(operations) if one.kind == "get"]
    for place in reads[len(reads) // 2 :]:
        one = operations[place]
        if isinstance(one.result, Told):
            wrong = replace(one, result=Told(one.result.cell, one.result.revision - 1))
            break
    operations[place] = wrong

    with pytest.raises(NoOrderError) as caught:
        assert_linearizable(operations)

    shown = str(caught.value).splitlines()
    assert str(wrong) in str(caught.value)
    assert len(shown) < 40, "a window, not all of it"


def to_and_fro(number: int) -> Operation:
    cell = "xy"[number % 2]
    return move(10 * number, 10 * number + 9, Told(cell, 4 + number), cell, 3 + number)


def test_the_window_is_the_shortest() -> None:
    before = [
        move(10 * n, 10 * n + 9, Told("xy"[n % 2], 4 + n), "xy"[n % 2], 3 + n) for n in range(1, 50)
    ]
    wrong = get(600, 609, Told("x", 50))
    with pytest.raises(NoOrderError) as caught:
        assert_linearizable([CREATED, *before, get(591, 592, Told("y", 53)), wrong])

    first, *window, last, told = str(caught.value).splitlines()
    assert "whatever came before" in first
    assert len(window) == 2, window
    assert "when this one returns" in last
    assert str(wrong) in told


def test_the_window_shows_running_operations() -> None:
    running = move(10, 100, Told("y", 5), "y", 3)
    history = [CREATED, running, get(20, 29, Told("x", 4)), get(30, 39, Told("y", 5))]
    with pytest.raises(NoOrderError) as caught:
        assert_linearizable(history)

    shown = str(caught.value)
    assert "move to y expecting 3" in shown
    assert "get: Told(cell='x', revision=4)" in shown
    assert "create" not in shown


def test_a_host_that_was_never_created_is_shown_from_the_beginning() -> None:
    with pytest.raises(NoOrderError, match="not there before"):
        assert_linearizable([get(0, 9, Told("x", 4))])
