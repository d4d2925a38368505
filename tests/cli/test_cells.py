from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hostmap_sql import HostMap
from hostmap_sql.batching import BULK_SIZE
from tests.cli.conftest import CELL1_UUID, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hostmap_sql import WriteTransaction
    from tests.cli.conftest import Cli

KEYS = [
    "uuid",
    "name",
    "transport_url",
    "database_connection",
    "disabled",
    "hosts",
    "revision",
    "created_at",
    "updated_at",
]


def test_create_shows_the_new_cell(cli: Cli) -> None:
    cell = cli.json(
        *("cell", "create", "cell4", "--transport-url", f"rabbit://nova:{PASSWORD}@mq4/"),
        *("--database-connection", "postgresql://db4/nova", "--disabled"),
        *("--uuid", "BB8D6256105B420DBF3D05E61004E6BD"),
    )
    assert list(cell) == KEYS
    assert cell["uuid"] == "bb8d6256-105b-420d-bf3d-05e61004e6bd"
    assert cell["transport_url"] == "rabbit://nova:***@mq4/"
    assert cell["database_connection"] == "postgresql://db4/nova"
    assert (cell["disabled"], cell["hosts"], cell["updated_at"]) == (True, 0, None)
    assert cell["created_at"].endswith("+00:00")


def test_create_generates_a_uuid_and_needs_no_urls(cli: Cli, directory: HostMap) -> None:
    cell = cli.json("cell", "create", "cell4", "--transport-url", "")
    assert directory.cells.get(cell["uuid"]).transport_url is None
    assert cell["database_connection"] is None


@pytest.mark.parametrize(
    "arguments", [("cell1",), ("cell4", "--uuid", CELL1_UUID)], ids=["name", "uuid"]
)
def test_create_refuses_an_existing_name_or_uuid(cli: Cli, arguments: tuple[str, ...]) -> None:
    assert "already" in cli.error("cell", "create", *arguments, status=4)
    assert cli.revision() == 5


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--transport-url", f"{PASSWORD}@mq"),
        ("--database-connection", f"mysql://nova:{PASSWORD} @db"),
        ("--uuid", "no-uuid"),
    ],
)
def test_create_names_the_option_of_an_invalid_value(cli: Cli, option: str, value: str) -> None:
    error = cli.error("cell", "create", "cell4", option, value, status=2)
    assert error.startswith(f"hostmap: {option} ")
    assert PASSWORD not in error
    assert cli.revision() == 5


def test_create_refuses_an_invalid_name(cli: Cli) -> None:
    assert "white space" in cli.error("cell", "create", "cell4 ", status=2)


def test_a_url_is_read_from_a_file_or_standard_input(
    cli: Cli, directory: HostMap, tmp_path: Path
) -> None:
    (tmp_path / "mq.url").write_text("rabbit://file/\n")
    cli(
        *("cell", "update", "cell1", "--transport-url", "@mq.url", "--database-connection", "@-"),
        input="mysql://stdin/\n",
    )
    cell = directory.cells.get_by_name("cell1")
    assert cell.transport_url
    assert cell.transport_url.reveal() == "rabbit://file/"
    assert cell.database_connection
    assert cell.database_connection.reveal() == "mysql://stdin/"


def test_an_unreadable_url_file_is_refused(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "latin1").write_bytes(b"rabbit://\xe9/")
    for file in ("missing", "latin1", "."):
        error = cli.error("cell", "update", "cell1", "--transport-url", f"@{file}", status=2)
        assert "--transport-url" in error
        assert repr(file) in error


def test_a_url_file_is_read_as_that_of_the_database(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file, update = tmp_path / "mq.url", ("cell", "update", "cell1", "--transport-url")
    file.touch(mode=0o644)
    for content, problem in (
        ("rabbit://a/\nrabbit://b/\n", "holds several lines"),
        ("rabbit://a\0/", "holds a NUL"),
        ("rabbit://a/" + "x" * 70_000, "is larger than 64 KiB"),
    ):
        file.write_text(content)
        error = cli.error(*update, "@~/mq.url", status=2)
        assert f"the URL file '~/mq.url' {problem}" in error
        error = cli.error(*update, "@-", status=2, input=content)
        assert f"standard input {problem}" in error
    for value, problem in (("@", "@ is empty"), (f"@rabbit://{PASSWORD}@mq/", "@ holds a URL")):
        error = cli.error(*update, value, status=2)
        assert f"invalid value for '--transport-url': {problem}: give the name of a file" in error
    twice = ("--transport-url", "@-", "--database-connection", "@-")
    error = cli.error("cell", "update", "cell1", *twice, status=2, input="rabbit://a/\n")
    assert "standard input is empty" in error
    file.write_text("rabbit://a/\n")
    warning = "hostmap: warning: other users have access to the URL file 'mq.url': run chmod o= on"
    assert cli(*update, "@mq.url").stderr == f"{warning} it\n"
    assert cli.revision() == 6


def test_the_shell_completes_without_reading_standard_input(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_HOSTMAP_COMPLETE", "bash_complete")
    monkeypatch.setenv("COMP_WORDS", "hostmap nova check --template-url @- --cell ")
    monkeypatch.setenv("COMP_CWORD", "6")
    calls: list[str] = []
    monkeypatch.setattr("hostmap_sql.cli.framework.url_file._read_input", lambda: calls.append(""))
    assert "plain,cell1\n" in cli().stdout
    assert not calls


def test_list_is_ordered_and_counts_hosts(cli: Cli) -> None:
    cells = cli.json("cell", "list")
    assert [(cell["name"], cell["hosts"]) for cell in cells] == [
        ("cell1", 2),
        ("cell2", 1),
        ("cell3", 0),
    ]
    assert [list(cell) for cell in cells] == [KEYS] * 3


@pytest.mark.parametrize("format", ["table", "json", "csv", "value"])
@pytest.mark.parametrize("command", [("list",), ("show", "cell1"), ("disable", "cell1")])
def test_secrets_are_shown_on_request_only(cli: Cli, command: tuple[str, ...], format: str) -> None:
    masked = cli("cell", *command, "--format", format).stdout
    assert PASSWORD not in masked
    assert "rabbit://nova:***@mq.cell1:5672/" in masked
    if command[0] != "disable":
        shown = cli("cell", *command, "--format", format, "--show-secrets").stdout
        assert f"rabbit://nova:{PASSWORD}@mq.cell1:5672/" in shown


@pytest.mark.parametrize("cell", ["cell1", CELL1_UUID, CELL1_UUID.upper(), f"{{{CELL1_UUID}}}"])
def test_a_cell_is_given_by_name_or_uuid(cli: Cli, cell: str) -> None:
    assert cli.json("cell", "show", cell)["name"] == "cell1"


@pytest.mark.parametrize(
    "command",
    [
        ("cell", "show", "nope"),
        ("cell", "update", "nope", "--name", "x"),
        ("cell", "enable", "nope"),
        ("cell", "disable", "nope"),
        ("cell", "delete", "nope"),
        ("cell", "delete", "--force", "nope"),
        ("host", "create", "compute-9", "nope"),
        ("host", "move", "compute-1", "nope"),
        ("host", "move", "compute-1", "cell2", "--from", "nope"),
        ("host", "delete", "compute-1", "--from", "nope"),
        ("host", "list", "--cell", "nope"),
        ("host", "export", "--cell", "nope"),
    ],
    ids=" ".join,
)
def test_an_unknown_cell_is_not_found(cli: Cli, command: tuple[str, ...]) -> None:
    assert "there is no cell 'nope'" in cli.error(*command, status=3)
    assert cli.revision() == 5


def test_an_empty_cell_is_wrong_usage(cli: Cli) -> None:
    assert "CELL is empty" in cli.error("cell", "show", "", status=2)
    assert "--cell is empty" in cli.error("host", "list", "--cell", "", status=2)


def test_update_changes_the_given_properties_only(cli: Cli, directory: HostMap) -> None:
    before = directory.cells.get_by_name("cell1")
    cell = cli.json("cell", "update", "cell1", "--name", "east", "--disabled")
    assert (cell["name"], cell["disabled"], cell["hosts"], cell["revision"]) == ("east", True, 2, 6)
    after = directory.cells.get(CELL1_UUID)
    assert after.transport_url == before.transport_url
    assert after.database_connection == before.database_connection
    assert cli.json("cell", "update", "east", "--enabled")["disabled"] is False


def test_update_removes_a_url(cli: Cli) -> None:
    cell = cli.json("cell", "update", "cell1", "--transport-url", "")
    assert cell["transport_url"] is None
    assert cell["database_connection"] is not None


def test_update_without_changes_is_wrong_usage(cli: Cli) -> None:
    assert "nothing to change" in cli.error("cell", "update", "cell1", status=2)


def test_update_refuses_the_name_of_another_cell(cli: Cli) -> None:
    assert "already" in cli.error("cell", "update", "cell1", "--name", "cell2", status=4)


def test_enable_and_disable_without_effect_make_no_revision(cli: Cli) -> None:
    assert cli.json("cell", "enable", "cell1")["disabled"] is False
    assert cli.revision() == 5
    assert cli.json("cell", "disable", "cell1")["disabled"] is True
    assert cli.json("cell", "disable", "cell1")["disabled"] is True
    assert cli.revision() == 6


def test_delete_removes_an_empty_cell(cli: Cli) -> None:
    assert cli("cell", "delete", "cell3").stdout == "deleted cell 'cell3' and 0 hosts in it\n"
    cli.error("cell", "show", "cell3", status=3)


def test_delete_refuses_a_cell_in_use(cli: Cli) -> None:
    assert "cell 'cell1' still has 2 hosts" in cli.error("cell", "delete", "cell1", status=5)
    assert cli.revision() == 5


def test_forced_delete_deletes_the_hosts_too(cli: Cli, directory: HostMap) -> None:
    answer = cli.json("cell", "delete", "cell1", "--force")
    assert answer == {"cell": "cell1", "cell_uuid": CELL1_UUID, "hosts_deleted": 2}
    assert cli.revision() == 6, "the last hosts and the cell are one change"
    assert [mapping.host for mapping in directory.hosts.iterate()] == ["storage-1"]


@pytest.mark.parametrize("more", [0, 1], ids=["exactly one step", "one more"])
def test_forced_delete_runs_in_batches(cli: Cli, directory: HostMap, more: int) -> None:
    uuid = directory.cells.get_by_name("cell3").uuid
    directory.hosts.create_many((f"many-{number}", uuid) for number in range(BULK_SIZE + more))
    before = cli.revision()
    result = cli("cell", "delete", "cell3", "--force")
    assert result.stdout == f"deleted cell 'cell3' and {BULK_SIZE + more:,} hosts in it\n"
    assert cli.revision() == before + 2


def test_an_interrupted_forced_delete_reports_its_progress(
    cli: Cli, directory: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    uuid = directory.cells.get_by_name("cell3").uuid
    directory.hosts.create_many((f"many-{number}", uuid) for number in range(BULK_SIZE))
    monkeypatch.setattr("hostmap_sql.directory.cells.Cells.delete", _interrupt)
    result = cli("cell", "delete", "cell3", "--force", status=130)
    how_far = "stopped after 5,000 of 5,000 hosts of cell 'cell3' were deleted"
    assert result.stderr == (
        f"hostmap: {how_far}: repeat it to do the rest\nhostmap: interrupted\n"
    )


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_forced_delete_keeps_a_host_that_was_moved_away(
    cli: Cli, directory: HostMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = directory.cells.get_by_name("cell2").uuid
    run = HostMap.run

    def after_a_move(self: HostMap, fn: Callable[[WriteTransaction], int]) -> int:
        directory.hosts.move("compute-1", other)
        return run(self, fn)

    monkeypatch.setattr(HostMap, "run", after_a_move)
    assert cli.json("cell", "delete", "cell1", "--force")["hosts_deleted"] == 1
    assert directory.hosts.get("compute-1").cell.name == "cell2"


def test_cell0_is_deleted_only_by_force(cli: Cli) -> None:
    cli("cell", "create", "cell0", "--uuid", "00000000-0000-0000-0000-000000000000")
    assert "--force" in cli.error("cell", "delete", "cell0", status=5)
    cli("cell", "delete", "cell0", "--force")
    cli.error("cell", "show", "cell0", status=3)


@pytest.mark.parametrize("option", ["--transport-url", "--database-connection"])
def test_an_empty_url_file_is_refused(cli: Cli, tmp_path: Path, option: str) -> None:
    (tmp_path / "empty.url").write_text("\ufeff \n")
    for value, given in (("@empty.url", None), ("@-", "")):
        message = cli.error("cell", "update", "cell1", option, value, status=2, input=given)
        assert "is empty" in message
    assert cli.revision() == 5


def test_a_masked_url_is_refused(cli: Cli) -> None:
    message = cli.error(
        *("cell", "update", "cell1", "--transport-url", "rabbit://nova:***@mq1/"), status=2
    )
    assert "--transport-url" in message
    assert "in the place of a secret" in message
    assert cli.revision() == 5
