"""Green threads, as eventlet and gevent have them: many take turns in one thread of the system.

Whichever has to wait gives way to the others, if it waits by what the two have put in the place
of the standard library's functions. So `threading.Lock` and `time.sleep` are looked up in their
modules each time: a program may import the library first, and replace them then.
"""

from __future__ import annotations

import select
from types import BuiltinFunctionType


def are_in_use() -> bool:
    """Whether something has replaced what waits for sockets, so that plain C must not wait."""
    return type(select.select) is not BuiltinFunctionType
