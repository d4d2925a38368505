"""The application that uWSGI loads before it forks: it uses the directory, and has it followed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hostmap_sql import HostMapError, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOSTMAP = connect(os.environ["HOSTMAP_DATABASE"], timeout=20)
# Seldom, as Python hangs in a worker that is forked while a thread waits for the GIL, except where
# uWSGI is told `py-call-osafterfork`.
REPLICA = HOSTMAP.replica(max_age=30, read_through=False).start(interval=1)
assert HOSTMAP.hosts.get("web-0").host == "web-0"
assert REPLICA.cell_of("web-0").name == "cell1"


def application(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
    """``/hosts/NAME`` asks the database, ``/replica/NAME`` the copy."""
    _, kind, host = environ["PATH_INFO"].split("/")
    try:
        if kind == "hosts":
            mapping = HOSTMAP.hosts.get(host)
            answer = f"{mapping.host} {mapping.cell.name}"
        else:
            answer = f"{host} {REPLICA.cell_of(host).name} {REPLICA.age:.3f}"
    except HostMapError as error:
        answer = f"{type(error).__name__}: {error}"
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Pid", str(os.getpid()))])
    return [answer.encode()]
