"""The application that uWSGI loads before it forks, with an open connection and a replica."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hostmap_sql import HostMapError, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HOSTMAP = connect(os.environ["HOSTMAP_DATABASE"], timeout=20)
# At a long interval: without `py-call-osafterfork` Python hangs in a worker that is forked while a
# thread waits for the GIL.
REPLICA = HOSTMAP.replica(max_age=600, read_through=False).start(interval=5)
assert HOSTMAP.hosts.get("web-0").host == "web-0"
assert REPLICA.cell_of("web-0").name == "cell1"


def application(environ: dict[str, str], start_response: Callable[..., object]) -> Iterable[bytes]:
    """Answer ``/hosts/NAME`` from the database and ``/replica/NAME`` from memory."""
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
