"""`hostmap nova`, with a directory in each kind of database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.cli.commands.nova.group import nova as nova_group
from tests.cli.conftest import Cli, run_example

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.support.backends.base import Backend
    from tests.support.nova import Nova

CLAIMED = "compute-003.rack3.example.org"
HOSTMAP = str(Path(sys.executable).parent / "hostmap")
BOTH = ("--cell", "cell1", "--cell", "cell2")


@pytest.fixture
def cli(backend: Backend) -> Cli:
    """The command, on the directory."""
    return Cli(backend.url)


@pytest.fixture
def imported(cli: Cli, nova: Nova) -> Cli:
    """The command, on a directory with all cells and hosts of Nova's API database."""
    cli("nova", "import", "--from", nova.url)
    return cli


# --- import ---------------------------------------------------------------------------------------


def test_import_shows_its_result(cli: Cli, nova: Nova, hostmap: HostMap) -> None:
    result = cli("nova", "import", "--from", nova.url)

    assert result.stdout == (
        "cells: 3 created; hosts: 202 created, 0 unchanged, 0 moved, 0 conflicts\n"
    )
    assert result.stderr == ""
    newest = hostmap.history.since(hostmap.revision() - 1)[0]
    assert (newest.author, newest.reason) == ("operator", "nova import")
    again = cli.json("nova", "import", "--from", nova.url, "--reason", "again")
    assert again == {
        "cells": [
            {
                "cell": name,
                "cell_uuid": hostmap.cells.get_by_name(name).uuid,
                "action": "unchanged",
                "differs": [],
                "nova_name": name,
            }
            for name in ("cell0", "cell1", "cell2")
        ],
        "created": 0,
        "unchanged": 202,
        "moved": 0,
        "conflicts": [],
    }


def test_a_warning_has_the_form_of_an_error(cli: Cli, nova: Nova) -> None:
    separator = "&" if "?" in nova.url else "?"
    result = cli("nova", "import", "--from", f"{nova.url}{separator}plugin=dbcounter")

    assert result.stderr.startswith("hostmap: database ")
    assert result.stderr.endswith(": ignored\n")
    assert result.stderr.count("\n") == 1


def test_import_takes_the_url_from_a_file(cli: Cli, nova: Nova, tmp_path: Path) -> None:
    file = tmp_path / "nova_api.url"
    file.write_text(nova.url + "\n")

    assert cli.json("nova", "import", "--from", f"@{file}")["created"] == 202


def test_import_shows_conflicts_and_exits_with_4(
    imported: Cli, nova: Nova, hostmap: HostMap
) -> None:
    hostmap.hosts.move(CLAIMED, nova.cell_uuid("cell2"))
    hostmap.cells.update(nova.cell_uuid("cell2"), transport_url="rabbit://nova:s3cret-2@mq9/")

    result = imported("nova", "import", "--from", nova.url, status=4)

    assert "conflict: cell 'cell2' has another transport_url" in result.stderr
    assert f"conflict: host '{CLAIMED}' is in cell 'cell2', not in 'cell1'" in result.stderr
    assert "s3cret" not in result.output
    assert imported.json("nova", "import", "--from", nova.url, status=4)["conflicts"] == [
        {
            "host": CLAIMED,
            "wanted_cell": "cell1",
            "wanted_cell_uuid": nova.cell_uuid("cell1"),
            "actual_cell": "cell2",
            "actual_cell_uuid": nova.cell_uuid("cell2"),
        }
    ]
    moved = imported("nova", "import", "--from", nova.url, "--on-conflict", "move")
    assert moved.stdout == (
        "cells: 2 unchanged, 1 updated; hosts: 0 created, 201 unchanged, 1 moved, 0 conflicts\n"
    )


def test_import_shows_every_change_of_a_dry_run(cli: Cli, nova: Nova, hostmap: HostMap) -> None:
    rows = cli.json("nova", "import", "--from", nova.url, "--dry-run")

    assert hostmap.revision() == 0
    assert len(rows) == 205
    assert rows[1] == {
        "action": "create",
        "kind": "cell",
        "name": "cell1",
        "cell": None,
        "actual_cell": None,
        "detail": None,
    }
    assert {row["cell"] for row in rows if row["kind"] == "host"} == {"cell1", "cell2"}
    result = cli("nova", "import", "--from", nova.url, "--dry-run", "-f", "csv", "-c", "kind,name")
    assert result.stdout.splitlines()[:2] == ["kind,name", "cell,cell0"]
    assert "dry run: nothing was written; it would be: cells: 3 created" in result.stderr

    cli("nova", "import", "--from", nova.url)
    hostmap.cells.update(nova.cell_uuid("cell2"), disabled=False)
    hostmap.hosts.move(CLAIMED, nova.cell_uuid("cell2"))
    rows = cli.json("nova", "import", "--from", nova.url, "--dry-run", status=4)
    assert [(row["action"], row["name"], row["actual_cell"], row["detail"]) for row in rows] == [
        ("conflict", "cell2", None, "disabled"),
        ("conflict", CLAIMED, "cell2", None),
    ]


def test_import_reports_changed_names(cli: Cli, nova: Nova) -> None:
    nova.set_cell("cell2", "name", None)

    result = cli("nova", "import", "--from", nova.url)

    assert "without a name, is called" in result.stderr
    again = cli.json("nova", "import", "--from", nova.url)
    assert [cell["nova_name"] for cell in again["cells"]] == ["cell0", "cell1", None]


def test_import_refuses_in_one_sentence(cli: Cli, nova: Nova, hostmap: HostMap) -> None:
    elsewhere = cli.error("nova", "import", "--from", nova.url.replace("?", "x?"), status=1)
    assert "s3cret" not in elsewhere
    wrong = cli.error("nova", "import", "--from", "mysql:/nova:s3cret@db/nova_api", status=2)
    assert wrong.startswith("hostmap: --from has no scheme: write it like mysql://user:password@")
    assert "s3cret" not in wrong
    nova.api.query("DROP TABLE host_mappings")
    wrong_database = cli.error("nova", "import", "--from", nova.url, status=2)
    assert "not the right Nova database" in wrong_database
    assert hostmap.revision() == 0


def test_import_refuses_columns_of_the_other_output(imported: Cli, nova: Nova) -> None:
    command = ("nova", "import", "--from", nova.url)
    assert "--dry-run" in imported.error(*command, "--columns", "name", status=2)
    assert "--dry-run" in imported.error(*command, "--columns", "created", "--dry-run", status=2)
    assert imported(*command, "--columns", "created", "-f", "value").stdout == "0\n"


# --- discover -------------------------------------------------------------------------------------


def test_discover_shows_the_result_of_each_cell(
    imported: Cli, nova: Nova, hostmap: HostMap
) -> None:
    result = imported("nova", "discover", *BOTH, "-c", "cell,created,conflicts", status=4)

    assert result.stdout.splitlines()[3:-1] == [
        "| cell1 | 15      | 0         |",
        "| cell2 | 1       | 1         |",
    ]
    assert f"conflict: host '{CLAIMED}' is in cell 'cell1', not in 'cell2'" in result.stderr
    assert hostmap.history.since(hostmap.revision() - 1)[0].reason == "nova discover"
    cell1, cell2 = imported.json("nova", "discover", *BOTH, "--mark", "--force", status=4)
    assert (cell1["created"], cell1["unchanged"], cell1["conflicts"]) == ([], cell1["live"], [])
    assert cell1["marked"] > 0
    assert cell2["conflicts"][0]["host"] == CLAIMED
    assert imported("nova", "discover", "--by-service", "-f", "json").exit_code == 0
    assert hostmap.hosts.get("service-only-1").cell_uuid == nova.cell_uuid("cell1")


def test_discover_shows_every_change_of_a_dry_run(imported: Cli, hostmap: HostMap) -> None:
    revision = hostmap.revision()

    rows = imported.json("nova", "discover", *BOTH, "--dry-run", "--mark", "--force", status=4)

    assert hostmap.revision() == revision
    actions = [(row["action"], row["cell"]) for row in rows if row["kind"] == "host"]
    assert actions == [("create", "cell1")] * 15 + [("create", "cell2"), ("conflict", "cell2")]
    marks = [row for row in rows if row["action"] == "mark"]
    assert [row["name"] for row in marks] == ["cell1", "cell2"]
    assert "compute node" in marks[0]["detail"]


def test_discover_continues_without_an_unreadable_cell(
    imported: Cli, nova: Nova, hostmap: HostMap
) -> None:
    url = "mysql+pymysql://nova:s3cret@127.0.0.1:9/nova"
    hostmap.cells.update(nova.cell_uuid("cell2"), database_connection=url)

    result = imported("nova", "discover", *BOTH, "--timeout", "5", status=6)

    assert "cell 'cell2': " in result.stderr
    assert "1 cell could not be read" in result.stderr
    assert "s3cret" not in result.output
    assert hostmap.history.since(2)
    rows = imported.json("nova", "discover", *BOTH, "--dry-run", "--timeout", "5", status=6)
    assert [row["action"] for row in rows] == ["error"]


def test_discover_takes_options_templates_and_trust(
    imported: Cli, nova: Nova, hostmap: HostMap
) -> None:
    error = imported.error("nova", "discover", "--cell-options", "sslmode", status=2)
    assert error.startswith("hostmap: --cell-options ")
    error = imported.error("nova", "check", "--template-url", "nova:s3cret@db/nova", status=2)
    assert error.startswith("hostmap: --template-url has no scheme")
    assert "s3cret" not in error
    refused = imported("nova", "discover", "--cell-options", "no_such=1", status=6)
    assert "no_such" in refused.stderr
    name = nova.cell1.url.rpartition("/")[2]
    template = f"{{scheme}}://{{username}}:{{password}}@{{hostname}}:{{port}}/{name}"
    hostmap.cells.update(nova.cell_uuid("cell1"), database_connection=template)
    assert "--template-url" in imported("nova", "discover", status=6).stderr
    [cell1] = imported.json("nova", "discover", "--template-url", nova.url)
    assert len(cell1["created"]) == 15
    evil = "{scheme}://{username}:{password}@db9.example.org/nova"
    hostmap.cells.update(nova.cell_uuid("cell1"), database_connection=evil)
    errors = imported("nova", "discover", "--template-url", nova.url, status=6).stderr
    assert "'db9.example.org'" in errors
    assert "--trust-host" in errors


def test_discover_repeats_until_sigterm(imported: Cli, hostmap: HostMap) -> None:
    command = [HOSTMAP, "nova", "discover", "--every", "0.2"]
    with subprocess.Popen(
        [*command, "--format", "json"],
        env=os.environ | {"HOSTMAP_DATABASE": imported.url},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        try:
            first, second = (json.loads(process.stdout.readline()) for _ in range(2))
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
        finally:
            process.kill()

    assert (first["cell"], len(first["created"])) == ("cell1", 15)
    assert second["created"] == []
    assert hostmap.hosts.get(first["created"][0]).cell.name == "cell1"


def test_mark_needs_the_url_of_novas_table(imported: Cli, nova: Nova, tmp_path: Path) -> None:
    file = tmp_path / "nova_api.url"
    file.write_text(nova.url)
    command = ("nova", "discover", "--mark")
    assert "--nova-api URL" in imported.error(*command, status=2)
    assert "--mark" in imported.error("nova", "discover", "--force", status=2)
    assert "--mark" in imported.error("nova", "discover", "--nova-api", nova.url, status=2)
    imported.error(*command, "--force", "--nova-api", nova.url, status=2)

    rows = imported.json(*command, "--nova-api", f"@{file}", "--dry-run", status=4)
    assert [row["action"] for row in rows] == ["create"] * 15 + ["mark"] + ["refuse"] * 15
    result = imported(*command, "--nova-api", f"@{file}", status=4)
    assert "15 hosts not marked: Nova's own table lacks" in result.stderr
    assert "run `hostmap nova export` first" in result.stderr
    imported("nova", "export", "--to", nova.url)
    [cell1] = imported.json(*command, "--nova-api", nova.url)
    assert cell1["marked"] >= 15
    assert cell1["unmarked"] == []


# --- export ---------------------------------------------------------------------------------------


def test_export_shows_its_result(imported: Cli, nova: Nova, hostmap: HostMap) -> None:
    hostmap.hosts.move(CLAIMED, nova.cell_uuid("cell2"))
    hostmap.hosts.create("new-1", nova.cell_uuid("cell2"))
    hostmap.cells.update(nova.cell_uuid("cell2"), disabled=False)

    plan = imported.json("nova", "export", "--to", nova.url, "--dry-run")
    result = imported("nova", "export", "--to", nova.url)

    assert [(row["action"], row["name"], row["cell"], row["actual_cell"]) for row in plan] == [
        ("update", "cell2", None, None),
        ("create", "new-1", "cell2", None),
        ("move", CLAIMED, "cell2", "cell1"),
    ]
    assert plan[0]["detail"] == "disabled"
    assert result.stdout == (
        "cells: 2 unchanged, 1 updated; "
        "hosts: 1 created, 201 unchanged, 1 moved, 0 deleted; 0 refused\n"
    )
    assert result.stderr == ""
    again = imported.json("nova", "export", "--to", nova.url)
    assert [cell["action"] for cell in again["cells"]] == ["unchanged"] * 3
    assert (again["created"], again["unchanged"], again["refused"]) == (0, 203, [])


def test_export_shows_refused_changes(imported: Cli, nova: Nova, hostmap: HostMap) -> None:
    nova.api.query("INSERT INTO host_mappings (cell_id, host) VALUES (2, 'theirs')")
    hostmap.cells.create("bare")
    command = ("nova", "export", "--to", nova.url)

    result = imported(*command, status=4)
    assert "refused: host 'theirs' is not mapped here: `hostmap nova import`" in result.stderr
    assert "2 changes refused: left as they are" in result.stderr
    rows = imported.json(*command, "--dry-run", status=4)
    assert [(row["action"], row["name"], row["actual_cell"]) for row in rows] == [
        ("refuse", "bare", None),
        ("refuse", "theirs", "cell1"),
    ]
    found = imported.json(*command, status=4)
    assert [one["nova_cell"] for one in found["refused"]] == [None, "cell1"]
    deleted = imported.json(*command, "--delete", status=4)
    assert (deleted["deleted"], [one["name"] for one in deleted["refused"]]) == (1, ["bare"])


def test_export_refuses_in_one_sentence(imported: Cli) -> None:
    wrong = imported.error("nova", "export", "--to", "mysql:/nova:s3cret@db/nova_api", status=2)
    assert wrong.startswith("hostmap: --to has no scheme")
    assert "s3cret" not in wrong
    url = "mysql+pymysql://nova:s3cret@127.0.0.1:9/nova"
    away = imported.error("nova", "export", "--to", url, "--timeout", "2", status=6)
    assert "s3cret" not in away


# --- check ----------------------------------------------------------------------------------------


def test_check_shows_each_disagreement(imported: Cli, nova: Nova, hostmap: HostMap) -> None:
    rows = imported.json("nova", "check", status=4)

    kinds = [row["kind"] for row in rows]
    assert kinds == ["node-without-mapping"] * 15 + ["mapping-without-node"]
    gone = rows[-1]
    assert gone == {
        "kind": "mapping-without-node",
        "cell": "cell1",
        "cell_uuid": nova.cell_uuid("cell1"),
        "host": gone["host"],
        "problem": "is mapped and has no live compute node",
    }
    imported("nova", "discover")
    hostmap.hosts.delete(gone["host"])
    clean = imported("nova", "check")
    assert (clean.stdout, clean.stderr) == ("", "hostmap: the directory and the cells agree\n")
    assert {row["host"] for row in imported.json("nova", "check", *BOTH, status=4)} >= {CLAIMED}


def test_check_shows_unreachable_cells(imported: Cli, nova: Nova, hostmap: HostMap) -> None:
    url = "mysql+pymysql://nova:s3cret@127.0.0.1:9/nova"
    hostmap.cells.update(nova.cell_uuid("cell1"), database_connection=url)

    result = imported("nova", "check", "--timeout", "5", status=4)

    assert "unreachable-cell" in result.stdout
    assert "s3cret" not in result.output
    assert "in 1 place" in result.stderr


# --- help -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["import", "export", "discover", "check", None])
def test_every_example_works(
    name: str | None, imported: Cli, nova: Nova, hostmap: HostMap, tmp_path: Path
) -> None:
    imported("nova", "discover")
    [gone] = imported.json("nova", "check", status=4)
    if name == "discover":
        imported("nova", "export", "--to", nova.url)
    if name == "check":
        hostmap.hosts.delete(gone["host"])
    (tmp_path / "nova_api.url").write_text(nova.url)

    run_example(imported, nova_group.commands[name] if name else nova_group, tmp_path)
