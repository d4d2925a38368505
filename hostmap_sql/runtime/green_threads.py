"""Green threads of eventlet and gevent: many of them share one thread of the system.

They switch when one of them waits in a function that eventlet or gevent has patched. A program may
patch after it has imported this library, so `threading.Lock` and `time.sleep` are looked up in
their modules each time.
"""

from __future__ import annotations

import select
from types import BuiltinFunctionType


def are_in_use() -> bool:
    """Whether `select` is patched, so that C code must not wait for sockets."""
    return type(select.select) is not BuiltinFunctionType
