"""Values that belong to one process, and the detection of forks.

A forked child must not use the locks, threads and connections of its parent. Python's hooks run for
`os.fork` alone, but uWSGI and other programs in C fork without them. So each use checks a mark that
the operating system erases in a child.
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

_WIPE_ON_FORK = 18
"""MADV_WIPEONFORK of Linux 4.14 and later: a child sees zeros in such a page."""


class _Mark(Protocol):
    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class PidMark:
    """The mark on other systems: it compares the pid each time."""

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
"""``MARK[0]`` is 0 until `notice` has been called in this process.

The hot path reads it inline, in 30 ns; `getpid` may take ten times as long.
"""


class Living(Generic[T]):
    """Weak references to objects. Threads may add some while others iterate."""

    def __init__(self) -> None:
        self._references: dict[int, weakref.ref[T]] = {}

    def add(self, item: T) -> None:
        """Add an object."""
        key, references = id(item), self._references
        references[key] = weakref.ref(item, lambda _: references.pop(key, None))

    def __contains__(self, item: T) -> bool:
        return id(item) in self._references

    def __iter__(self) -> Iterator[T]:
        # A copy, made in one step: other threads may add some.
        for reference in list(self._references.values()):
            item = reference()
            if item is not None:
                yield item


_holders: Living[PerProcess[Any]] = Living()
_actions: list[Callable[[], object]] = []


class _ThisProcess:
    """The process that runs this code."""

    id = ""
    """Its unique id, valid once `notice` has been called in it."""


THIS = _ThisProcess()


def read_id() -> str:
    """Read the id of this process. The pid is not enough: each container has a process 1."""
    try:
        with open("/proc/self/stat", "rb") as file:  # noqa: PTH123 - a Path would import more
            started = file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        started = ""
    return f"{getpid()} {started}"


def notice() -> None:
    """Renew all per-process values. Several threads may do so at once.

    It takes no lock: a thread of the parent may hold it, and never release it in the child.
    """
    new_id = read_id()
    for holder in _holders:
        holder.renew(new_id)
    if THIS.id not in ("", new_id):
        for action in _actions:
            action()
    THIS.id = new_id
    MARK[0] = 1


def own_id() -> str:
    """The unique id of this process."""
    if not MARK[0]:
        notice()
    return THIS.id


def is_running(process_id: str) -> bool:
    """Whether a process with the pid of this id runs."""
    try:
        os.kill(int(process_id.partition(" ")[0]), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it belongs to another user
        return True
    return True


def refuse_elsewhere(process_id: str, what: str) -> None:
    """Refuse the use of an object that belongs to another process.

    :raises DatabaseError: this is another process.
    """
    if process_id != own_id():
        raise DatabaseError(
            f"{what} belongs to the process that this one was forked from: begin another one"
        )


def whenever_new(action: Callable[[], object]) -> None:
    """Call an action in each new process, perhaps in several threads at once."""
    _actions.append(action)


def keep_for_ever(item: object) -> None:
    """Keep an object alive even at exit: its destructor would wait for a lock for ever."""
    import ctypes  # noqa: PLC0415 - large, and seldom needed

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(item))


class PerProcess(Generic[T]):
    """A value that is separate in each process.

    :param make: makes the value from the parent's, None in the first process. Several threads may
        call it at once, and only one result is used, so it must have no side effects.
    """

    __slots__ = ("__weakref__", "_id", "_made", "_make", "value")

    def __init__(self, make: Callable[[T | None], T]) -> None:
        self._make = make
        self._id = own_id()
        self.value = make(None)
        """The value, valid after a check of the mark."""
        self._made = {self._id: self.value}
        _holders.add(self)

    def __call__(self) -> T:
        """Return the value of this process."""
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
        self.value = made  # before the id, which tells other threads that the value is valid
        self._id = process_id


notice()
# A child of `os.fork` need not wait for its first call: its replica delivers changes at once.
os.register_at_fork(after_in_child=notice)
