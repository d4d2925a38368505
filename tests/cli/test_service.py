"""How a command that runs until it is told to stop is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from threading import Timer
from time import monotonic

from hostmap_sql.cli.service import stopping


def test_a_sleep_ends_when_the_process_is_told_to_stop() -> None:
    with stopping() as stop:
        assert not stop.wait(0.01)
        assert not stop.is_set()
        timer = Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM))
        timer.start()
        started = monotonic()
        assert stop.wait(60)
        timer.join()
        assert monotonic() - started < 30
        assert stop.is_set()
        assert stop.wait(60)


def test_what_was_before_comes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_who_is_told_twice_ends_at_once() -> None:
    program = (
        "import os, signal\n"
        "from hostmap_sql.cli.service import stopping\n"
        "with stopping() as stop:\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print(stop.wait(60), flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "    print('still here', flush=True)\n"
    )
    command = [sys.executable, "-c", program]
    process = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (process.stdout, process.returncode) == ("True\n", -signal.SIGTERM)
