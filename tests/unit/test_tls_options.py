"""The TLS policy of a URL: full verification of remote servers, unless the URL asks for less."""

from __future__ import annotations

import os
import ssl
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING

import pymysql
import pytest

from hostmap_sql import InvalidValue, connect
from hostmap_sql.dialects import tls
from hostmap_sql.dialects.fault import Fault
from hostmap_sql.dialects.mysql import dialect as mysql_dialect
from hostmap_sql.dialects.mysql.connection import Connection
from hostmap_sql.dialects.postgresql.servers import Server
from hostmap_sql.dialects.postgresql.tls_probe import probe_servers
from tests.support.servers.certificates import Authority
from tests.unit.driver_arguments import for_mysql, for_postgresql, sslmode_of

if TYPE_CHECKING:
    from pathlib import Path


def modes(host: str, options: str = "") -> tuple[str, str]:
    """Return the effective `sslmode` of a URL, for PyMySQL and for libpq."""
    libpq = for_postgresql(f"postgresql://{host}/d?{options}").get("sslmode", "prefer")
    return sslmode_of(for_mysql(f"mysql://{host}/d?{options}")), libpq


@pytest.fixture(autouse=True)
def _no_user_configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


# --- defaults -------------------------------------------------------------------------------------


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
def test_a_remote_server_is_verified_unless_the_url_says_otherwise(host: str) -> None:
    assert modes(host) == ("verify-full", "verify-full")
    for mode in ("disable", "prefer", "require", "verify-ca", "verify-full"):
        assert modes(host, f"sslmode={mode}") == (mode, mode)
    assert modes(host, "sslmode=allow") == ("prefer", "allow")  # PyMySQL has no such mode


def test_without_verification_the_authorities_are_not_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading them would take 30 ms for each connection."""
    monkeypatch.setattr(ssl, "create_default_context", lambda **_: pytest.fail("read"))
    for options in ("", "sslmode=prefer", "sslmode=require"):
        arguments = for_mysql(f"mysql://127.0.0.1/d?{options}")
        connections = [Connection(**arguments, defer_connect=True) for _ in range(2)]
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
def test_a_server_on_the_loopback_needs_no_tls(host: str) -> None:
    assert modes(host) == ("prefer", "prefer")
    for mode in ("disable", "require", "verify-ca", "verify-full"):
        assert modes(host, f"sslmode={mode}") == (mode, mode)


def test_a_unix_socket_needs_no_tls() -> None:
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
def test_the_addresses_of_all_hosts_count(url: str, mode: str | None) -> None:
    assert for_postgresql(url).get("sslmode") == mode


def test_service_files_and_environment_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
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


# --- authorities ----------------------------------------------------------------------------------


def test_named_authorities_precede_the_users_and_the_systems(
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


def test_a_named_authority_turns_verification_on(authority: Authority) -> None:
    for host in ("h", "127.0.0.1"):
        assert modes(host, f"sslrootcert={authority.file}") == ("verify-full", "verify-full")
        named = f"sslmode=require&sslrootcert={authority.file}"
        assert modes(host, named) == ("verify-ca", "verify-ca")  # as in libpq


def test_ssl_ca_turns_verification_on(authority: Authority) -> None:
    own = authority.certificate("h")
    url = f"mysql://h?ssl_ca={authority.file}&ssl_cert={own.file}&ssl_key={own.key}"

    given = for_mysql(url)

    assert sslmode_of(given) == "verify-full"
    assert len(given["ssl"].get_ca_certs()) == 1
    assert not {"ssl_ca", "ssl_cert", "ssl_key"} & set(given)
    given = for_mysql(url.replace("//h", "//127.0.0.1"))
    assert sslmode_of(given) == "verify-full"
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
def test_an_unusable_policy_is_refused_by_connect(scheme: str, options: str, named: str) -> None:
    with pytest.raises(InvalidValue, match=named) as caught:
        connect(f"{scheme}://h/d?{options}")
    assert caught.value.field == "database URL"
    assert "s3cret" not in str(caught.value)


# --- refusals -------------------------------------------------------------------------------------


def test_a_certificate_that_an_external_pool_refused_is_permanent() -> None:
    reason = ssl.SSLCertVerificationError("certificate verify failed")
    error = pymysql.OperationalError(2003, "Can't connect to MySQL server on 'db'")
    assert mysql_dialect.DIALECT.classify(error, connecting=True) is Fault.UNAVAILABLE
    error.original_exception = reason  # type: ignore[attr-defined]  # as in PyMySQL
    reason.verify_code = 62
    assert mysql_dialect.DIALECT.classify(error, connecting=True) is Fault.PERMANENT


def test_a_refusal_needs_all_servers_to_be_refused() -> None:
    """The other servers may become available soon."""

    class WithoutTls(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(8)
            self.request.sendall(b"N")

    policy = tls.TlsPolicy("verify-full", None)
    with ThreadingTCPServer(("127.0.0.1", 0), WithoutTls) as server:
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        refused = Server("db", "127.0.0.1", server.server_address[1])
        assert probe_servers([refused, refused], policy) is tls.Refusal.NOT_OFFERED
        for other in (Server("db", "127.0.0.1", 1), Server("", "/run", 5432), Server("", "", 5432)):
            assert probe_servers([refused, other], policy) is None
            assert probe_servers([other, refused], policy) is None
        server.shutdown()
