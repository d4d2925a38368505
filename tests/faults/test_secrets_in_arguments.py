"""No error shows a secret in an argument, not even in the wrong one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import HostMap, HostMapError, InvalidValue, connect
from tests.support.faces import Call
from tests.support.reports import CANARY, URL, linked, reported

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Cells
    from tests.support.backends import Backend


REFUSED: list[Any] = [
    CANARY,
    f"nova:{CANARY}@mq",
    f"rabbit://nova:{CANARY}@mq/ and more",
    f"rabbit://nova:{CANARY}\n@mq/",
    f"rabbit://nova:{CANARY}\udcff@mq/",
    URL + "x" * 20_000,
    URL.encode(),
    [URL],
    {"url": URL},
    Path(URL),
]


def test_urls_that_are_refused(backend: Backend, cells: Cells, make: Any) -> None:
    uuid = cells.one.uuid
    for url in REFUSED:
        for call in (
            Call("cells.create", "new", transport_url=url),
            Call("cells.create", "new", database_connection=url),
            Call("cells.update", uuid, transport_url=url),
            Call("cells.update_many", {uuid: {"database_connection": url}}),
            Call("cells.update_many", {uuid: {"transport_uri": url}}),
            Call("cells.update_many", {uuid: url}),
            Call("cells.update_many", [url]),
        ):
            with reported(InvalidValue):
                make(backend.hostmap, call)


@pytest.mark.parametrize("given", [URL, f"nova:{CANARY}@mq", f"host=db password={CANARY}"])
def test_a_url_in_the_wrong_argument(backend: Backend, cells: Cells, given: str) -> None:
    """It is in the caller's own variables too, so only what the error says is looked at."""
    hostmap = backend.hostmap
    hosts, uuid = hostmap.hosts, cells.one.uuid
    hostmap.cells.create(given, uuid="d0c0ffee-0000-4000-8000-000000000001")
    hosts.create(given, uuid)
    calls: dict[str, Callable[[], object]] = {
        "host": lambda: hosts.get(f"{given} "),
        "no host": lambda: hosts.delete(f"{given}x"),
        "host taken": lambda: hosts.create(given, uuid),
        "long": lambda: hosts.get(given * 20),
        "cell": lambda: hostmap.cells.get_by_name(f"{given}x"),
        "cell taken": lambda: hostmap.cells.create(given),
        "cell of a host": lambda: hosts.create("a", given),
        "uuid": lambda: hostmap.cells.get(given),
        "author": lambda: hostmap.with_author(author=f"{given}\n"),
        "reason": lambda: hostmap.with_author(reason=f"{given}\n"),
        "change_id": lambda: hostmap.outcome(given),
        "revision": lambda: hostmap.outcome(uuid, revision=given),  # type: ignore[arg-type]
        "prefix": lambda: hosts.list(prefix=f"{given}\n"),
        "limit": lambda: hosts.list(limit=given),  # type: ignore[arg-type]
        "on_conflict": lambda: hosts.create_many([], on_conflict=given),  # type: ignore[arg-type]
        "pair": lambda: hosts.create_many([(given, given)]),
        "wait": lambda: hosts.wait([f"{given}x"], timeout=0.01),
        "dialect": lambda: HostMap(failing, given),
        "migration": lambda: hostmap.rollback_migrations(given),
        "timeout": lambda: connect(backend.url, timeout=given),  # type: ignore[arg-type]
        "name": lambda: HostMap(failing, backend.dialect_name, name=given).revision(),
    }
    for name, call in calls.items():
        with pytest.raises(HostMapError) as caught:
            call()
        for error in linked(caught.value):
            assert CANARY not in f"{error} {error!r}", name


@pytest.mark.needs("users")
def test_a_secret_in_another_part_of_the_url(backend: Backend) -> None:
    """Servers and drivers quote users and hosts in their messages, drivers also in their logs."""
    for parts in (
        {"user": f"x;password={CANARY}"},
        {"host": f"h;password={CANARY}"},
    ):
        with reported(InvalidValue):
            connect(backend.url_for(**parts))
    with pytest.raises(HostMapError) as caught:
        connect(backend.url_for(user=f"x&{CANARY}", password="wrong")).revision()
    for error in linked(caught.value):
        assert CANARY not in f"{error} {error!r}"
    with reported(InvalidValue):
        connect(f"{backend.missing_url.partition('?')[0]}%3Bpassword={CANARY}")


def test_a_secret_in_the_name_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / f"d;password={CANARY}.db"
    missing = connect(f"sqlite:///{tmp_path}/{CANARY}=/x.db")
    with reported(HostMapError):
        missing.revision()
    with reported(HostMapError):
        missing.migrate()
    with connect(f"sqlite:///{file}") as hostmap:
        hostmap.migrate()
        file.chmod(0o644)
        assert CANARY not in repr(hostmap.check())
    other = tmp_path / f"e;password={CANARY}.db"
    other.write_bytes(b"no database" * 1_000)
    with connect(f"sqlite:///{other}") as hostmap, reported(HostMapError):
        hostmap.revision()


def failing() -> Any:
    """Be a pool that cannot connect."""
    raise RuntimeError("no connection")
