"""Graceful shutdown by SIGTERM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from textwrap import indent
from threading import Timer
from time import monotonic

import pytest

from hostmap_sql.cli.framework.shutdown import stopping
from tests.support.pace import PATIENT, SOON


def test_sigterm_ends_a_wait() -> None:
    with stopping() as stop:
        assert not stop.wait(0.01)
        assert not stop.is_set()
        timer = Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        started = monotonic()
        assert stop.wait(PATIENT)
        timer.join()
        assert monotonic() - started < SOON
        assert stop.is_set()
        assert stop.wait(60)


def test_the_previous_handler_is_restored() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_second_sigterm_during_exit_is_ignored() -> None:
    program = (
        "import os, signal\n"
        "from hostmap_sql.cli.framework.shutdown import stopping\n"
        "class Last:\n"
        "    def __del__(self, kill=os.kill, pid=os.getpid(), number=signal.SIGTERM):\n"
        "        kill(pid, number)\n"
        "last = Last()\n"
        "with stopping():\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0


@pytest.mark.parametrize(("pause", "status"), [(0, 0), (1.1, -signal.SIGTERM)])
@pytest.mark.parametrize("block_has_ended", [False, True])
def test_a_late_second_sigterm_ends_the_process(
    pause: float,
    status: int,
    block_has_ended: bool,  # noqa: FBT001 - a parameter
) -> None:
    again = (
        f"time.sleep({pause})\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
        "print('still here', flush=True)\n"
    )
    program = (
        "import os, signal, time\n"
        "from hostmap_sql.cli.framework.shutdown import stopping\n"
        "with stopping() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print(stop.wait(60), flush=True)\n"
    ) + (again if block_has_ended else indent(again, "    "))
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    expected = "True\n" if status else "True\nstill here\n"
    assert (process.stdout, process.returncode) == (expected, status)
