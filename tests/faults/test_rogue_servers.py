"""Rogue servers receive no password, however they request it.

What they may get is what the URL gives to its server: the name of the user, and a proof of the
URL's own password, from which the password can only be guessed.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, HostMapError, InvalidValue, connect
from tests.support.pace import PATIENT, SOON
from tests.support.servers import rogue_mysql, rogue_postgresql
from tests.support.servers.rogue import listening, tls

if TYPE_CHECKING:
    import ssl
    from pathlib import Path

    from tests.support.backends import Backend
    from tests.support.servers.rogue import Rogue

OWN = "s3cret-of-the-url"
VERSIONS = (rogue_mysql.MYSQL, rogue_mysql.MARIADB)
WITHOUT_TLS = ("", "sslmode=disable")
UNVERIFIED = ("", "sslmode=prefer", "sslmode=require", "ssl_mode=REQUIRED", "ssl_verify_cert=0")
ALLOWED = {name: trap.option for name, trap in rogue_mysql.TRAPS.items() if trap.option}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the authority of `certified`, ``server.pem``."""
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def certified(folder: Path) -> ssl.SSLContext:
    """The TLS of a server, with a certificate for its address."""
    return tls(folder)


def error_of(
    rogue: Rogue,
    options: str = "",
    login: str = f"nova:{OWN}",
    socket: Path | None = None,
) -> HostMapError:
    """Return the error of a lookup: it comes at once, after the server has sprung its trap."""
    with listening(rogue, socket):
        started = monotonic()
        with (
            connect(rogue.url(login, options), timeout=PATIENT) as hostmap,
            pytest.raises(HostMapError) as caught,
        ):
            hostmap.cells.list()
        assert monotonic() - started < SOON
    assert rogue.asked.is_set()
    assert OWN not in f"{caught.value} {caught.value!r}"
    assert "\n" not in str(caught.value)
    return caught.value


# --- MySQL, MariaDB -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "has_tls"),
    [(name, False) for name in rogue_mysql.TRAPS]
    + [(name, True) for name in rogue_mysql.TRAPS.keys() - rogue_mysql.ANSWERED_THROUGH_TLS],
)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_server_without_verified_tls_gets_no_password(
    name: str, version: str, certified: ssl.SSLContext, *, has_tls: bool
) -> None:
    option = rogue_mysql.TRAPS[name].option
    for options in UNVERIFIED if has_tls else WITHOUT_TLS:
        rogue = rogue_mysql.trap(name, version, tls=certified if has_tls else None)

        error = error_of(rogue, options)

        assert OWN.encode() not in rogue.received
        if option:
            assert f"127.0.0.1:{rogue.port}: the server asks for the password" in str(error)
            assert option in str(error)
            assert str(error).endswith("in the URL")


@pytest.mark.parametrize("name", ALLOWED)
def test_the_options_in_the_sentence_give_the_password(
    name: str, folder: Path, certified: ssl.SSLContext
) -> None:
    root = f"sslrootcert={folder}/server.pem"
    for options, server_tls in (
        (ALLOWED[name], None),
        (ALLOWED[name], certified),
        (f"{ALLOWED[name]}&sslmode=require", certified),
        (root, certified),
        (f"sslmode=verify-ca&{root}", certified),
        (f"ssl_ca={folder}/server.pem", certified),
    ):
        rogue = rogue_mysql.trap(name, tls=server_tls)
        error_of(rogue, options)
        assert OWN.encode() in rogue.received, options


@pytest.mark.parametrize("name", rogue_mysql.ANSWERED_THROUGH_TLS)
def test_any_tls_is_enough_for_the_default_of_mysql(name: str, certified: ssl.SSLContext) -> None:
    for options in UNVERIFIED:
        rogue = rogue_mysql.trap(name, tls=certified)
        error_of(rogue, options)
        assert OWN.encode() in rogue.received


@pytest.mark.parametrize("name", ALLOWED)
def test_a_unix_socket_gets_the_password(name: str, tmp_path: Path) -> None:
    rogue = rogue_mysql.trap(name)
    path = tmp_path / "mysqld.sock"
    error_of(rogue, f"unix_socket={path}", socket=path)
    assert OWN.encode() in rogue.received


@pytest.mark.parametrize("name", [name for name in ALLOWED if name.startswith("key")])
@pytest.mark.parametrize("option", ["server_public_key", "server-public-key-path"])
def test_a_named_key_is_used_and_the_servers_is_not(name: str, option: str, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    for owner in ("rogue", "another"):
        file.write_bytes(rogue_mysql.public_key(owner))
        rogue = rogue_mysql.trap(name)
        error_of(rogue, f"{option}={file}")
        assert (OWN.encode() in rogue.received) == (owner == "rogue")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("server_public_key=/no/s3cret", "cannot be read: No such file"),
        (f"server_public_key={__file__}", "not a public key in PEM form"),
        ("server_public_key=/a&server-public-key-path=/b", "twice"),
        ("get_server_public_key=s3cret", "neither true nor false"),
        ("enable-cleartext-plugin=s3cret", "neither true nor false"),
    ],
)
def test_an_unusable_option_about_passwords_is_refused(options: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem) as caught:
        connect(f"mysql://u:p@h/d?{options}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.needs("encrypted passwords")
def test_the_first_login_at_a_real_server_needs_its_key(backend: Backend, tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    status = "SHOW STATUS LIKE 'Caching_sha2_password_rsa_public_key'"
    file.write_text(str(backend.query(status)[0][1]))
    for option in (f"server_public_key={file}", rogue_mysql.KEY):
        # The server does not know the proof of a new user's password yet.
        url = f"{backend.url_of_user().partition('?')[0]}?sslmode=disable"
        with connect(url) as hostmap, pytest.raises(DatabaseError, match=rogue_mysql.KEY):
            hostmap.revision()
        with connect(f"{url}&{option}") as hostmap:
            assert hostmap.revision() == 0
        with connect(url) as hostmap:
            assert hostmap.revision() == 0
        backend.drop_user()


def test_an_obsolete_kind_of_password_is_named() -> None:
    assert "of the obsolete kind mysql_old_password" in str(error_of(rogue_mysql.trap("obsolete")))


def test_a_request_that_breaks_pymysql_is_one_error() -> None:
    error = error_of(rogue_mysql.trap("no salt"), rogue_mysql.KEY)
    assert "the server there is neither MySQL nor MariaDB" in str(error)


@pytest.mark.parametrize("statement", range(3))
def test_a_mysql_server_gets_no_file(statement: int, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("CANARY-file")
    rogue = rogue_mysql.thief_of_files(str(file), statement)

    error_of(rogue)

    assert b"CANARY" not in rogue.received


# --- PostgreSQL -----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "sslmode=disable", "sslmode=allow"])
def test_a_server_gets_no_password_in_clear_text(options: str) -> None:
    rogue = rogue_postgresql.asking("clear text")

    error = error_of(rogue, options)

    assert OWN.encode() not in rogue.received
    assert "the server asks for the password in clear text" in str(error)
    assert str(error).endswith("require_auth=password, in the URL")


@pytest.mark.parametrize("options", ["sslmode=prefer", "sslmode=require"])
def test_tls_that_verifies_nothing_protects_no_password(
    options: str, certified: ssl.SSLContext
) -> None:
    rogue = rogue_postgresql.asking("clear text", tls=certified)

    error = error_of(rogue, options)

    assert OWN.encode() not in rogue.received
    assert "in clear text" in str(error)


def test_a_verified_server_gets_the_password(folder: Path, certified: ssl.SSLContext) -> None:
    rogue = rogue_postgresql.asking("clear text", tls=certified)
    error_of(rogue, f"sslrootcert={folder}/server.pem")
    assert OWN.encode() in rogue.received


@pytest.mark.parametrize("variable", ["", "password"])
def test_require_auth_decides_if_it_is_set(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    rogue = rogue_postgresql.asking("clear text")
    monkeypatch.setenv("PGREQUIREAUTH", variable)
    error_of(rogue, "" if variable else "require_auth=password")
    assert OWN.encode() in rogue.received


def test_a_missing_password_is_an_error_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    error = error_of(rogue_postgresql.asking("md5"), login="nova")
    assert str(error).endswith("the server asks for a password, and the URL has none")


def test_a_postgresql_server_gets_no_data() -> None:
    rogue = rogue_postgresql.thief_of_files()
    error_of(rogue)
    assert OWN.encode() not in rogue.received
