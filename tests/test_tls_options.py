"""What a URL asks for in TLS: by itself everything of a server elsewhere, less if it says so."""

from __future__ import annotations

import os
import ssl
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from psycopg.conninfo import conninfo_to_dict

from hostmap_sql import InvalidValue, connect
from hostmap_sql.database_url import DatabaseUrl
from hostmap_sql.dialects import mysql, postgresql_conninfo, tls
from hostmap_sql.dialects.base import Fault
from hostmap_sql.dialects.tls_probe import refusal_of_all
from tests.support.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

VERIFIED = {
    (ssl.CERT_NONE, False): "require",
    (ssl.CERT_REQUIRED, False): "verify-ca",
    (ssl.CERT_REQUIRED, True): "verify-full",
}


def for_mysql(url: str) -> dict[str, Any]:
    return mysql._arguments(DatabaseUrl.parse(url))


def for_postgresql(url: str) -> dict[str, Any]:
    return conninfo_to_dict(postgresql_conninfo.conninfo_of(DatabaseUrl.parse(url), 30))


def modes(host: str, options: str = "") -> tuple[str, str]:
    """The `sslmode` that a URL comes to, for PyMySQL and for libpq."""
    given = for_mysql(f"mysql://{host}/d?{options}")
    context = given.get("ssl")
    weak = "disable" if given.get("ssl_disabled") else "prefer"
    strict = VERIFIED[context.verify_mode, context.check_hostname] if context else weak
    return strict, for_postgresql(f"postgresql://{host}/d?{options}").get("sslmode", "prefer")


@pytest.fixture(autouse=True)
def _nothing_of_a_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


# --- when it is the default -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "db.example.org",
        "u:p@10.0.0.1:3306",
        "[fe80::1]",
        "[2001:db8::1]:3307",
        "[::ffff:10.0.0.1]",
        "localhost.example.org",
        "127.0.0.1.example.org",
    ],
)
def test_a_server_elsewhere_is_verified_unless_the_url_says_otherwise(host: str) -> None:
    assert modes(host) == ("verify-full", "verify-full")
    for mode in ("disable", "prefer", "require", "verify-ca", "verify-full"):
        assert modes(host, f"sslmode={mode}") == (mode, mode)
    assert modes(host, "sslmode=allow") == ("prefer", "allow")  # PyMySQL has no such thing


def test_where_nothing_is_verified_the_authorities_are_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would take 30 ms of each connection."""
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: pytest.fail("read"))
    for options in ("", "sslmode=prefer", "sslmode=require"):
        arguments = for_mysql(f"mysql://127.0.0.1/d?{options}")
        connections = [mysql._Connection(**arguments, defer_connect=True) for _ in range(2)]
        one, other = (vars(connection)["ctx"] for connection in connections)
        assert one is other
        assert one.verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "LocalHost:1",
        "127.0.0.1",
        "u:p@127.8.9.10:1",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_a_server_on_the_loopback_need_not_have_tls(host: str) -> None:
    assert modes(host) == ("prefer", "prefer")
    for mode in ("disable", "require", "verify-ca", "verify-full"):
        assert modes(host, f"sslmode={mode}") == (mode, mode)


def test_a_socket_need_not_have_tls() -> None:
    assert "ssl" not in for_mysql("mysql://db.example.org/d?unix_socket=/run/mysqld.sock")
    for url in ("postgresql://%2Frun%2Fpostgresql/d", "postgresql:///d?host=/run/postgresql"):
        assert "sslmode" not in for_postgresql(url)


@pytest.mark.parametrize(
    ("url", "mode"),
    [
        ("postgresql://localhost,127.0.0.1/d", None),
        ("postgresql://localhost,b/d", "verify-full"),
        ("postgresql:///d?host=localhost,b", "verify-full"),
        ("postgresql://localhost/d?hostaddr=10.0.0.1", "verify-full"),
        ("postgresql://db.example.org/d?hostaddr=127.0.0.1", None),
    ],
)
def test_of_several_hosts_the_address_of_each_counts(url: str, mode: str | None) -> None:
    assert for_postgresql(url).get("sslmode") == mode


def test_what_libpq_reads_elsewhere_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    services = tmp_path / "services"
    services.write_text("[there]\nhost=db9\n[weak]\nhost=db9\nsslmode=disable\n")
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    assert for_postgresql("postgresql:///?service=there")["sslmode"] == "verify-full"
    assert "sslmode" not in for_postgresql("postgresql:///?service=weak")
    monkeypatch.setenv("PGHOST", "db9")
    assert for_postgresql("postgresql:///d")["sslmode"] == "verify-full"
    for mode in ("disable", "prefer"):
        monkeypatch.setenv("PGSSLMODE", mode)
        assert "sslmode" not in for_postgresql("postgresql://db8/d")
    assert for_postgresql("postgresql://db8/d?sslmode=verify-full")["sslmode"] == "verify-full"


# --- with which authorities -----------------------------------------------------------------------


def test_the_authorities_are_those_that_are_named_else_the_users_else_the_systems(
    tmp_path: Path, authority: Authority
) -> None:
    def roots(url: str) -> str:
        return str(for_postgresql(url)["sslrootcert"])

    system = tls.system_roots()
    assert system
    for url in ("postgresql://h", "postgresql://h?sslmode=verify-ca"):
        assert roots(url) == system
    (tmp_path / ".postgresql").mkdir()
    own = tmp_path / ".postgresql" / "root.crt"
    own.write_bytes(authority.file.read_bytes())
    assert roots("postgresql://h") == str(own)
    assert for_postgresql("postgresql://h?sslmode=require")["sslmode"] == "verify-ca"
    assert roots("postgresql://h?sslrootcert=system") == system
    assert roots(f"postgresql://h?sslrootcert={authority.file}") == str(authority.file)
    context = for_mysql(f"mysql://h?sslrootcert={authority.file}")["ssl"]
    assert [root["subject"] for root in context.get_ca_certs()] == [((("commonName", "ours"),),)]
    assert len(for_mysql("mysql://h?sslrootcert=system")["ssl"].get_ca_certs()) > 1


def test_with_authorities_named_the_server_is_verified(authority: Authority) -> None:
    for host in ("h", "127.0.0.1"):
        assert modes(host, f"sslrootcert={authority.file}") == ("verify-full", "verify-full")
        named = f"sslmode=require&sslrootcert={authority.file}"
        assert modes(host, named) == ("verify-ca", "verify-ca")  # as libpq has it


def test_pymysqls_own_options_are_verified_too(authority: Authority) -> None:
    shown = authority.certificate("h")
    url = f"mysql://h?ssl_ca={authority.file}&ssl_cert={shown.file}&ssl_key={shown.key}"

    given = for_mysql(url)

    assert VERIFIED[given["ssl"].verify_mode, given["ssl"].check_hostname] == "verify-full"
    assert len(given["ssl"].get_ca_certs()) == 1
    assert not {"ssl_ca", "ssl_cert", "ssl_key"} & set(given)
    given = for_mysql(url.replace("//h", "//127.0.0.1"))
    assert VERIFIED[given["ssl"].verify_mode, given["ssl"].check_hostname] == "verify-full"
    with pytest.raises(InvalidValue, match="ssl_cert"):
        for_mysql(f"mysql://h?ssl_cert={authority.file}.none")


@pytest.mark.parametrize("scheme", ["mysql", "postgresql"])
@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("sslmode=s3cret", "disable, allow, prefer, require, verify-ca, verify-full"),
        ("sslmode=require&sslrootcert=system", "verify-full"),
        ("sslmode=disable&sslrootcert=system", "verify-full"),
        ("sslrootcert=/no/such/s3cret.pem", "cannot be read: No such file"),
        (f"sslrootcert={__file__}", "cannot be read"),
    ],
)
def test_what_nothing_can_be_verified_with_is_refused_before_it_is_used(
    scheme: str, options: str, named: str
) -> None:
    with pytest.raises(InvalidValue, match=named) as caught:
        connect(f"{scheme}://h/d?{options}")
    assert caught.value.field == "database URL"
    assert "s3cret" not in str(caught.value)


# --- what becomes of a refusal --------------------------------------------------------------------


def test_a_certificate_that_a_callers_own_pool_refused_is_not_tried_again() -> None:
    reason = ssl.SSLCertVerificationError("certificate verify failed")
    error = pymysql.OperationalError(2003, "Can't connect to MySQL server on 'db'")
    assert mysql.DIALECT.classify(error, connecting=True) is Fault.WAIT
    error.original_exception = reason  # type: ignore[attr-defined]  # as PyMySQL does
    reason.verify_code = 62
    assert mysql.DIALECT.classify(error, connecting=True) is Fault.PERMANENT


def test_of_several_servers_all_have_to_be_refused() -> None:
    """The others may be back in a moment."""

    class WithoutTls(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(8)
            self.request.sendall(b"N")

    terms = tls.Terms("verify-full", None)
    with ThreadingTCPServer(("127.0.0.1", 0), WithoutTls) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        refused = ("db", "127.0.0.1", server.server_address[1])
        assert refusal_of_all([refused, refused], terms) is tls.Refusal.NOT_OFFERED
        for other in (("db", "127.0.0.1", 1), ("", "/run", 5432), ("", "", 5432)):
            assert refusal_of_all([refused, other], terms) is None
            assert refusal_of_all([other, refused], terms) is None
        server.shutdown()
