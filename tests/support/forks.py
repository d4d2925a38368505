"""Child processes of the test, forked by Python and by C."""

from __future__ import annotations

import ctypes
import os
import pickle
import select
import signal
from contextlib import suppress
from pathlib import Path
from threading import get_native_id
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from tests.support.pace import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# A child that takes longer hangs, and is killed.
LONGEST = PATIENT

QUIET_CHECKS = 4
"""How often in a row no other thread may run before a fork in C."""

_fork_in_c: Callable[[], int] = ctypes.PyDLL(None).fork


def fork_in_c() -> int:
    """Fork as uWSGI does, without running Python's own fork hooks.

    If another thread waits for Python's own lock (the GIL) at this moment, Python hangs in the
    child, in a `pthread_cond_signal` that waits for that thread. So no thread may be about to run.
    """
    quiet = 0
    while quiet < QUIET_CHECKS:
        sleep(0.005)
        quiet = 0 if _others_run() else quiet + 1
    return _fork_in_c()


def _others_run() -> bool:
    """Return whether another thread of this process runs, or waits for a processor."""
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # it has ended
            state = (task / "stat").read_text().rpartition(")")[2].split()[0]
            if state == "R" and int(task.name) != get_native_id():
                return True
    return False


FORKS: Mapping[str, Callable[[], int]] = {
    "os.fork": os.fork,
    "a fork in C": fork_in_c,
}


class Child:
    """A child that does some work and reports its result."""

    def __init__(self, work: Callable[[], object], fork: Callable[[], int] = fork_in_c) -> None:
        self._reader, writer = os.pipe()
        self.pid = fork()
        if not self.pid:
            _work(work, writer)
        os.close(writer)

    def result(self) -> Any:
        """Wait for the child, and return the result of its work."""
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
    """Work in the child, and exit before the test's own code continues in it."""
    status = 1
    try:
        try:
            said: tuple[object, str | None] = (work(), None)
        except BaseException as error:  # noqa: BLE001 - reported to the test
            said = (None, f"{type(error).__name__}: {error}")
        with os.fdopen(writer, "wb") as file:
            file.write(pickle.dumps(said))
        status = 0
    finally:
        os._exit(status)


def in_child(work: Callable[[], object], fork: Callable[[], int] = fork_in_c) -> Any:
    """Do some work in a child; return its result."""
    return Child(work, fork).result()


def refused(work: Callable[[], object]) -> str:
    """Return the message of the error that the work raises."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - the test looks at it
        return f"{type(error).__name__}: {error}"
    raise AssertionError("it was not refused")
