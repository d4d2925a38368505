"""Checks whether a history of concurrent operations is linearizable.

The model has one host: it is in no cell, or in a cell since a revision. The results of all
operations must fit a sequential order in which each operation takes effect between its invocation
and its return. A history of several hosts is linearizable if that of each host is, so each host is
checked separately. The order of revisions across all hosts is checked in addition.

A write of unknown outcome may take effect at any time after its invocation, or never. A failed
write has no effect.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

NEVER = 2**63 - 1
"""The return time of an operation whose outcome stays unknown."""

_ANOTHER_CELL = "another cell"
_MOST_SHOWN = 60
_MOST_REDUCED = 200


class State(NamedTuple):
    """The cell of a host, None if it has none, and the revision that last changed that."""

    cell: str | None
    revision: int


NEW = State(None, 0)


@dataclass(frozen=True, slots=True)
class Told:
    """Done: the host's cell after it, and that cell's revision."""

    cell: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class Absent:
    """Refused: the host is not mapped."""


@dataclass(frozen=True, slots=True)
class Exists:
    """Refused: the host is in this cell already."""

    cell: str


@dataclass(frozen=True, slots=True)
class Stale:
    """Refused: the host is in this cell, since this revision, which is not the one expected."""

    cell: str
    revision: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """Of unknown outcome: applied with this revision, now or later, or never."""

    revision: int
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """Failed: not done."""


Result = Told | Absent | Exists | Stale | Unknown | Failed


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation and its result. All times are from one clock."""

    kind: str
    """create, move, delete or get."""
    host: str
    invoked: int
    returned: int
    result: Result
    cell: str | None = None
    expected: int | None = None
    worker: int = 0

    def after(self, state: State) -> State | None:
        """Return the state after it, if done in this state; None if the result does not fit."""
        match self.result:
            case Told(cell, revision):
                if self.kind == "get" or (self.kind == "move" and state.cell == self.cell):
                    return (
                        state if state == State(cell, revision) and self._expects(state) else None
                    )
                return self._written(state, revision) if cell == self.cell else None
            case Unknown(revision=revision):
                return self._written(state, revision)
            case Absent():
                fits = state.cell is None and self.kind != "create"
            case Exists(cell):
                fits = state.cell == cell and self.kind == "create"
            case Stale(cell, revision):
                fits = state == State(cell, revision) and not self._expects(state)
            case Failed():
                fits = True
        return state if fits else None

    def _written(self, state: State, revision: int) -> State | None:
        fits = (
            state.revision < revision
            and (state.cell is None) == (self.kind == "create")
            and state.cell != self.cell
            and self._expects(state)
        )
        return State(self.cell, revision) if fits else None

    def _expects(self, state: State) -> bool:
        return self.expected in (None, state.revision)

    @property
    def wrote(self) -> int | None:
        """The revision that it certainly made, or None."""
        if not isinstance(self.result, Told) or self.kind == "get":
            return None
        if self.kind == "move" and self.expected in (None, self.result.revision):
            return None
        return self.result.revision

    def __str__(self) -> str:
        words = [self.kind]
        if self.cell is not None:
            words.append(f"in {self.cell}" if self.kind == "create" else f"to {self.cell}")
        if self.expected is not None:
            words.append(f"expecting {self.expected}")
        return f"{' '.join(words)}: {self.result}"


class NoOrderError(AssertionError):
    """Raised when no order of the operations explains their results."""


def assert_linearizable(operations: Iterable[Operation]) -> None:
    """Assert that an order explains all operations, on hosts that did not exist before.

    :raises NoOrderError: there is none; shows the shortest window of operations that has none.
    """
    operations = [*operations]
    _assert_revisions_in_order(operations)
    for host in sorted({one.host for one in operations}):
        of_host = [one for one in operations if one.host == host]
        stuck = _first_without_order(of_host, {NEW})
        if stuck is not None:
            raise NoOrderError(_explanation(of_host, stuck))


# --- the revisions of all hosts -------------------------------------------------------------------


def _assert_revisions_in_order(operations: Sequence[Operation]) -> None:
    """Assert that a write that returned before another began has the lower revision."""
    hosts: dict[int, Operation] = {}
    newest: tuple[int, Operation | None] = (0, None)
    floors: dict[int, tuple[int, Operation | None]] = {}
    for number, is_return in _events(operations):
        one = operations[number]
        if not is_return:
            floors[number] = newest
            continue
        floor, earlier = floors.pop(number)
        if one.wrote is not None and one.wrote <= floor:
            raise NoOrderError(
                "a write has a revision that was told before the write was invoked:\n"
                + _lines([earlier, one] if earlier else [one])
            )
        if isinstance(one.result, Told | Stale) and one.result.revision:
            revision = one.result.revision
            other = hosts.setdefault(revision, one)
            if other.host != one.host:
                raise NoOrderError("two hosts have one revision:\n" + _lines([other, one]))
            newest = max(newest, (revision, one), key=lambda pair: pair[0])


# --- the order of the operations on one host ------------------------------------------------------


class _Past(NamedTuple):
    """One possible past: the state, and which of the running operations are done."""

    state: State
    done: frozenset[int]


def _first_without_order(
    operations: Sequence[Operation], starts: Collection[State]
) -> Operation | None:
    """Return the operation at whose return no order is left, or None.

    Keeps all possible pasts from event to event (G. Lowe's "just-in-time linearization"): an
    operation is linearized only when another one that depends on it returns.
    """
    pasts = {_Past(state, frozenset()) for state in starts}
    running: dict[int, Operation] = {}
    for number, is_return in _events(operations):
        if not is_return:
            running[number] = operations[number]
            continue
        pasts = _done_by_now(number, pasts, running)
        if not pasts:
            return operations[number]
        del running[number]
        _forget(running, min(past.state.revision for past in pasts))
    return None


def _events(operations: Sequence[Operation]) -> list[tuple[int, bool]]:
    """Return invocations and returns in the order of time."""
    events = [(one.invoked, False, number) for number, one in enumerate(operations)]
    # At equal times invocations come first, so operations that touch overlap.
    events += [(o.returned, True, n) for n, o in enumerate(operations) if o.returned < NEVER]
    return [(number, is_return) for _, is_return, number in sorted(events)]


def _done_by_now(
    number: int, pasts: Iterable[_Past], running: Mapping[int, Operation]
) -> set[_Past]:
    """Return the possible pasts in which this operation is done."""
    found: set[_Past] = set()
    seen: set[_Past] = set()
    open_ends = [*pasts]
    while open_ends:
        past = _with_observers(open_ends.pop(), running)
        if number in past.done:
            found.add(past._replace(done=past.done - {number}))
        elif past not in seen:
            seen.add(past)
            for other, one in running.items():
                state = None if other in past.done else one.after(past.state)
                if state is not None:
                    # Operations that never return are not recorded: each revision is made once.
                    done = past.done | {other} if one.returned < NEVER else past.done
                    open_ends.append(_Past(state, done))
    return found


def _with_observers(past: _Past, running: Mapping[int, Operation]) -> _Past:
    """Do at once each operation that fits the state and changes nothing."""
    fits = {n for n, one in running.items() if one.after(past.state) == past.state}
    return past if fits <= past.done else past._replace(done=past.done | fits)


def _forget(running: dict[int, Operation], revision: int) -> None:
    """Forget writes of unknown outcome that can no longer be done."""
    for number, one in [*running.items()]:
        if isinstance(one.result, Unknown) and one.result.revision <= revision:
            del running[number]


# --- the report of a history that has no order ----------------------------------------------------


def _explanation(operations: Sequence[Operation], stuck: Operation) -> str:
    """Return the shortest window before a return that has no order from any earlier state."""
    until = [one for one in operations if one.invoked <= stuck.returned]
    begins = sorted((one.invoked for one in until), reverse=True)
    shorter, length = 0, 1
    while length < len(begins) and not _has_no_order(_window(until, begins[length - 1])):
        shorter, length = length, 2 * length
    length = min(length, len(begins))
    while length - shorter > 1:
        middle = (shorter + length) // 2
        if _has_no_order(_window(until, begins[middle - 1])):
            length = middle
        else:
            shorter = middle
    window = _window(until, begins[length - 1])
    before = "on a host that was not there before"
    if _has_no_order(window):
        window, before = _reduced(window, stuck), "whatever came before"
    shown = _of_interest(window, until)
    return (
        f"host {stuck.host!r}: {before}, there is no order for these operations:\n"
        f"{_lines(shown)}\nNone is left when this one returns:\n{_lines([stuck])}"
    )


def _window(operations: Sequence[Operation], start: int) -> list[Operation]:
    """Return the operations from `start` on, and the writes that were running then."""
    window = [one for one in operations if one.invoked >= start]
    for one in operations:
        if one.invoked < start <= one.returned and one.kind != "get":
            if isinstance(one.result, Told):
                unknown = Unknown(one.result.revision)
                window.append(replace(one, result=unknown, returned=NEVER))
            elif isinstance(one.result, Unknown):
                window.append(one)
    return sorted(window, key=lambda one: one.invoked)


def _has_no_order(window: Sequence[Operation]) -> bool:
    return _first_without_order(window, _states(window)) is not None


def _states(window: Sequence[Operation]) -> set[State]:
    """Return the states before a window that its results can distinguish."""
    cells = {_ANOTHER_CELL, *(one.cell for one in window if one.cell)}
    revisions = {0, *(one.expected for one in window if one.expected is not None)}
    for one in window:
        if isinstance(one.result, Told | Stale):
            revisions.add(one.result.revision)
        if isinstance(one.result, Told | Stale | Exists) and one.result.cell:
            cells.add(one.result.cell)
    return {NEW, *(State(cell, revision) for cell in cells for revision in revisions)}


def _reduced(window: list[Operation], stuck: Operation) -> list[Operation]:
    """Drop the reads without which there is still no order."""
    if len(window) > _MOST_REDUCED:
        return window
    for one in window:
        observes = isinstance(one.result, Absent | Exists | Stale | Failed) or one.kind == "get"
        if observes and one is not stuck:
            without = [other for other in window if other is not one]
            if _has_no_order(without):
                window = without
    return window


def _of_interest(window: Sequence[Operation], all_: Sequence[Operation]) -> list[Operation]:
    """Return the operations to show, with their original results.

    Writes of unknown outcome are shown if another result has their revision.
    """
    told = {one.result.revision for one in window if isinstance(one.result, Told | Stale)}
    originals = {_call(one): one for one in all_}
    return [
        originals[_call(one)]
        for one in window
        if not isinstance(one.result, Unknown) or one.result.revision in told
    ]


def _call(one: Operation) -> tuple[object, ...]:
    return one.invoked, one.worker, one.kind, one.cell, one.expected


def _lines(operations: Sequence[Operation]) -> str:
    """Format one line for each, with milliseconds since the first invocation."""
    first = min(one.invoked for one in operations)
    lines = []
    for one in operations[-_MOST_SHOWN:]:
        begin = (one.invoked - first) / 1e6
        end = "      ..." if one.returned == NEVER else f"{(one.returned - first) / 1e6:9.3f}"
        lines.append(f"  {begin:9.3f} -{end} ms  worker {one.worker}: {one.host!r} {one}")
    left = len(operations) - len(lines)
    return "\n".join([f"  ({left} more before these)"] * bool(left) + lines)
