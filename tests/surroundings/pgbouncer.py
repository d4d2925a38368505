"""PgBouncer in front of a PostgreSQL server that belongs to the test."""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from tests.support.servers.containers import PASSWORD, SECONDS_TO_START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.servers.dedicated import DedicatedServer

IMAGE = "hostmap-test/pgbouncer:1"
PORT = 6432
ESSENTIALS = """\
[databases]
* = host={server}
[pgbouncer]
listen_addr = *
auth_type = scram-sha-256
auth_file = users.txt
server_login_retry = 1
"""


@dataclass(frozen=True)
class PgBouncer:
    """A running PgBouncer."""

    host: str
    database: str

    def url(self, options: str = "") -> str:
        """Return the URL of the database through PgBouncer, with more options."""
        login = f"postgres:{quote(PASSWORD, safe='')}"
        return f"postgresql://{login}@{self.host}:{PORT}/{self.database}?sslmode=disable{options}"


@contextmanager
def pgbouncer(server: DedicatedServer, settings: str) -> Iterator[PgBouncer]:
    """Run PgBouncer for a block, with these lines added to a minimal configuration."""
    behind = server._container
    container = behind.client.containers.run(
        IMAGE,
        detach=True,
        network=server._network,
        labels=behind.labels,
        environment={
            "PGBOUNCER_INI": ESSENTIALS.format(server=server.address[0]) + settings,
            "PGBOUNCER_USERS": f'"postgres" "{PASSWORD}"',
        },
    )
    try:
        container.reload()
        host = container.attrs["NetworkSettings"]["Networks"][server._network]["IPAddress"]
        started = PgBouncer(host, server._database)
        _await_answer(started)
        yield started
    finally:
        container.remove(force=True, v=True)


def _await_answer(pooler: PgBouncer) -> None:
    deadline = time.monotonic() + SECONDS_TO_START
    while True:
        try:
            return psycopg.connect(pooler.url(), connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)
