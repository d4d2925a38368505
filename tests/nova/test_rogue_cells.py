"""No cell's URL sends the operator's credentials, to any server."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from hostmap_sql import CellMapping, DatabaseError, HostMapError, SecretUrl, connect
from hostmap_sql.nova import CellAccess, check, discover, nova_sql
from tests.cli.conftest import Cli
from tests.support.operators_home import (
    OF_ENVIRONMENT,
    OF_MY_CNF,
    OF_PGPASS,
    OF_SERVICE,
    SERVICE,
    Home,
    taken,
)
from tests.support.pace import PATIENT
from tests.support.servers import rogue_mysql, rogue_postgresql
from tests.support.servers.rogue import listening, tls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hostmap_sql import HostMap
    from tests.support.backends import Backend
    from tests.support.servers.rogue import Rogue

    Make = Callable[[Home], Rogue]

ACCESS = CellAccess(timeout=PATIENT)
OWN = "s3cret-of-the-url"

NATIVE = partial(rogue_mysql.proof_only, "mysql_native_password")
CACHING = partial(rogue_mysql.proof_only, "caching_sha2_password")
MD5 = partial(rogue_postgresql.asking, "md5")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    return Home(tmp_path, monkeypatch)


def cell_at(rogue: Rogue, login: str = "nova", options: str = "") -> CellMapping:
    url = SecretUrl(rogue.url(login, options))
    return CellMapping("u", "cell1", None, url, False, 1, datetime.now(UTC), None)


def error_of(rogue: Rogue, access: CellAccess = ACCESS, **cell: str) -> HostMapError:
    """Return the error of reading a cell on a server, when everything was received."""
    with (
        listening(rogue),
        pytest.raises(HostMapError) as caught,
        access.open(cell_at(rogue, **cell)) as database,
    ):
        database.fetch_all(nova_sql.COMPUTE_NODES)
    assert rogue.asked.is_set()
    assert "CANARY" not in f"{caught.value} {caught.value!r}"
    return caught.value


def rogues() -> dict[str, Make]:
    """Return functions that make servers of each kind, without and with TLS, by name."""
    made: dict[str, Make] = {}

    def add(name: str, make: Callable[..., Rogue], *arguments: Any) -> None:
        made[name] = lambda _: make(*arguments)
        if name.removeprefix("MySQL: ") not in rogue_mysql.ANSWERED_THROUGH_TLS:
            made[f"{name}, TLS"] = lambda home: make(
                *arguments, tls=tls(home.folder, home.authority)
            )

    for name in rogue_mysql.TRAPS:
        add(f"MySQL: {name}", rogue_mysql.trap, name)
    for plugin in ("mysql_native_password", "caching_sha2_password", "", "unknown"):
        add(f"MySQL: proof for {plugin}", rogue_mysql.proof_only, plugin)
    for name in rogue_postgresql.REQUESTS:
        add(f"PostgreSQL: {name}", rogue_postgresql.asking, name)
    made["PostgreSQL: data"] = lambda _: rogue_postgresql.thief_of_files()
    for statement in range(3):
        made[f"MySQL: file {statement}"] = partial(_thief_of_files, statement)
    return made


def _thief_of_files(statement: int, home: Home) -> Rogue:
    return rogue_mysql.thief_of_files(str(home.option_file), statement)


@pytest.mark.parametrize("make", rogues().values(), ids=rogues())
def test_no_server_gets_the_operators_credentials(make: Make, home: Home) -> None:
    for login in ("nova", f"nova:{OWN}"):
        rogue = make(home)

        error = error_of(rogue, login=login)

        assert not taken(rogue)
        assert OWN.encode() not in rogue.received
        assert OWN not in str(error)


def test_no_function_and_no_command_sends_them(
    hostmap: HostMap, backend: Backend, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGHOSTADDR")  # the directory's own URL would follow it
    cell = hostmap.cells.create("cell1")
    cli = Cli(backend.url)
    for rogue in (NATIVE(), MD5(), rogue_postgresql.asking("clear text")):
        with listening(rogue):
            hostmap.cells.update(cell.uuid, database_connection=rogue.url("nova"))
            [unreachable] = check(hostmap, access=ACCESS)
            [unread] = discover(hostmap, access=ACCESS).cells
            [shown] = cli.json("nova", "check", status=4)
            cli("nova", "discover", status=6)

        assert rogue.asked.is_set()
        assert not taken(rogue)
        for problem in (unreachable.problem, unread.error or "", shown["problem"]):
            assert "CANARY" not in problem
            assert "asks for" in problem
    assert home.option_file.exists()


@pytest.mark.parametrize("make", [NATIVE, CACHING, MD5, partial(rogue_postgresql.asking, "scram")])
def test_the_error_of_a_missing_password_names_the_cell(
    make: Callable[[], Rogue], home: Home
) -> None:
    assert home.password_file.exists()

    error = error_of(make())

    problem = "the server asks for a password, and the URL has none: write one into the URL of cell"
    assert type(error) is DatabaseError
    assert f"{problem} 'cell1', because neither the environment" in str(error)


def test_a_url_that_names_no_user_is_refused(home: Home) -> None:
    for rogue in (NATIVE(), MD5()):
        with (
            pytest.raises(HostMapError, match=r"names no user$"),
            ACCESS.open(cell_at(rogue, login="")),
        ):
            pytest.fail("open")
    assert home.option_file.exists()


# --- what the operator names ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "password", "make"),
    [
        ("read_default_file={0}/.my.cnf", OF_MY_CNF, NATIVE),
        ("read-default-file=~/.my.cnf", OF_MY_CNF, CACHING),
        ("passfile={0}/.pgpass", OF_PGPASS, MD5),
        (f"service={SERVICE}", OF_SERVICE, MD5),
        (f"service={SERVICE}&sslmode=prefer", OF_SERVICE, MD5),
        ("password=CANARY-of-pgpass", OF_PGPASS, MD5),
    ],
)
def test_the_operator_may_set_options_that_the_table_may_not(
    options: str, password: str, make: Callable[[], Rogue], home: Home
) -> None:
    """These passwords arrive, so the other tests would notice them."""
    options = options.format(home.folder)
    rogue = make()

    error_of(rogue, replace(ACCESS, options=options), options=options)

    assert taken(rogue) == [password]
    with (
        pytest.raises(HostMapError, match="only the operator may"),
        ACCESS.open(cell_at(rogue, options=options)),
    ):
        pytest.fail("open")


def test_a_trusted_file_gives_its_password_only_to_the_server_that_it_names(home: Home) -> None:
    trusting = replace(ACCESS, trusted_files=(str(home.option_file),))
    options = f"read_default_file={home.option_file}"
    rogue = NATIVE()
    with (
        listening(rogue),
        pytest.raises(HostMapError, match="to a server that the file does not name"),
        trusting.open(cell_at(rogue, options=options)),
    ):
        pytest.fail("open")
    assert rogue.received == b""
    rogue = NATIVE()
    with listening(rogue):
        with home.option_file.open("a") as file:
            file.write(f"host=127.0.0.1\nport={rogue.port}\n")
        with pytest.raises(HostMapError), trusting.open(cell_at(rogue, options=options)):
            pytest.fail("open")
    assert taken(rogue) == [OF_MY_CNF]


def test_a_trusted_service_leads_to_its_own_server_only(home: Home) -> None:
    trusting = replace(ACCESS, trusted_files=(SERVICE,))
    rogue = MD5()
    assert home.password_file.exists()
    with (
        pytest.raises(HostMapError, match="names a host and a service"),
        trusting.open(cell_at(rogue, options=f"service={SERVICE}")),
    ):
        pytest.fail("open")


@pytest.mark.parametrize(
    ("service", "problem"),
    [
        ("key", "would get the option 'scram_client_key' from PGSERVICE: unset that variable"),
        ("CANARY", "cannot be used while PGSERVICE names no known service: unset that variable"),
    ],
)
def test_a_service_of_the_environment_that_libpq_cannot_ignore_is_refused(
    service: str, problem: str, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (home.folder / ".pg_service.conf").open("a") as file:
        file.write("[key]\nscram_client_key=CANARY\nkeepalives=0\n")
    monkeypatch.setenv("PGSERVICE", service)
    with (
        pytest.raises(HostMapError, match=f"^database URL {problem}$"),
        ACCESS.open(cell_at(MD5())),
    ):
        pytest.fail("open")


def test_the_directorys_own_url_is_still_completed_by_the_environment(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.forget_environment(monkeypatch)
    monkeypatch.setenv("PGPASSWORD", OF_ENVIRONMENT)
    rogue = MD5()
    with (
        listening(rogue),
        connect(rogue.url("nova"), timeout=PATIENT) as hostmap,
        pytest.raises(HostMapError),
    ):
        hostmap.cells.list()
    assert taken(rogue) == [OF_ENVIRONMENT]
