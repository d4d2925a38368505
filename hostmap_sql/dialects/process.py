"""What belongs to one process, and how it is noticed that this is another one.

Locks, threads and connections that a parent process had are of no use to its child, and using them
would harm the parent. Python's own hooks tell of `os.fork` alone: uWSGI, and any other program in
C, forks without them. So each use looks at a mark that the system wipes out in a child.
"""

from __future__ import annotations

import mmap
import os
import weakref
from os import getpid
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from hostmap_sql.errors import DatabaseError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

# Of Linux 4.14 and later: a child finds nothing but zeros there.
_WIPE_ON_FORK = 18


class _Mark(Protocol):
    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class PidMark:
    """The mark of systems that wipe nothing out: it asks for the pid each time."""

    def __init__(self) -> None:
        self._pid = 0

    def __getitem__(self, index: int) -> int:
        return self._pid == getpid()

    def __setitem__(self, index: int, value: int) -> None:
        self._pid = getpid()


def _new_mark() -> _Mark:
    try:
        page = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        page.madvise(_WIPE_ON_FORK)
    except (AttributeError, OSError):
        return PidMark()
    return page


MARK: _Mark = _new_mark()
"""``MARK[0]`` is 0 until this process was noticed: `notice` it then.

Where each lookup passes this is read inline, in 30 ns; asking for the pid may take ten times that.
"""


class Living(Generic[T]):
    """Objects, each for as long as it lives. Threads may add some while others go through them."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[T]] = {}

    def add(self, item: T) -> None:
        """Add one."""
        key, references = id(item), self._references
        references[key] = weakref.ref(item, lambda _: references.pop(key, None))

    def __contains__(self, item: T) -> bool:
        return id(item) in self._references

    def __iter__(self) -> Iterator[T]:
        # Not itself: that would be gone through step by step.
        for reference in list(self._references.values()):
            item = reference()
            if item is not None:
                yield item


_holders: Living[PerProcess[Any]] = Living()
_actions: list[Callable[[], object]] = []
_id = ""


def _new_id() -> str:
    """A new id. The pid alone may be the parent's as well: each container's first process is 1."""
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - a Path would import more
            started = file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        started = ""
    return f"{getpid()} {started}"


def notice() -> None:
    """Give all that belongs to one process its value in this one. Threads may do so at once.

    Nothing here waits for a lock: who holds it may be a thread of the parent.
    """
    global _id  # noqa: PLW0603 - the same, whichever thread sets it
    new_id = _new_id()
    for holder in _holders:
        holder.renew(new_id)
    if _id not in ("", new_id):
        for action in _actions:
            action()
    _id = new_id
    MARK[0] = 1


def own_id() -> str:
    """The id of this process, which no other one has."""
    if not MARK[0]:
        notice()
    return _id


def is_running(process_id: str) -> bool:
    """Whether there is a process with the pid of this id."""
    try:
        os.kill(int(process_id.partition(" ")[0]), 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def refuse_elsewhere(process_id: str, what: str) -> None:
    """Refuse, in all other processes, what belongs to one.

    :raises DatabaseError: this is not that process.
    """
    if process_id != own_id():
        raise DatabaseError(
            f"{what} belongs to the process that this one was forked from: begin another one"
        )


def whenever_new(action: Callable[[], object]) -> None:
    """Have this called in each new process, when it is noticed; several threads may do so."""
    _actions.append(action)


def keep_for_ever(item: object) -> None:
    """Never have this collected, not even at the end: that would wait for a lock nobody frees."""
    import ctypes  # noqa: PLC0415 - seldom needed, and not small

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))


class PerProcess(Generic[T]):
    """A value that each process makes for itself.

    :param make: makes it, given the parent's, None in the first process. Of several threads that
        call it at once only one has its value used, so it must do nothing else.
    """

    __slots__ = ("__weakref__", "_id", "_made", "_make", "value")

    def __init__(self, make: Callable[[T | None], T]) -> None:
        self._make = make
        self._id = own_id()
        self.value = make(None)
        """The value, for who has looked at the mark."""
        self._made = {self._id: self.value}
        _holders.add(self)

    def __call__(self) -> T:
        """The value of this process."""
        if not MARK[0]:
            notice()
        return self.value

    def renew(self, process_id: str) -> None:
        """Replace the value of another process by one of this process."""
        if self._id == process_id:
            return
        made = self._made.setdefault(process_id, self._make(self.value))
        for other in list(self._made):
            if other != process_id:
                self._made.pop(other, None)
        self.value = made  # before the id, by which other threads know that it is there
        self._id = process_id


notice()
# A child of `os.fork` need not wait for its first use: subscribers are told there by a thread.
os.register_at_fork(after_in_child=notice)
