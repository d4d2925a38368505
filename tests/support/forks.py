"""Child processes of the test itself, forked as Python does it and as a program in C does."""

from __future__ import annotations

import ctypes
import os
import pickle
import select
import signal
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# How long, in seconds, a child may take: of one that hangs nobody waits for the end.
LONGEST = 30.0

_fork_in_c: Callable[[], int] = ctypes.PyDLL(None).fork


def fork_in_c() -> int:
    """Fork as uWSGI does, without Python's knowledge.

    If another thread waits for Python's own lock (the GIL) at this moment, Python hangs in the
    child, in a `pthread_cond_signal` that waits for that thread. So no thread may be about to run.
    """
    sleep(0.02)
    return _fork_in_c()


FORKS: Mapping[str, Callable[[], int]] = {
    "os.fork": os.fork,
    "a fork in C": fork_in_c,
}


class Child:
    """A child that does some work, and tells what came of it."""

    def __init__(self, work: Callable[[], object], fork: Callable[[], int] = fork_in_c) -> None:
        self._reader, writer = os.pipe()
        self.pid = fork()
        if not self.pid:
            _work(work, writer)
        os.close(writer)

    def result(self) -> Any:
        """What the work returned, once it has ended."""
        said, deadline = b"", monotonic() + LONGEST
        try:
            while select.select([self._reader], [], [], max(0, deadline - monotonic()))[0]:
                some = os.read(self._reader, 65536)
                if not some:
                    break
                said += some
            else:
                os.kill(self.pid, signal.SIGKILL)
                raise AssertionError("the child hangs")
        finally:
            os.close(self._reader)
            _, status = os.waitpid(self.pid, 0)
        assert status == 0, f"the child has ended with status {status}"
        result, error = pickle.loads(said)  # noqa: S301 - our own
        assert error is None, f"in the child: {error}"
        return result


def _work(work: Callable[[], object], writer: int) -> None:
    """Work in the child, which ends with it, whatever the test would do next."""
    status = 1
    try:
        try:
            said: tuple[object, str | None] = (work(), None)
        except BaseException as error:  # noqa: BLE001 - the test is to see it
            said = (None, f"{type(error).__name__}: {error}")
        with os.fdopen(writer, "wb") as file:
            file.write(pickle.dumps(said))
        status = 0
    finally:
        os._exit(status)


def in_child(work: Callable[[], object], fork: Callable[[], int] = fork_in_c) -> Any:
    """Do some work in a child; return what it returned."""
    return Child(work, fork).result()


def refused(work: Callable[[], object]) -> str:
    """What the error says that the work raises."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return f"{type(error).__name__}: {error}"
    raise AssertionError("it was not refused")
