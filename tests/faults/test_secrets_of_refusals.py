"""No refusal shows a secret: of an account, of a read-only session, or of a rogue server."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest

from hostmap_sql import DatabaseError, HostMap, NotPermitted, connect, grants
from tests.support.accounts import account
from tests.support.faces import Call
from tests.support.operators_home import PASSWORDS, SERVICE, Home
from tests.support.pace import PATIENT
from tests.support.reports import URL, reported
from tests.support.servers import rogue_mysql, rogue_postgresql
from tests.support.servers.rogue import listening

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.backends import Backend
    from tests.support.servers.rogue import Rogue

CREATE = Call("cells.create", "new", transport_url=URL, database_connection=URL)


def through_both_faces(hostmap: HostMap, call: Call) -> Iterator[Callable[[], object]]:
    yield lambda: call.synchronously(hostmap)
    yield lambda: call.asynchronously(hostmap)


def test_a_session_that_may_only_read(backend: Backend) -> None:
    cell = backend.hostmap.cells.create("old", transport_url=URL)
    password = urlsplit(backend.url).password or "none"
    with backend.read_only() as reader:
        for call in (CREATE, Call("cells.update", cell.uuid, database_connection=URL)):
            for make in through_both_faces(reader, call):
                with reported(NotPermitted, password, quote(password, safe="")):
                    make()


@pytest.mark.needs("users")
def test_an_account_that_may_not_write_cells(backend: Backend) -> None:
    """The statement that is refused holds the URLs."""
    cell = backend.hostmap.cells.create("old", transport_url=URL)
    refused = []
    with account(backend, "service") as made:
        changing = "INSERT, UPDATE, DELETE ON"
        [of_cells] = [
            statement.replace("GRANT SELECT, ", "REVOKE ").replace(" TO ", " FROM ")
            for statement in grants(backend.hostmap, "service", user=made.name)
            if f"{changing} " in statement and ".cell_mapping " in statement
        ]
        backend.query(of_cells)
        with connect(made.url, timeout=PATIENT) as hostmap:
            for call in (
                CREATE,
                Call("cells.update", cell.uuid, database_connection=URL),
                Call("cells.update_many", {cell.uuid: {"database_connection": URL}}),
                Call("cells.delete", cell.uuid),
            ):
                for make in through_both_faces(hostmap, call):
                    with reported(NotPermitted, backend.account_password) as watched:
                        make()
                    refused.append(watched.error)
    assert backend.hostmap.cells.list() == [cell]
    assert isinstance(refused[0], NotPermitted)
    assert refused[0].statement == "cell_insert"


@pytest.mark.parametrize(
    ("make_rogue", "file"),
    [
        (partial(rogue_mysql.trap, "clear text"), "read_default_file={}/.my.cnf"),
        (partial(rogue_mysql.trap, "key of caching"), "read_default_file={}/.my.cnf"),
        (partial(rogue_mysql.proof_only, "unknown"), "read_default_file={}/.my.cnf"),
        (partial(rogue_postgresql.asking, "clear text"), "passfile={}/.pgpass"),
        (partial(rogue_postgresql.asking, "md5"), "passfile={}/.pgpass"),
        (partial(rogue_postgresql.asking, "clear text"), f"service={SERVICE}"),
    ],
)
def test_a_rogue_server_and_a_password_from_a_file(
    make_rogue: Callable[[], Rogue], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path, monkeypatch)
    home.forget_environment(monkeypatch)
    rogue = make_rogue()
    with (
        listening(rogue),
        connect(rogue.url(options=file.format(tmp_path)), timeout=PATIENT) as hostmap,
    ):
        for make in through_both_faces(hostmap, CREATE):
            with reported(DatabaseError, *PASSWORDS):
                make()
    assert rogue.asked.is_set()
    assert not any(password.encode() in rogue.received for password in PASSWORDS)
