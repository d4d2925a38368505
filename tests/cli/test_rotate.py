"""`cell rotate`: new URLs for many cells, and no secret in any output."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hostmap_sql import connect
from tests.cli.conftest import CELL1_UUID, PASSWORD
from tests.cli.test_drain import plan

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

ROTATE = ("cell", "rotate", "--file")
NEW = "n3w-s3cret"
QUEUE = f"rabbit://nova:{NEW}@mq.cell1:5672/"
DATABASE = f"mysql+pymysql://nova:{NEW}@db.cell2/nova?charset=utf8"
OLD_DATABASE = f"mysql+pymysql://nova:{PASSWORD}@db.cell1/nova?charset=utf8"

# The same change in each format: a new queue for cell1, a new database for cell2.
FORMS = {
    "csv": f"cell,transport_url,database_connection\ncell1,{QUEUE},\ncell2,,{DATABASE}\n",
    "csv in another order": f"Database_Connection, cell ,transport_url\r\n{OLD_DATABASE},"
    f'{CELL1_UUID.upper()},"{QUEUE}"\r\n# cell2\r\n\r\n{DATABASE},cell2,\r\n',
    "json lines": json.dumps({"cell": "cell1", "transport_url": QUEUE})
    + "\n"
    + json.dumps({"cell": "cell2", "transport_url": None, "database_connection": DATABASE}),
    "json array, a line each": f'[\n{{"cell": "{CELL1_UUID}", "transport_url": "{QUEUE}"}},\n'
    f'{{"cell": "cell2", "transport_url": "", "database_connection": "{DATABASE}"}}\n]\n',
}


def urls(directory: HostMap) -> dict[str, list[str | None]]:
    """Return the queue and the database of each cell."""
    return {
        cell.name: [
            url.reveal() if url else None for url in (cell.transport_url, cell.database_connection)
        ]
        for cell in directory.cells.list()
    }


def secrets_shown(result: Result) -> list[str]:
    return [secret for secret in (NEW, PASSWORD) if secret in result.output]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_input_format_is_read(cli: Cli, directory: HostMap, text: str) -> None:
    before = urls(directory)
    with_author = ("--author", "alice", "--reason", "passwords rotated")

    result = cli(*ROTATE, "-", *with_author, input=text)

    assert result.stdout == "updated 2 cells, unchanged 0 (revision 6)\n"
    assert urls(directory) == before | {
        "cell1": [QUEUE, before["cell1"][1]],
        "cell2": [before["cell2"][0], DATABASE],
    }
    [changeset] = directory.history.since(5)
    assert (changeset.author, changeset.reason) == ("alice", "passwords rotated")
    assert {change.cell_uuid for change in changeset.cells} == {
        directory.cells.get_by_name(name).uuid for name in ("cell1", "cell2")
    }
    assert cli(*ROTATE, "-", input=text).stdout == "updated 0 cells, unchanged 2\n"
    assert cli.revision() == 6


def test_a_missing_column_keeps_that_url(cli: Cli, directory: HostMap) -> None:
    old = urls(directory)["cell1"][1]
    result = cli.json(*ROTATE, "-", input=f"cell,transport_url\ncell1,{QUEUE}\ncell3,\n")
    assert result == {"updated": 1, "unchanged": 1, "revision": 6}
    assert urls(directory)["cell1"] == [QUEUE, old]


def test_rotate_in_other_formats(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "urls.csv").write_text(FORMS["csv"])
    shown = cli(*ROTATE, "urls.csv", "-f", "csv").stdout
    assert shown == "updated,unchanged,revision\n2,0,6\n"
    assert cli(*ROTATE, "urls.csv", "-f", "value").stdout == "0 2 -\n"
    assert cli.json(*ROTATE, "urls.csv") == {"updated": 0, "unchanged": 2, "revision": None}


def test_rotate_does_what_its_dry_run_shows(cli: Cli, directory: HostMap) -> None:
    before = urls(directory)
    text = f"{FORMS['csv']}cell3,{before['cell3'][0]},\n"

    assert cli.json(*ROTATE, "-", "--dry-run", input=text) == [
        plan("update", "cell", "cell1", detail="transport_url"),
        plan("update", "cell", "cell2", detail="database_connection"),
    ]
    result = cli(*ROTATE, "-", "--dry-run", "-f", "value", "-c", "name,detail", input=text)
    assert result.stdout == "cell1 transport_url\ncell2 database_connection\n"
    assert result.stderr == "hostmap: dry run: nothing was written; 2 cells would be updated\n"
    assert cli.revision() == 5
    assert urls(directory) == before

    assert cli.json(*ROTATE, "-", input=text) == {"updated": 2, "unchanged": 1, "revision": 6}
    after = urls(directory)
    assert {name for name in after if after[name] != before[name]} == {"cell1", "cell2"}
    assert cli.json(*ROTATE, "-", "--dry-run", input=text) == []


@pytest.mark.parametrize("dry_run", [(), ("--dry-run",)], ids=["", "dry run"])
def test_all_bad_lines_are_reported_and_nothing_is_written(
    cli: Cli, tmp_path: Path, dry_run: tuple[str, ...]
) -> None:
    lines = [
        b"cell,transport_url",
        f"cell2,{QUEUE}".encode(),
        f"nope,{QUEUE}".encode(),
        f"{QUEUE},cell1".encode(),
        f"nova:{NEW}@mq,cell1".encode(),
        f",{QUEUE}".encode(),
        f"cell1,nova:{NEW}@mq".encode(),
        f"cell1,{QUEUE}".encode(),
        f"cell2,{QUEUE}".encode(),
        f"cell3,{QUEUE},x".encode(),
        f'cell3,"{QUEUE}'.encode(),
        f"cell3,rabbit://nova:{NEW} @mq/".encode(),
        f"\xff,{QUEUE}".encode("latin-1"),
    ]
    (tmp_path / "urls.csv").write_bytes(b"\n".join(lines))

    result = cli(*ROTATE, "urls.csv", *dry_run, status=2)

    assert result.stdout == ""
    assert not secrets_shown(result)
    *reports, last = result.stderr.splitlines()
    assert last == "hostmap: urls.csv has 11 bad lines: nothing was written"
    assert [report.removeprefix("hostmap: urls.csv, line ") for report in reports] == [
        "3: there is no such cell 'nope'",
        "4: there is no such cell",
        "5: there is no such cell",
        "6: names no cell",
        "7: transport_url is not a URL: it must begin with a scheme and ://",
        "8: cell 'cell1' is named on line 7 already",
        "9: cell 'cell2' is named on line 2 already",
        "10: has 3 fields, the header 2",
        "11: cannot be read: unexpected end of data",
        "12: transport_url holds a space or a control character: write it as %XX",
        "13: is not UTF-8 text",
    ]
    assert cli.revision() == 5


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "line 1: the input is empty"),
        ("# nothing\n\n", "line 1: the input is empty"),
        (f"cell1,{QUEUE},\n", "line 1: is not the header cell,transport_url,database_connection"),
        (f"transport_url\n{QUEUE}\n", "line 1: is not the header"),
        (f"cell,cell\ncell1,{QUEUE}\n", "line 1: is not the header"),
        (f"cell,password\ncell1,{NEW}\n", "line 1: is not the header"),
        (f'"cell,{NEW}\n', "line 1: cannot be read: unexpected end of data"),
        (f'{{"cell": "cell1", "transport_url": "{QUEUE}"\n', "line 1: is not JSON"),
        (f'{{"cell": "cell1", "password": "{NEW}"}}\n', "line 1: is not an object with the keys"),
        (f'["cell1", "{QUEUE}"]\n', "line 1: is not an object with the keys"),
        ('{"cell": "cell1", "transport_url": 7}\n', "line 1: transport_url must be text"),
        ('{"cell": {}}\n', "line 1: cell must be text"),
        (f'{{"transport_url": "{QUEUE}"}}\n', "line 1: names no cell"),
        ('{"cell": "cell1", "transport_url": "rabbit://\\ud800"}', "holds a space or a control"),
        ("[" * 100_000, "line 1: is not JSON"),
    ],
)
def test_invalid_input_is_refused(cli: Cli, text: str, problem: str) -> None:
    result = cli(*ROTATE, "-", status=2, input=text)
    first, *_, last = result.stderr.splitlines()
    assert first.startswith("hostmap: standard input, line 1: ")
    assert problem in first
    assert last == "hostmap: standard input has 1 bad line: nothing was written"
    assert result.stdout == ""
    assert not secrets_shown(result)
    assert cli.revision() == 5


@pytest.mark.parametrize(
    "url",
    [
        f"rabbit://nova:{NEW}@mq:5672/",
        f"rabbit://nova/x:{NEW}@mq:5672/",
        f"mysql://db/nova?password={NEW}",
        f"mysql://nova:{NEW}/nova",
        f"rabbit://nova:{NEW}@mq1:5672,nova:{NEW}@mq2:5672/",
    ],
)
def test_a_masked_url_of_a_list_is_refused(cli: Cli, url: str) -> None:
    cli(*ROTATE, "-", input=f'cell,transport_url\ncell1,"{url}"\n')
    shown = cli("cell", "list", "-f", "csv", "-c", "name,transport_url").stdout
    assert NEW not in shown
    text = shown.replace("name", "cell", 1)

    result = cli(*ROTATE, "-", status=2, input=text)

    problem = "transport_url has *** in the place of a secret: give the secret itself"
    assert result.stderr.startswith(f"hostmap: standard input, line 2: {problem}")
    assert cli.revision() == 6


def test_unknown_cells_alone_are_not_found(cli: Cli) -> None:
    text = f"cell,transport_url\nnope,{QUEUE}\n{'f' * 32},{QUEUE}\ncell1,{QUEUE}\n"
    result = cli(*ROTATE, "-", status=3, input=text)
    assert result.stderr.splitlines() == [
        "hostmap: standard input, line 2: there is no such cell 'nope'",
        f"hostmap: standard input, line 3: there is no such cell '{'f' * 32}'",
        "hostmap: standard input has 2 bad lines: nothing was written",
    ]
    assert cli.revision() == 5


@pytest.mark.parametrize("file", ["missing.csv", ".", "a\0b"])
def test_an_unreadable_file_is_refused(cli: Cli, file: str) -> None:
    assert cli.error(*ROTATE, file, status=2).startswith(f"hostmap: --file {file!r} ")


def test_the_file_option_is_required(cli: Cli) -> None:
    assert "missing option '--file'" in cli.error("cell", "rotate", status=2)


# --- secrets --------------------------------------------------------------------------------------

# URLs with secrets, and how they are shown.
SECRET_URLS = [
    ("rabbit://nova:s3c/r#e?t@x:y%20z@mq:5672/v", "rabbit://nova:***@mq:5672/v"),
    ("rabbit://nova:s3c%2Fr%23e%3Ft%40x@mq/", "rabbit://nova:***@mq/"),
    ("rabbit://nova:s3c'r\"e)t@mq/", "rabbit://nova:***@mq/"),
    ("rabbit://a:s3cret@mq1:1,b:y%20z@mq2:2/v", "rabbit://a:***@mq1:1,b:***@mq2:2/v"),
    ("rabbit://a:s3/c@mq1,b:r#e@mq2/v", "rabbit://a:***@mq2/v"),
    ("mysql://db/d?password=s3cret&charset=utf8", "mysql://db/d?password=***&charset=utf8"),
    ("mysql://db/d?charset=utf8&password=s3c@y%20z", "mysql://***"),
    ("postgresql://h1:1,h2:2/d?sslkey=s3cret", "postgresql://h1:1,h2:2/d?sslkey=***"),
]
PARTS = ("s3c", "r#e", "r%23e", "t@x", "t%40x", 'r"e', "r'e", "e)t", "y%20z", "20z")


@pytest.mark.parametrize(("url", "shown"), SECRET_URLS)
def test_no_output_shows_a_secret(cli: Cli, url: str, shown: str) -> None:
    text = "\n".join(
        json.dumps({"cell": cell, "transport_url": url, "database_connection": url})
        for cell in ("cell1", "cell3")
    )
    outputs = [
        cli(*ROTATE, "-", "--dry-run", input=text),
        cli(*ROTATE, "-", input=text),
        cli(*ROTATE, "-", input=f"{text}\n{text}", status=2),
    ]
    for form in ("table", "json", "csv", "value"):
        listed = cli("cell", "list", "--format", form, "-c", "transport_url")
        one = cli("cell", "show", "cell1", "--format", form)
        assert shown in listed.stdout
        assert shown in one.stdout
        more = ("--dry-run", "--format", form)
        outputs += [
            listed,
            one,
            cli("cell", "drain", "cell1", "cell3", *more),
            cli("cell", "delete", "cell1", "--force", *more),
        ]
    for words in (
        ("cell", "show", url),
        ("cell", "drain", url, "cell1"),
        ("cell", "drain", "cell1", url),
        ("cell", "delete", url, "--force", "--dry-run"),
        ("cell", "rotate", "--file", url),
        ("host", "show", url),
    ):
        outputs.append(cli(*words, status=2 if "rotate" in words else 3))
    for result in outputs:
        assert [part for part in PARTS if part in result.output] == []
    with connect(cli.url) as hostmap:
        revealed = hostmap.cells.get_by_name("cell1").transport_url
    assert revealed
    assert revealed.reveal() == url
    assert (
        url
        in json.loads(cli("cell", "show", "cell1", "--show-secrets", "-f", "json").stdout).values()
    )
