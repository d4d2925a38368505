"""Reading Nova's URLs: ignored options, options that name files, changes to options."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap, InvalidValue
from hostmap_sql.nova import CellAccess, discover, import_mappings
from hostmap_sql.nova.urls import OptionChanges, read_url
from tests.support.servers.certificates import Authority

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.nova import Nova

FAST = CellAccess(timeout=10)


@pytest.fixture
def imported(nova: Nova, hostmap: HostMap) -> HostMap:
    """A directory with all cells and hosts of Nova's API database."""
    import_mappings(hostmap, nova.url)
    return hostmap


def with_options(url: str, options: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{options}"


def error_of_cell1(hostmap: HostMap, nova: Nova, url: str, access: CellAccess = FAST) -> str | None:
    """Return why cell1 cannot be read with this URL, None if it can."""
    hostmap.cells.update(nova.cell_uuid("cell1"), database_connection=url)
    [found] = discover(hostmap, ["cell1"], access=access, dry_run=True).cells
    return found.error


def url_of_cell1(hostmap: HostMap) -> str:
    url = hostmap.cells.get_by_name("cell1").database_connection
    assert url
    return url.reveal()


@pytest.mark.parametrize(
    "options",
    [
        "plugin=dbcounter",
        "plugin=dbcounter&dbcounter_interval=s3cret",
        "plugin=s3cret&level=7",
        "use_unicode=1&pool_recycle=3600&max_retries=-1",
        "autocommit=true&use_unicode=0",
        "s3cret",
        "echo",
    ],
)
def test_options_of_sqlalchemy_are_ignored_with_one_warning(
    options: str, nova: Nova, hostmap: HostMap, caplog: pytest.LogCaptureFixture
) -> None:
    url = with_options(nova.url, options)

    assert import_mappings(hostmap, url).hosts.created == 202
    cell = with_options(url_of_cell1(hostmap), options)
    assert error_of_cell1(hostmap, nova, cell) is None
    first = len(caplog.records)
    assert error_of_cell1(hostmap, nova, cell) is None

    assert len(caplog.records) == first >= 2
    assert {record.name for record in caplog.records} == {"hostmap_sql"}
    assert {record.levelno for record in caplog.records} == {logging.WARNING}
    assert "ignored" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ("no_such_option=s3cret", "no_such_option"),
        ("plugin=dbcounter&ssl_cafile=s3cret", "ssl_cafile"),
        ("plugin=dbcounter&passwd=s3cret", "passwd"),
    ],
)
def test_unknown_options_are_refused(
    options: str, named: str, nova: Nova, hostmap: HostMap
) -> None:
    with pytest.raises(InvalidValue, match=named) as caught:
        import_mappings(hostmap, with_options(nova.url, options))
    assert "s3cret" not in str(caught.value)
    assert hostmap.revision() == 0


def test_a_file_that_a_cell_names_must_be_trusted(
    nova: Nova, imported: HostMap, tmp_path: Path
) -> None:
    """Otherwise write access to the table would give read access to files."""
    file = str(Authority(tmp_path).file)
    plain = url_of_cell1(imported)
    options = f"sslrootcert={file}&sslmode=prefer"
    url = with_options(plain, options)

    for access in (FAST, replace(FAST, trusted_files=(f"{file}x",))):
        error = error_of_cell1(imported, nova, url, access)
        assert error
        assert "only the operator may name" in error
        assert "--trust-file" in error
    for trusting in (
        replace(FAST, trusted_files=(file,)),
        replace(FAST, options=options),
        replace(FAST, options="-sslrootcert"),
        replace(FAST, template_url=with_options(nova.url, options)),
    ):
        assert error_of_cell1(imported, nova, url, trusting) is None
    assert import_mappings(imported, with_options(nova.url, options)).hosts.unchanged == 202


@pytest.mark.parametrize(
    "options",
    [
        "mysql://h/d?read_default_file=/etc/my.cnf&read_default_group=x",
        "mysql://h/d?read_default_group=x",
        "mysql://h/d?ssl_ca=/a.pem",
        "mysql://h/d?SSL-CA=/a.pem",
        "mysql://h/d?ssl_capath=/etc",
        "mysql://h/d?ssl_cert=/a.pem&ssl_key=/a.pem",
        "postgresql://h/d?sslcert=/a.pem&sslkey=/a.pem",
        "postgresql://h/d?passfile=/etc/shadow",
        "postgresql://h/d?service=other",
        "postgresql://h/d?sslcrl=/etc/x",
    ],
)
def test_every_option_that_names_a_file_is_refused(options: str, hostmap: HostMap) -> None:
    cell = hostmap.cells.create("cell1", database_connection=options)
    [found] = discover(hostmap, [cell.uuid], access=FAST).cells
    assert found.error
    assert "only the operator may name" in found.error


@pytest.mark.parametrize(
    ("url", "changes", "expected"),
    [
        ("mysql://h/d", "sslmode=prefer", "mysql://h/d?sslmode=prefer"),
        ("mysql://h/d?sslmode=require", "sslmode=prefer", "mysql://h/d?sslmode=prefer"),
        ("mysql://h/d?a=1&ssl-ca=x&b=2", "ssl_ca=%2Fy", "mysql://h/d?a=1&b=2&ssl_ca=%2Fy"),
        ("mysql://h/d?plugin=x&a=1", "-plugin", "mysql://h/d?a=1"),
        ("mysql://h/d?plugin=x", "-plugin", "mysql://h/d"),
        ("mysql://h/d?ssl_verify_cert&a=1", "-ssl_verify_cert&b=2", "mysql://h/d?a=1&b=2"),
        ("mysql://h/d?a=1", "-b", "mysql://h/d?a=1"),
    ],
)
def test_options_of_cells_are_set_replaced_and_dropped(
    url: str, changes: str, expected: str
) -> None:
    assert OptionChanges.parse(changes).apply(url) == expected


@pytest.mark.parametrize("changes", ["-", "-a=1", "a", "a=1&-a", "a=1&a=2", "a=1&", "=1"])
def test_ambiguous_option_changes_are_refused(changes: str) -> None:
    with pytest.raises(InvalidValue):
        CellAccess(changes)


def test_options_reach_the_cells(nova: Nova, imported: HostMap) -> None:
    url = with_options(url_of_cell1(imported), "no_such_option=1")
    assert "no_such_option" in (error_of_cell1(imported, nova, url) or "")
    dropped = replace(FAST, options="-no_such_option")
    assert error_of_cell1(imported, nova, url, dropped) is None


def test_read_url_keeps_known_options() -> None:
    url = read_url("mysql+pymysql://u:p@h/d?charset=utf8&ssl_verify_cert&plugin=dbcounter")
    assert url.options == {"charset": "utf8", "ssl_verify_cert": ""}


def test_trusted_files_cannot_be_a_string() -> None:
    with pytest.raises(InvalidValue, match=r"^trusted_files must be many names"):
        CellAccess(trusted_files="/etc/my.cnf")  # type: ignore[arg-type]
