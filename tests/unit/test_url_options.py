"""The options of a database URL, as each driver receives them."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import DatabaseError, InvalidValue, NotPermitted, connect
from hostmap_sql.dialects import _SCHEMES, dialect_of_scheme
from tests.unit.driver_arguments import for_mysql, for_postgresql

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.backends import Backend


@pytest.mark.parametrize("scheme", _SCHEMES)
def test_every_scheme_names_a_dialect(scheme: str) -> None:
    assert dialect_of_scheme(scheme).name in scheme.replace("mariadb", "mysql") + "postgresql"
    assert dialect_of_scheme(scheme).name == _SCHEMES[scheme]


def test_pymysql_receives_the_parts_of_a_url() -> None:
    given = for_mysql(
        "mysql://u%40x:p%2Fw@db:3307/n%20m?read_timeout=7&program_name=x&charset=utf8"
    )

    assert (given["user"], given["password"], given["database"]) == ("u@x", b"p/w", "n m")
    assert (given["host"], given["port"], given["read_timeout"]) == ("db", 3307, 7)
    assert (given["charset"], given["autocommit"], given["program_name"]) == ("utf8mb4", True, "x")
    bare = for_mysql("mysql://")
    assert (bare["host"], bare["port"], bare["password"]) == ("localhost", 3306, b"")
    assert (bare["user"], bare["database"], bare["program_name"]) == (None, None, "hostmap_sql")


def test_a_mysql_url_without_a_database_is_refused_at_once() -> None:
    for url in ("mysql://db", "mysql://u:s3cret@db/?charset=utf8"):
        with pytest.raises(InvalidValue, match="names no database"):
            connect(url)


def test_libpq_receives_the_parts_of_a_url() -> None:
    url = (
        "postgresql://u%40x:p%2Fw@a:5433,b/n%20m?target_session_attrs=read-write&options=-c%20x%3D1"
    )

    given = for_postgresql(url)

    assert (given["user"], given["password"], given["dbname"]) == ("u@x", "p/w", "n m")
    assert (given["host"], given["port"]) == ("a,b", "5433,")
    assert given["target_session_attrs"] == "read-write"
    assert given["options"].startswith("-c timezone=UTC -c lock_timeout=30000 ")
    assert given["options"].endswith(" -c x=1")
    bare = for_postgresql("postgresql:///")
    assert not {"host", "port", "user", "password", "dbname"} & set(bare)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("mysql://h/d?no_such_option=1", "no_such_option"),
        ("mysql://h/d?password=s3cret", "password"),
        ("mysql://h/d?read_timeout=s3cret", "whole number"),
        ("postgresql://h/d?no_such_option=s3cret", "no_such_option"),
        ("postgresql://h/d?autocommit=s3cret", "autocommit"),
        ("postgresql:///d?port=abc", "a port that is not a number"),
        ("sqlite://h/d.db", "names a host"),
        ("sqlite://u:s3cret@/d.db", "names a host"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite:///d.db?mode=memory", "in memory"),
        ("sqlite:///d.db?mode=bogus", "has a mode that is not one of"),
        ("mysql:///nova:s3cret@db/nova", "has a user after its third slash"),
        ("postgresql:///nova:s3cret@db/nova", "has a user after its third slash"),
        (None, "must be text, not NoneType"),
        ("mysql://h/d?write_timeout=0", "'write_timeout', whose value is not a whole number above"),
        ("mysql://localhost/d?ssl_ca=/none.pem", "'ssl_ca', whose value is not the name of a file"),
        (
            "postgresql://h/d?connect_timeout=s3cret",
            "'connect_timeout', whose value is not a whole",
        ),
        (
            "postgresql://h/d?target_session_attrs=s3cret",
            "'target_session_attrs', whose value libpq",
        ),
        ("postgresql://h/d?user=a&service=s3cret", "'service', whose value libpq"),
        (
            "postgresql://h/d?sslmode=prefer&sslnegotiation=direct",
            "'sslnegotiation', whose value|options that together",
        ),
        ("sqlite:///d.db?cache=s3cret", "cache"),
        ("db2://u:s3cret@h/d", "does not begin with"),
    ],
)
def test_an_unusable_url_is_refused_by_connect(url: str, named: str) -> None:
    with pytest.raises(InvalidValue, match=named) as caught:
        connect(url)
    assert caught.value.field == "database URL"
    assert "s3cret" not in str(caught.value)


@pytest.mark.needs("files")
def test_a_file_can_be_opened_read_only(backend: Backend) -> None:
    backend.hostmap.cells.create("a")
    with connect(f"{backend.url}?mode=ro") as reader:
        assert [cell.name for cell in reader.cells.list()] == ["a"]
        with pytest.raises(DatabaseError) as caught:
            reader.cells.create("b")
    assert caught.type is NotPermitted
    assert caught.value.code == "SQLITE_READONLY"


@pytest.mark.needs("files")
def test_a_read_only_file_without_wal_is_readable(backend: Backend) -> None:
    backend.query("PRAGMA journal_mode = DELETE")

    with connect(f"{backend.url}?mode=ro") as reader:
        assert reader.cells.list() == []


@pytest.mark.needs("files")
def test_a_file_that_is_not_a_database_is_an_error_with_its_code(bare_backend: Backend) -> None:
    path = bare_backend.url.removeprefix("sqlite:///")
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write("this is not a database, whatever its name; " * 99)

    with pytest.raises(DatabaseError) as caught:
        bare_backend.hostmap.cells.list()

    assert caught.type is DatabaseError
    assert caught.value.code == "SQLITE_NOTADB"
    assert isinstance(caught.value.__cause__, sqlite3.DatabaseError)


def test_a_relative_path_is_resolved_by_connect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with connect("sqlite:///here.db") as hostmap:
        monkeypatch.chdir("/proc")  # where no file can be created
        hostmap.migrate()
        with hostmap._database.lease():  # so that the call opens another connection
            assert hostmap.cells.create("a").revision == 1


def test_the_client_encoding_is_utf8_despite_url_and_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGCLIENTENCODING", "latin1")
    assert for_postgresql("postgresql:///d?client_encoding=latin1")["client_encoding"] == "UTF8"


def test_pgoptions_are_kept_unless_the_url_has_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGOPTIONS", "-c search_path=elsewhere")
    assert for_postgresql("postgresql:///d")["options"].endswith(" -c search_path=elsewhere")
    given = for_postgresql("postgresql:///d?options=-c%20x%3D1")
    assert given["options"].endswith(" -c x=1")
    assert "elsewhere" not in given["options"]


def test_the_path_of_a_file_may_contain_special_characters(tmp_path: Path) -> None:
    path = tmp_path / "100% odd?mode=memory#é.db"
    url = f"sqlite:///{str(path).replace('%', '%25').replace('?', '%3F').replace('#', '%23')}"
    with connect(url) as hostmap:
        hostmap.migrate()
        assert hostmap.cells.create("a").revision == 1
    assert path.exists()
