"""Files written by hostmap, csv, json and yaml are read back to the same hosts and cells."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hostmap_sql import connect
from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.host_names import doubt_about
from hostmap_sql.cli.input.reader import FORMATS, read_records

if TYPE_CHECKING:
    from hostmap_sql import HostMap
    from tests.cli.conftest import Cli

# All printable characters, most often the ones with a meaning in some format. Excluding categories
# and joining parts takes half the time of filters and regular expressions.
CHARACTERS = st.one_of(
    st.sampled_from("abcXYZ019-_.,;:|\"'`#@&*!%{}[]()<>=+~/\\ $?ωß名\u00a0"),
    st.characters(exclude_categories=["C", "Z"]),
)
NAMES = st.text(CHARACTERS, min_size=1, max_size=12).filter(lambda name: name == name.strip())
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
PLAIN = (
    st.tuples(st.sampled_from(LETTERS), st.text(f"{LETTERS}.-", max_size=20))
    .map("".join)
    .filter(lambda name: doubt_about(name) is None)
)
Pairs = dict[str, str]
FEW = settings(max_examples=50, deadline=None)
PAIRS = st.dictionaries(NAMES, NAMES, min_size=1, max_size=8)
PLAIN_PAIRS = st.dictionaries(PLAIN, PLAIN, min_size=1, max_size=8)


def pairs_in(text: str, form: str | None = None, *, takes_names: bool = False) -> Pairs:
    reading = read_records(text.encode(), inventory_columns(takes_names=takes_names), form)
    assert reading.bad_lines == []
    found = [(values["host"], values["cell"]) for _, values in reading.records]
    assert len(dict(found)) == len(found)
    return dict(found)


def hosts_in(text: str, form: str | None = None) -> list[str]:
    reading = read_records(text.encode(), inventory_columns(takes_names=True), form)
    assert reading.bad_lines == []
    return [values["host"] for _, values in reading.records]


@FEW
@given(
    PAIRS,
    st.sampled_from(",;\t|"),
    st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["host,cell", "Cell Name,Hypervisor Hostname", "id,HOST,note,cell_name"]),
)
def test_csv(pairs: Pairs, separator: str, quoting: Any, end: str, names: str) -> None:
    header = names.split(",")
    file = io.StringIO()
    writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=quoting)
    writer.writerow(header)
    for host, cell in pairs.items():
        row = {"id": 7, "note": 'a\n# "b"\n\n' if host > cell else "", "cell": cell}
        values = [row.get(name, cell if "ell" in name else host) for name in header]
        writer.writerow(values)
    # An unquoted row that begins with # is a comment; hostmap quotes it, csv does not.
    if quoting == csv.QUOTE_MINIMAL and any(
        row.startswith("#") for row in [*pairs, *pairs.values()]
    ):
        return
    for takes_names in (False, True):
        assert pairs_in(file.getvalue(), takes_names=takes_names) == pairs


@FEW
@given(PAIRS, st.sampled_from([None, 0, 2, 4]))
def test_json(pairs: Pairs, indent: int | None) -> None:
    rows = [{"id": 1.5, "host": host, "cell": cell} for host, cell in pairs.items()]
    texts = [
        json.dumps(rows, indent=indent, ensure_ascii=True),
        "\n".join(json.dumps(row, indent=indent, ensure_ascii=False) for row in rows),
        "".join(json.dumps(row, indent=indent) for row in rows),
        json.dumps({"total": len(rows), "hosts": rows}, indent=indent),
    ]
    for text in texts:
        assert pairs_in(text) == pairs_in(text, takes_names=True) == pairs


@FEW
@given(PAIRS, st.sampled_from([None, 20, 1000]))
def test_yaml(pairs: Pairs, width: int | None) -> None:
    rows = [{"host": host, "cell": cell} for host, cell in pairs.items()]
    assert pairs_in(yaml.safe_dump(rows, width=width)) == pairs
    assert pairs_in(yaml.safe_dump(rows, width=width, allow_unicode=True)) == pairs
    assert pairs_in(yaml.safe_dump_all(rows, width=width, explicit_start=True)) == pairs
    assert pairs_in(yaml.safe_dump(rows, width=width, default_flow_style=True), "yaml") == pairs


@FEW
@given(st.lists(NAMES, min_size=1, max_size=8))
def test_lists_of_names(names: list[str]) -> None:
    assert hosts_in(json.dumps(names), "json") == names
    assert hosts_in("\n".join(map(json.dumps, names)), "json") == names
    assert hosts_in(yaml.safe_dump(names), "yaml") == names
    if not any(name.startswith("#") for name in names):
        assert hosts_in("\n".join(names), "lines") == names


@FEW
@given(st.lists(PLAIN, min_size=1, max_size=8))
def test_lists_of_plain_names(names: list[str]) -> None:
    texts = [json.dumps(names), json.dumps(names, indent=2), yaml.safe_dump(names)]
    if len(names) > 1 or not names[0].isalpha():  # one word alone may be a message
        texts.append("\n".join(names))
    for text in (*texts, "\n".join(["host", *names]), "\n".join(map(json.dumps, names))):
        assert hosts_in(text) == names


@FEW
@given(PLAIN_PAIRS)
def test_columns_between_spaces(pairs: Pairs) -> None:
    width = max(map(len, [*pairs, "NAME"])) + 3
    rows = [f"{host:{width}}{cell}" for host, cell in {"NAME": "CELL", **pairs}.items()]
    assert pairs_in("\n".join(rows)) == pairs
    assert pairs_in("\n".join(" ".join(row) for row in {"host": "cell", **pairs}.items())) == pairs


# The syntax of all formats, in pieces.
PIECES = ["host", "cell", "null", "&x", "*x", "<<", "+--+", "---", "sep=;", *"a-:{}[]\"',;|=#"]
BROKEN = st.lists(
    st.sampled_from([*PIECES, "\n", "\n", "\n| ", " ", "\t", "NAME  CELL\n"]), max_size=25
)


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.text(max_size=200), BROKEN.map("".join)), st.sampled_from([None, None, *FORMATS])
)
def test_any_text_is_read_or_refused(text: str, form: str | None) -> None:
    for takes_names in (False, True):
        data = text.encode("utf-8", "surrogatepass")
        reading = read_records(data, inventory_columns(takes_names=takes_names), form)
        lines = text.count("\n") + text.count("\r") + 1
        assert all(1 <= bad.number <= lines for bad in reading.bad_lines)
        assert all(1 <= number <= lines for number, _ in reading.records)
        assert all(type(value) is str for _, row in reading.records for value in row.values())


@pytest.mark.parametrize("form", ["export", "csv", "json", "table", "value"])
@pytest.mark.parametrize("uuids", ["", "uuids"])
def test_hostmap_reads_its_own_output(cli: Cli, directory: HostMap, form: str, uuids: str) -> None:
    """Export carries every name; tables have no quotes, and value has no columns."""
    strange = ["#1", "a,b", 'say "hi"', "a b", "ω", "-", "host", "'q'", "a;b|c", "{x}", "no: no"]
    plain = [f"rack-{number}" for number in range(600)]
    cell = directory.cells.create("cell, the 4th").uuid
    names = plain if form in ("table", "value") else [*strange, *plain]
    directory.hosts.create_many((name, cell) for name in names)
    before = {mapping.host: mapping.cell_uuid for mapping in directory.hosts.iterate()}
    if form == "export":
        text = cli("host", "export", *(["--uuids"] if uuids else [])).stdout
    else:
        columns = "host" if form == "value" else "host,cell_uuid" if uuids else "cell,host"
        text = cli("host", "list", "-f", form, "-c", columns).stdout

    other = f"{cli.url}.other"
    with connect(other) as hostmap:
        hostmap.migrate()
        for found in directory.cells.list():
            hostmap.cells.create(found.name, uuid=found.uuid)
        options = ["--cell", "cell1"] if form == "value" else []
        cli("--database", other, "host", "import", "-", *options, input=text)
        after = {mapping.host: mapping.cell_uuid for mapping in hostmap.hosts.iterate()}
    assert [*after] == [*before]
    assert form == "value" or after == before
