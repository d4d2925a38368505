"""Option files of MySQL in the directory's URL: their values, and their refusal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import InvalidValue, connect
from tests.unit.driver_arguments import for_mysql, sslmode_of

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = """\
[client]
host = db.example.org
port = 3307
user = hostmap
password = s3cret
database = directory
ssl-mode = VERIFY_CA
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "my.cnf"
    file.write_text(WHOLE)
    return file


def refused(file: Path | str, group: str = "") -> str:
    """Return the sentence with which a file is refused, which quotes no password."""
    with pytest.raises(InvalidValue) as caught:
        connect(f"mysql://db/d?read_default_file={file}{group}")
    assert caught.value.field == "database URL"
    assert "s3cret" not in f"{caught.value}"
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return caught.value.problem


def test_a_file_can_have_all_values_of_the_url(file: Path) -> None:
    given = for_mysql(f"mysql://?read_default_file={file}")
    assert (given["host"], given["port"]) == ("db.example.org", 3307)
    assert (given["user"], given["password"]) == ("hostmap", b"s3cret")
    assert given["database"] == "directory"
    assert sslmode_of(given) == "verify-ca"
    connect(f"mysql://?read_default_file={file}").close()


@pytest.mark.parametrize(
    ("url", "name", "value"),
    [
        ("mysql://other/?", "host", "other"),
        ("mysql://other/?", "port", 3307),
        ("mysql://other:3308/?", "port", 3308),
        ("mysql://me@/?", "user", "me"),
        ("mysql://me@/?", "password", b"s3cret"),
        ("mysql://me:mine@/?", "password", b"mine"),
        ("mysql:///mine?", "database", "mine"),
        ("mysql:///?unix_socket=/run/my.sock&", "unix_socket", "/run/my.sock"),
    ],
)
def test_the_url_comes_before_the_file(file: Path, url: str, name: str, value: object) -> None:
    assert for_mysql(f"{url}read_default_file={file}")[name] == value


def test_the_last_of_two_values_counts(file: Path) -> None:
    file.write_text(f"{WHOLE}port=1\n[mysqld]\nport=2\n[client]\nport=3308\n")
    assert for_mysql(f"mysql://?read_default_file={file}")["port"] == 3308


@pytest.mark.parametrize(
    ("host", "socket"),
    [("db.example.org", None), ("localhost", "/run/my.sock"), ("127.0.0.1", "/run/my.sock")],
)
def test_a_socket_is_used_only_for_this_machine(file: Path, host: str, socket: str | None) -> None:
    """MySQL's own clients connect to the host, and to the socket only on localhost."""
    file.write_text(f"[client]\nsocket=/run/my.sock\nhost={host}\n")
    assert for_mysql(f"mysql:///d?read_default_file={file}").get("unix_socket") == socket


def test_a_byte_order_mark_is_ignored(file: Path) -> None:
    file.write_text(WHOLE, encoding="utf-8-sig")
    assert for_mysql(f"mysql://?read_default_file={file}")["user"] == "hostmap"


def test_a_file_in_the_home_folder_is_found(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(file.parent))
    assert for_mysql("mysql://?read_default_file=~/my.cnf")["user"] == "hostmap"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("s3#cret", None),
        ("s3cret # of the service", None),
        ("'s3cret' # of the service", None),
        ("s3\\\\cret", None),
        ("s3\\ncret", None),
        ('"s3\\"cret"', None),
        ('"s3#cret"', b"s3#cret"),
        ("'s3;cret'", b"s3;cret"),
        ("s3;cret", b"s3;cret"),
        ("s3\\cret", b"s3\\cret"),
        ("'s3=c ret'", b"s3=c ret"),
        ('"', b'"'),
    ],
)
def test_a_value_that_mysql_reads_differently_is_refused(
    file: Path, line: str, value: bytes | None
) -> None:
    file.write_text(f"[client]\npassword = {line}\n")
    if value is None:
        assert "whose password has a " in refused(file)
    else:
        assert for_mysql(f"mysql://h/d?read_default_file={file}")["password"] == value


@pytest.mark.parametrize("port", ["x", "-1", "65536", "³", "9" * 5_000, "3306.0"])
def test_a_bad_port_is_refused(file: Path, port: str) -> None:
    file.write_text(f"[client]\nport={port}\n")
    assert "with a port that is not a number" in refused(file)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "without the group [client]"),
        (b"# s3cret\n", "without the group [client]"),
        (b"[mysql]\npassword=s3cret\n", "without the group [client]"),
        (b"!includedir /etc/s3cret\n", "without the group [client]"),
        (b"password=s3cret\n", "not of the form"),
        (b"[client]\npassword=s3cret\xe9\n", "is not UTF-8 text"),
        (b"[client]\n" + b"#" * 70_000, "is larger than 64 KiB"),
    ],
)
def test_a_file_that_gives_nothing_is_refused(file: Path, content: bytes, problem: str) -> None:
    file.write_bytes(content)
    assert problem in refused(file)


def test_a_file_that_cannot_be_read_is_refused(file: Path) -> None:
    os.mkfifo(file.parent / "pipe")
    for path, problem in (
        (file.parent / "missing", "cannot be read: No such file"),
        (file.parent, "cannot be read: Is a directory"),
        (file / "below", "cannot be read: Not a directory"),
        (file.parent / "pipe", "without the group [client]"),
        ("/dev/zero", "is larger than 64 KiB"),
    ):
        assert problem in refused(path)
    assert "without its read_default_group" in refused(file, "&read_default_group=other")
