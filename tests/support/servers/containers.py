"""The database servers of the tests: the user's own, or one container of each kind."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import psycopg
import pymysql
from docker.errors import DockerException  # type: ignore[import-untyped]
from testcontainers.core.container import DockerContainer

from tests.support.pace import PATIENT, SOON
from tests.support.servers import networks

if TYPE_CHECKING:
    from collections.abc import Iterator

    from testcontainers.core.network import Network

PASSWORD = "s3cret/of the tests"  # with characters that a URL has to quote
SECONDS_TO_START = PATIENT
SECONDS_TO_ANSWER = SOON


class NoServerError(Exception):
    """Raised when a server that the tests need is missing."""


@dataclass(frozen=True)
class Server:
    """A server, and an account that may create databases and users.

    Host and port are the container's own: a published port adds 150 us to each round trip.
    """

    kind: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)  # kept out of the reports of failures
    container: DockerContainer | None
    """None for a server of the user's own."""

    def url(self, database: str) -> str:
        """Return the URL of a database. The servers' certificates are not verifiable."""
        options = _KINDS[self.kind].url_options
        scheme = "postgresql" if self.kind == "postgresql" else "mysql"
        host = f"[{self.host}]" if ":" in self.host else self.host
        user, password, name = (quote(s, safe="") for s in (self.user, self.password, database))
        return f"{scheme}://{user}:{password}@{host}:{self.port}/{name}?{options}"


@dataclass(frozen=True)
class _Kind:
    image: str
    """Built by tests/images/build."""
    schemes: tuple[str, ...]
    port: int
    user: str
    environment: dict[str, str]
    data: str
    """The server's data folder."""
    options: tuple[str, ...]
    url_options: str = "sslmode=prefer"


# Faster at the price of durability when the machine crashes. All else is the default, but for a
# time zone that reveals code which assumes UTC.
_MYSQL_OPTIONS = (
    "--default-time-zone=+05:30",
    "--innodb-buffer-pool-size=512M",
    "--innodb-doublewrite=OFF",
    "--innodb-flush-log-at-trx-commit=2",
    "--max-connections=400",
    "--sync-binlog=0",
)
_POSTGRESQL_OPTIONS = (
    "timezone=Asia/Kolkata",
    "shared_buffers=512MB",
    "fsync=off",
    "full_page_writes=off",
    "max_connections=400",
    "max_wal_size=1GB",
)

_KINDS = {
    "mysql": _Kind(
        image="hostmap-test/mysql:9",
        schemes=("mysql",),
        port=3306,
        user="root",
        environment={"MYSQL_ROOT_PASSWORD": PASSWORD},
        data="/var/lib/mysql",
        options=_MYSQL_OPTIONS,
        # At a user's first login it asks for the password.
        url_options="sslmode=prefer&get_server_public_key=1",
    ),
    "mariadb": _Kind(
        image="hostmap-test/mariadb:11",
        schemes=("mysql", "mariadb"),
        port=3306,
        user="root",
        environment={"MARIADB_ROOT_PASSWORD": PASSWORD},
        data="/var/lib/mysql",
        options=_MYSQL_OPTIONS,
    ),
    "postgresql": _Kind(
        image="hostmap-test/postgresql:18",
        schemes=("postgresql", "postgres"),
        port=5432,
        user="postgres",
        environment={"POSTGRES_PASSWORD": PASSWORD},
        data="/var/lib/postgresql",
        options=tuple(word for option in _POSTGRESQL_OPTIONS for word in ("-c", option)),
    ),
}
KINDS: tuple[str, ...] = tuple(_KINDS)


@contextmanager
def running(
    kind: str, *, durable: bool = False, options: tuple[str, ...] | None = None
) -> Iterator[Server]:
    """Run a server for a block: the one that HOSTMAP_TEST_<KIND>_URL names, else a container.

    A container keeps its data in memory and loses them when it stops; a durable one keeps them in
    its own file system, so that it can be killed and started again. One with more options is always
    a container of its own.
    """
    variable = f"HOSTMAP_TEST_{kind.upper()}_URL"
    url = os.environ.get(variable) if options is None else None
    if url:
        yield _own_server(kind, variable, url)
        return
    # tests/run removes what a killed run leaves behind, by the label, so the image of Ryuk, which
    # would do so, is not needed.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    labels = {"hostmap-test.run": os.environ.get("HOSTMAP_TEST_RUN", "")}
    try:
        network = networks.create(labels)
    except DockerException as error:
        raise NoServerError(f"{kind}: no container engine: {error}; tests/run starts one") from None
    try:
        container = _container(_KINDS[kind], labels, durable=durable, options=options or ())
        container.with_network(network)
        try:
            yield _started(kind, container, network)
        finally:
            container.stop()
    finally:
        network.remove()


def _own_server(kind: str, variable: str, url: str) -> Server:
    defaults = _KINDS[kind]
    try:
        parts = urlsplit(url)
        port = parts.port or defaults.port
    except ValueError as error:
        raise NoServerError(f"{variable}: {error}") from None
    if parts.scheme not in defaults.schemes or not parts.hostname:
        form = f"{defaults.schemes[0]}://user:password@host:port"
        raise NoServerError(f"{variable}: not of the form {form}")
    user = unquote(parts.username or defaults.user)
    password = unquote(parts.password or "")
    server = Server(kind, parts.hostname, port, user, password, None)
    await_answer(server, SECONDS_TO_ANSWER, variable)
    return server


def _container(
    kind: _Kind, labels: dict[str, str], *, durable: bool, options: tuple[str, ...]
) -> DockerContainer:
    container = DockerContainer(
        kind.image,
        env=kind.environment,
        shm_size="256m",  # PostgreSQL's parallel queries need more than the default 64
        labels=labels,
    )
    if not durable:
        container.with_tmpfs_mount(kind.data, "size=4g")
    return container.with_command([*kind.options, *options])


def _started(kind: str, container: DockerContainer, network: Network) -> Server:
    try:
        container.start()
    except DockerException as error:
        message = f"{kind}: no container: {error}; tests/run builds the images"
        raise NoServerError(message) from None
    wrapped = container.get_wrapped_container()
    wrapped.reload()
    host = str(wrapped.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"])
    server = Server(kind, host, _KINDS[kind].port, _KINDS[kind].user, PASSWORD, container)
    await_answer(server, SECONDS_TO_START, kind)
    return server


def await_answer(server: Server, seconds: float, name: str) -> None:
    """Wait until the server answers over TCP; during setup it answers on a Unix socket only."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _connect_once(server)
        except (pymysql.Error, psycopg.Error) as error:
            if _is_dead(server) or time.monotonic() > deadline:
                raise NoServerError(f"{name}: no answer: {error}{_log(server)}") from None
        time.sleep(0.1)


def _connect_once(server: Server) -> None:
    host, port, user, password = server.host, server.port, server.user, server.password
    if server.kind == "postgresql":
        psycopg.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            dbname="postgres",
            connect_timeout=round(SOON),
        ).close()
    else:
        pymysql.connect(
            host=host,
            port=port,
            user=user,
            password=password,
            connect_timeout=SOON,
            read_timeout=SOON,
        ).close()


def _is_dead(server: Server) -> bool:
    if server.container is None:
        return False
    server.container.reload()
    return server.container.status not in ("created", "running")


def _log(server: Server) -> str:
    if server.container is None:
        return ""
    log: bytes = server.container.get_wrapped_container().logs(tail=20)
    return "\n" + log.decode(errors="replace")
