"""The URL of a cell in each driver: without the environment and the home folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Conninfo

from hostmap_sql import InvalidValue
from hostmap_sql.dialects.database_url import DatabaseUrl
from hostmap_sql.dialects.mysql.connector import driver_arguments as mysql_arguments
from hostmap_sql.dialects.postgresql import conninfo
from hostmap_sql.dialects.postgresql.servers import settings_of
from hostmap_sql.nova.urls import isolate, read_url
from tests.support.servers.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

SET_BY_CALL = {"connect_timeout"}
"""The options that the connector sets for each call."""


def isolated(url: str, own: dict[str, str] | None = None, **more: Any) -> DatabaseUrl:
    """Return the URL as for a cell; `own` are options that the operator set to the same values."""
    arguments: dict[str, Any] = {
        "base_options": {},
        "trusted_files": (),
        "has_operators_login": False,
    }
    return isolate(read_url(url), own_options=own or {}, **(arguments | more))


def for_libpq(url: DatabaseUrl) -> dict[str, Any]:
    return conninfo_to_dict(conninfo.conninfo_of(url, 30.0))


@pytest.mark.parametrize("mode", ["", "disable", "prefer", "require", "verify-full"])
@pytest.mark.parametrize("host", ["127.0.0.1", "db.example.org"])
def test_libpq_gets_every_option_from_the_url(
    host: str, mode: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    url = isolated(f"postgresql://u:p@{host}/d" + (f"?sslmode={mode}" if mode else ""))
    expected = for_libpq(url)
    defaults = Conninfo.get_defaults()
    for option in defaults:
        if option.envvar and option.keyword != b"service":
            monkeypatch.setenv(option.envvar.decode(), "CANARY")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    roots = tmp_path / ".postgresql" / "root.crt"
    roots.write_bytes(Authority(tmp_path).file.read_bytes())

    given = for_libpq(url)

    assert given == expected
    assert given["sslmode"] == (mode or ("prefer" if host == "127.0.0.1" else "verify-full"))
    assert "CANARY" not in str(given) + str(settings_of(given | {"connect_timeout": "1"}))
    names = {option.keyword.decode() for option in defaults if option.envvar}
    assert names - {"service"} - SET_BY_CALL <= given.keys()
    assert str(tmp_path) not in str(given)
    assert given["require_auth"].endswith("!gss,!sspi,!oauth")


def test_the_environment_completes_the_operators_own_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c x.y=own")
    given = for_libpq(DatabaseUrl.parse("postgresql://u@127.0.0.1/d"))
    assert given["options"].endswith(" -c x.y=own")
    assert not {"password", "passfile", "hostaddr", "sslcert"} & given.keys()


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p@db.example.org/d", None),
        ("postgresql://u:p@127.0.0.1/d", "!password"),
        ("postgresql://u:p@db.example.org/d?sslmode=require", "!password"),
        ("postgresql://u:p@db.example.org/d?sslmode=prefer", "!password"),
        ("postgresql://u:p@db.example.org/d?sslmode=verify-ca", None),
        ("postgresql://u:p@a,127.0.0.1/d?sslmode=disable", "!password"),
        ("postgresql://u:p@%2Frun,127.0.0.1/d", "!password"),
        ("postgresql://u:p@%2Frun/d", None),
        ("postgresql:///d?host=%40abstract", None),
        ("postgresql:///d", None),
        ("postgresql://u:p@127.0.0.1/d?require_auth=password,md5", "password,md5"),
    ],
)
def test_a_password_in_clear_text_needs_verified_tls_or_a_socket(
    url: str, expected: str | None
) -> None:
    assert for_libpq(DatabaseUrl.parse(url)).get("require_auth") == expected


@pytest.mark.parametrize(
    "options",
    [
        "bind_address=127.0.0.9",
        "unix_socket=/run/mysqld/mysqld.sock",
        "UNIX-SOCKET=/run/mysqld/mysqld.sock",
        "unix%5Fsocket=/run/x",
    ],
)
def test_mysql_options_that_lead_elsewhere_are_refused(options: str) -> None:
    with pytest.raises(InvalidValue, match="only the operator may set: set or drop it yourself"):
        isolated(f"mysql://u:p@h/d?{options}")


@pytest.mark.parametrize(
    "options",
    [
        "host=evil.example.org",
        "h%6Fst=evil.example.org",
        "hostaddr=192.0.2.1",
        "port=1",
        "user=root",
        "password=x",
        "dbname=other",
        "options=-c%20search_path=evil",
        "krbsrvname=evil",
        "gssdelegation=1",
        "gsslib=gssapi",
        "replication=database",
        "requirepeer=root",
        "scram_client_key=x",
        "oauth_issuer=https://evil.example.org",
        "oauth_client_id=x",
    ],
)
def test_libpq_options_that_lead_elsewhere_are_refused(options: str) -> None:
    with pytest.raises(InvalidValue, match="only the operator may set: set or drop it yourself"):
        isolated(f"postgresql://u:p@h/d?{options}")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("require_auth=gss", "'require_auth' with a method that is not one of md5, none"),
        ("require_auth=md5,sspi", "'require_auth' with a method that is not one of md5, none"),
        ("require_auth=!md5", "'require_auth' with a method that is not one of md5, none"),
        ("gssencmode=prefer", "'gssencmode', which must be 'disable'"),
    ],
)
def test_kerberos_is_only_for_the_operator(options: str, problem: str) -> None:
    url = f"postgresql://u:p@127.0.0.1/d?{options}"
    with pytest.raises(InvalidValue, match=problem):
        for_libpq(isolated(url))
    name, _, value = options.partition("=")
    assert for_libpq(isolated(url, {name: value}))[name] == value


def test_every_known_option_is_allowed_or_needs_the_operator() -> None:
    known = conninfo.OPTIONS
    allowed = for_options("postgresql", known)
    assert (
        allowed
        == {
            "application_name",
            "channel_binding",
            "client_encoding",
            "connect_timeout",
            "fallback_application_name",
            "gssencmode",
            "keepalives",
            "keepalives_count",
            "keepalives_idle",
            "keepalives_interval",
            "load_balance_hosts",
            "max_protocol_version",
            "min_protocol_version",
            "require_auth",
            "ssl_max_protocol_version",
            "ssl_min_protocol_version",
            "sslcertmode",
            "sslcompression",
            "sslmode",
            "sslnegotiation",
            "sslpassword",
            "sslsni",
            "target_session_attrs",
            "tcp_user_timeout",
        }
        & known
    )


def for_options(scheme: str, names: frozenset[str]) -> set[str]:
    """Return the options that the table of cells may set."""
    allowed = set()
    for name in names:
        try:
            isolated(f"{scheme}://u:p@h/d?{name}=x")
        except InvalidValue:
            continue
        allowed.add(name)
    return allowed


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("sqlite:////etc/x.db", "names a file, and the database of a cell is on a server"),
        ("sqlite:///x.db", "names a file, and the database of a cell is on a server"),
    ],
)
def test_a_cell_is_on_a_server(url: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        isolated(url)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("postgresql:///d", "names no host"),
        ("postgresql://u:p@/d", "names no host"),
        ("postgresql://127.0.0.1/d", "names no user"),
        ("postgresql://u:p@%2Frun%2Fpostgresql/d", "names a Unix socket"),
        ("postgresql://u:p@a%2C%2Frun/d", "names a Unix socket"),
        ("postgresql://u:p@127.0.0.1,%40abstract/d", "names a Unix socket"),
    ],
)
def test_libpq_completes_nothing(url: str, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        for_libpq(isolated(url))


def test_pymysql_completes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "CANARY")
    for url, problem in (("mysql://h/d", "names no user"), ("mysql://u:p@/d", "names no host")):
        with pytest.raises(InvalidValue, match=problem):
            mysql_arguments(isolated(url))


def test_the_operators_socket_is_used() -> None:
    mysql = isolated("mysql://u:p@/d?unix_socket=/run/x", {"unix_socket": "/run/x"})
    assert mysql_arguments(mysql)["unix_socket"] == "/run/x"
    postgresql = isolated("postgresql://u:p@h/d?host=/run/x", {"host": "/run/x"})
    assert for_libpq(postgresql)["host"] == "/run/x"


@pytest.mark.parametrize(
    "options",
    [
        "sslmode=disable",
        "ssl_mode=REQUIRED",
        "get_server_public_key=1",
        "enable-cleartext-plugin=1",
    ],
)
def test_a_template_with_a_login_cannot_weaken_its_protection(options: str) -> None:
    url = f"mysql://u:p@h/d?charset=utf8&{options}"
    assert isolated(url).is_isolated
    with pytest.raises(InvalidValue, match="only the operator may set"):
        isolated(url, has_operators_login=True)
    name, _, value = options.replace("-", "_").partition("=")
    own = isolated(url, {name: value}, has_operators_login=True)
    assert own.operator_options == frozenset({name})


def test_client_certificates_of_the_operator_are_used(tmp_path: Path) -> None:
    own = Authority(tmp_path).certificate("client")
    files = {"sslcert": str(own.file), "sslkey": str(own.key)}
    url = f"postgresql://u:p@127.0.0.1/d?sslcert={own.file}&sslkey={own.key}"

    given = for_libpq(isolated(url, files))

    assert {name: given[name] for name in files} == files
    assert given["sslcertmode"] == "allow"
    assert for_libpq(isolated("postgresql://u:p@127.0.0.1/d"))["sslcertmode"] == "disable"


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("postgresql://u@evil/d?passfile={}", "passfile"),
        ("postgresql://u@evil/d?service={}", "service"),
        ("mysql://u@evil/d?read_default_file={}", "read_default_file"),
    ],
)
def test_a_file_with_passwords_of_the_base_is_for_its_own_hosts(url: str, file: str) -> None:
    with pytest.raises(InvalidValue, match="which names a file"):
        isolated(url.format("/home/x"), base_options={file: "/home/x"})
    assert isolated(url.format("/home/x"), {file: "/home/x"}).is_isolated


@pytest.mark.parametrize(
    "url",
    [
        "mysql://u@h/d?read_default_file=/x&sslmode=disable",
        "mysql://u@h/d?read_default_file=/x&enable_cleartext_plugin=1",
        "postgresql://u@h/d?passfile=/x&sslmode=disable",
        "postgresql://u@h/d?require_auth=password&passfile=/x",
    ],
)
def test_the_protection_of_a_password_in_a_file_cannot_be_weakened(url: str) -> None:
    with pytest.raises(InvalidValue, match="only the operator may set"):
        isolated(url, trusted_files=("/x",))
