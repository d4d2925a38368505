from __future__ import annotations

import os
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import CELL1_UUID, HOSTMAP, Cli

if TYPE_CHECKING:
    from pathlib import Path

    from hostmap_sql import HostMap

ODD_HOSTS = [
    "#no-comment",
    'quo"ted',
    "a,b",
    "two words",
    "ünïcode-é",
    "日本",
    "[bold]",
    "host",
    "{x",
    "| x |",
    "'",
]


def test_export_goes_to_standard_output(cli: Cli) -> None:
    expected = "host,cell\ncompute-1,cell1\ncompute-2,cell1\nstorage-1,cell2\n"
    assert cli("host", "export").stdout == cli("host", "export", "-").stdout == expected


def test_export_can_be_filtered(cli: Cli) -> None:
    assert cli("host", "export", "--cell", "cell2").stdout == "host,cell\nstorage-1,cell2\n"
    output = cli("host", "export", "--prefix", "compute-2", "--uuids").stdout
    assert output == f"host,cell\ncompute-2,{CELL1_UUID}\n"


@pytest.mark.parametrize("options", [(), ("--uuids",)], ids=["names", "uuids"])
def test_an_export_is_imported_unchanged(
    cli: Cli, directory: HostMap, options: tuple[str, ...]
) -> None:
    directory.hosts.create_many((host, CELL1_UUID) for host in ODD_HOSTS)
    cli("cell", "update", "cell1", "--name", '# "east", 1')
    before = {mapping.host: mapping.cell_uuid for mapping in directory.hosts.iterate()}
    revision = cli.revision()
    cli("host", "export", "hosts.csv", *options)
    assert cli.json("host", "import", "hosts.csv")["unchanged"] == len(before)
    assert cli.revision() == revision
    directory.hosts.delete_many(before)
    assert cli.json("host", "import", "hosts.csv")["created"] == len(before)
    assert {m.host: m.cell_uuid for m in directory.hosts.iterate()} == before


@pytest.mark.parametrize("format", ["csv", "json", "table"])
def test_a_list_is_imported_unchanged(cli: Cli, format: str) -> None:
    listing = cli("host", "list", "--format", format).stdout
    assert cli.json("host", "import", "-", input=listing)["unchanged"] == 3


def test_a_file_is_replaced_atomically(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "hosts.csv"
    file.write_text("old")
    result = cli("host", "export", "hosts.csv")
    assert result.stdout == ""
    assert result.stderr == "hostmap: wrote 3 hosts to hosts.csv\n"
    assert file.read_text().startswith("host,cell\ncompute-1,cell1\n")
    assert stat.S_IMODE(file.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.glob("*hosts.csv*")] == ["hosts.csv"]


def test_a_failure_keeps_the_old_file(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hosts.csv").write_text("old")
    monkeypatch.setattr(os, "fsync", _fail)
    assert "No space left" in cli.error("host", "export", "hosts.csv", status=1)
    assert (tmp_path / "hosts.csv").read_text() == "old"
    assert [path.name for path in tmp_path.glob("*hosts.csv*")] == ["hosts.csv"]


def _fail(_descriptor: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_symbolic_link_is_kept(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to("hosts.csv")
    cli("host", "export", "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "hosts.csv").read_text().startswith("host,cell\n")


def test_a_device_is_not_replaced(cli: Cli) -> None:
    cli("host", "export", "/dev/null")
    assert not stat.S_ISREG(os.stat("/dev/null").st_mode)  # noqa: PTH116 - shorter so


def test_a_missing_folder_is_an_error(cli: Cli, tmp_path: Path) -> None:
    error = cli.error("host", "export", "missing/hosts.csv", status=1)
    assert error == f"hostmap: {tmp_path}/missing/hosts.csv: No such file or directory\n"


def test_an_empty_directory_round_trips(cli: Cli) -> None:
    cli("cell", "delete", "cell1", "--force")
    cli("cell", "delete", "cell2", "--force")
    cli("host", "export", "hosts.csv")
    assert cli.json("host", "import", "hosts.csv")["created"] == 0


def test_the_database_itself_is_not_replaced(cli: Cli, directory: HostMap) -> None:
    directory.hosts.delete("compute-1")
    file = cli.url.removeprefix("sqlite:///")
    assert "is a database" in cli.error("host", "export", file, status=2)
    assert len(directory.hosts.list()) == 2


def test_an_exported_file_has_the_usual_mode(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "hosts.csv"
    before = os.umask(0o027)
    try:
        cli("host", "export", file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        file.chmod(0o600)
        cli("host", "export", file)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_link_to_itself_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    assert "symbolic links" in cli.error("host", "export", "loop.csv", status=1)
    assert [*tmp_path.glob(".hostmap-*")] == []


def test_a_file_behind_standard_output_is_appended_to(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "all.csv"
    file.write_text("what was there\n")
    with file.open("a") as stream:
        subprocess.run(
            [HOSTMAP, "host", "export", "/dev/stdout"],
            env={"PATH": os.environ["PATH"], "HOSTMAP_DATABASE": cli.url},
            stdout=stream,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    assert file.read_text().startswith("what was there\nhost,cell\n")


def test_the_longest_file_name_is_accepted(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / f"{'x' * 251}.csv"
    cli("host", "export", file)
    assert file.read_text().startswith("host,cell\n")
