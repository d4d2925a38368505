"""The TLS and file options of other drivers, and their equivalents in libpq's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import InvalidValue, connect
from tests.support.servers.certificates import Authority
from tests.unit.driver_arguments import for_mysql, for_postgresql, sslmode_of

if TYPE_CHECKING:
    from pathlib import Path

REMOTE, LOCAL = "db.example.org", "127.0.0.1"


def mode(options: str, host: str = REMOTE) -> str:
    return sslmode_of(for_mysql(f"mysql://u:p@{host}/d?{options}"))


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize(
    ("options", "remote", "local"),
    [
        ("charset=utf8", "verify-full", "prefer"),
        ("charset=utf8&ssl_verify_cert=true", "verify-ca", "verify-ca"),  # openstack-ansible
        ("charset=utf8&ssl_verify_cert", "verify-ca", "verify-ca"),  # openstack-helm
        ("ssl_verify_cert=1&ssl_verify_identity=1", "verify-full", "verify-full"),
        ("ssl_verify_identity=True", "verify-full", "verify-full"),
        ("ssl_check_hostname=true", "verify-full", "verify-full"),
        ("ssl_check_hostname=false", "verify-ca", "prefer"),
        ("ssl_verify_cert=true&ssl_check_hostname=false", "verify-ca", "verify-ca"),
        ("ssl_verify_cert=false", "require", "require"),
        ("ssl-verify-server-cert", "verify-full", "verify-full"),
        ("ssl-verify-server-cert=0", "require", "require"),
        ("ssl-mode=DISABLED", "disable", "disable"),
        ("ssl-mode=PREFERRED", "prefer", "prefer"),
        ("ssl-mode=REQUIRED", "require", "require"),
        ("ssl_mode=required", "require", "require"),
        ("SSL-MODE=VERIFY_CA", "verify-ca", "verify-ca"),
        ("ssl-mode=VERIFY_IDENTITY", "verify-full", "verify-full"),
        ("ssl-mode=REQUIRED&ssl_verify_cert=true", "verify-ca", "verify-ca"),
        ("sslmode=require&ssl=true", "require", "require"),
        ("ssl_disabled=true", "disable", "disable"),
        ("ssl_disabled=false", "verify-full", "prefer"),
        ("ssl=true", "verify-full", "require"),
        ("ssl", "verify-full", "require"),
        ("ssl=false", "disable", "disable"),
        ("ssl_cipher=ECDHE-RSA-AES256-GCM-SHA384", "verify-full", "require"),
    ],
)
def test_every_option_amounts_to_an_sslmode(options: str, remote: str, local: str) -> None:
    assert (mode(options), mode(options, LOCAL)) == (remote, local)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("", "verify-full"),
        ("&ssl_verify_cert=true", "verify-ca"),
        ("&ssl_check_hostname=false", "verify-ca"),
        ("&ssl_verify_identity=true", "verify-full"),
        ("&ssl_verify_cert=false", "require"),
        ("&ssl-mode=REQUIRED", "verify-ca"),  # as in libpq with an authority
        ("&ssl-mode=VERIFY_IDENTITY", "verify-full"),
        ("&ssl-mode=PREFERRED", "prefer"),
        ("&ssl=true", "verify-full"),
    ],
)
def test_a_named_authority_is_used(
    options: str, expected: str, authority: Authority, tmp_path: Path
) -> None:
    for host in (REMOTE, LOCAL):
        for name in ("ssl_ca", "sslrootcert", "ssl-ca"):
            url = f"mysql://u:p@{host}/d?{name}={authority.file}{options}"
            given = for_mysql(url)
            assert sslmode_of(given) == expected
            if expected.startswith("verify"):
                assert len(given["ssl"].get_ca_certs()) == 1
    folder = for_mysql(f"mysql://u:p@{LOCAL}/d?ssl_capath={tmp_path}{options}")
    assert sslmode_of(folder) == expected


def test_a_client_certificate_requires_tls(authority: Authority) -> None:
    own = authority.certificate("client")
    named = f"ssl_cert={own.file}&ssl_key={own.key}"
    assert (mode(named), mode(named, LOCAL)) == ("verify-full", "require")
    assert mode(f"{named}&ssl-mode=VERIFY_CA") == "verify-ca"


@pytest.mark.parametrize(
    "options",
    [
        "ssl-mode=REQUIRED&sslmode=disable",
        "ssl_mode=DISABLED&ssl_verify_cert=true",
        "ssl_mode=PREFERRED&ssl_verify_identity",
        "ssl_disabled=true&ssl_verify_cert=true",
        "ssl_disabled=false&ssl-mode=DISABLED",
        "ssl_verify_cert=false&ssl_verify_identity=true",
        "ssl_verify_cert=false&ssl_check_hostname=true",
        "sslmode=verify-full&ssl_check_hostname=false",
        "ssl-mode=VERIFY_CA&ssl_verify_cert=false",
        "ssl=false&ssl_verify_cert=true",
        "sslmode=prefer&ssl=true",
        f"ssl_ca={__file__}&sslrootcert=/other",
        f"ssl_ca={__file__}&ssl_capath=/tmp",
    ],
)
def test_contradictory_options_are_refused(options: str) -> None:
    with pytest.raises(InvalidValue, match="contradict each other"):
        connect(f"mysql://u:s3cret@{REMOTE}/d?{options}")


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://h/d?ssl_mode=s3cret", "DISABLED, PREFERRED, REQUIRED, VERIFY_CA"),
        ("mysql://h/d?ssl_verify_cert=s3cret", "neither true nor false"),
        ("mysql://h/d?ssl={s3cret}", "neither true nor false"),
        ("mysql://h/d?ssl_cipher=s3cret", "OpenSSL does not know"),
        ("mysql://h/d?ssl_key=/s3cret.pem", "without an ssl_cert"),
        ("mysql://h/d?ssl_capath=/no/s3cret", "not the name of a folder"),
        ("mysql://h/d?ssl_crl=/s3cret.pem", "'ssl_crl', which is not one of"),
        ("mysql://h/d?sslmode", "of the form"),
        ("mysql://h/d?charset", "of the form"),
        ("mysql://h/d?sslmode=prefer&sslmode=disable", "'sslmode' twice"),
        ("mysql://h/d?ssl-mode=REQUIRED&ssl_mode=DISABLED", "'ssl_mode' twice"),
        ("mysql://h/d?plugin=s3cret", "'plugin', which is not one of"),
        ("postgresql://h/d?plugin=s3cret", "'plugin', which libpq does not know"),
        ("postgresql://h/d?ssl_verify_cert", "'ssl_verify_cert', which libpq does not know"),
        ("postgresql://h/d?ssl=s3cret", "'ssl' with a value"),
        ("postgresql://h/d?ssl=true&sslmode=prefer", "contradict each other"),
        ("mysql://h/d?read_default_file=/no/s3cret", "read_default_file that cannot be read"),
    ],
)
def test_an_unusable_option_is_refused_by_connect(url: str, named: str) -> None:
    with pytest.raises(InvalidValue, match=named) as caught:
        connect(url)
    assert caught.value.field == "database URL"
    assert "s3cret" not in str(caught.value)


def test_javas_ssl_option_is_understood_for_postgresql() -> None:
    assert for_postgresql(f"postgresql://{REMOTE}/d?ssl=true")["sslmode"] == "verify-full"
    assert for_postgresql(f"postgresql://{LOCAL}/d?ssl=true")["sslmode"] == "require"
    assert for_postgresql(f"postgresql://{LOCAL}/d?ssl&sslmode=verify-ca")["sslmode"] == "verify-ca"


# --- option files ---------------------------------------------------------------------------------


def test_an_option_file_completes_the_url(tmp_path: Path, authority: Authority) -> None:
    file = tmp_path / "tripleo.cnf"
    file.write_text(
        "# of TripleO\n!includedir /etc/my.cnf.d\n[client]\nport=1\n[tripleo]\n"
        "  bind-address = 127.0.0.3\n  host='db.example.org'\n  port = 3310\nuser=nova\n"
        f'password="s3cret"\nssl=1\nssl-ca={authority.file}\nskip-name-resolve\n'
    )
    named = f"read_default_file={file}&read_default_group=tripleo"

    given = for_mysql(f"mysql+pymysql:///nova?{named}")

    assert (given["host"], given["port"], given["user"]) == ("db.example.org", 3310, "nova")
    assert (given["password"], given["bind_address"]) == (b"s3cret", "127.0.0.3")
    assert sslmode_of(given) == "verify-full"
    assert len(given["ssl"].get_ca_certs()) == 1
    assert "read_default_file" not in given
    own = for_mysql(f"mysql://me:mine@{LOCAL}:3306/nova?{named}&ssl_verify_cert=true")
    assert (own["host"], own["port"], own["user"], own["password"]) == (LOCAL, 3306, "me", b"mine")
    assert sslmode_of(own) == "verify-ca"
    client = for_mysql(f"mysql://{LOCAL}/nova?read-default-file={file}")
    assert (client["port"], sslmode_of(client)) == (1, "prefer")
    with pytest.raises(InvalidValue, match="without its read_default_group"):
        for_mysql(f"mysql:///nova?read_default_file={file}&read_default_group=other")


def test_a_file_of_another_kind_is_not_quoted(tmp_path: Path) -> None:
    file = tmp_path / "shadow"
    file.write_text("root:s3cret\n")
    with pytest.raises(InvalidValue, match="not of the form") as caught:
        connect(f"mysql:///d?read_default_file={file}")
    assert "s3cret" not in f"{caught.value} {caught.value.__cause__}"
    assert caught.value.__suppress_context__


def test_a_host_in_the_url_precedes_a_socket_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my.cnf"
    file.write_text("[client]\nsocket=/run/mysqld.sock\n")
    named = f"read_default_file={file}"
    assert for_mysql(f"mysql:///d?{named}")["unix_socket"] == "/run/mysqld.sock"
    assert "unix_socket" not in for_mysql(f"mysql://{REMOTE}/d?{named}")
    assert mode(named) == "verify-full"
    assert mode("unix_socket=") == "verify-full"  # empty, so the host is used
