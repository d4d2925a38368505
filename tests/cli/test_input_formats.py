# ruff: noqa: ISC004 - the texts of files, line by line
"""Files in the formats of other programs: the hosts read from each, or the reason to refuse it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from hostmap_sql.cli.input.columns import inventory_columns
from hostmap_sql.cli.input.reader import read_records

if TYPE_CHECKING:
    from hostmap_sql.cli.input.records import Reading
    from tests.cli.conftest import Cli

C1, C2 = "compute-1.ams.example.org", "compute-2.ams.example.org"


def read(text: str | bytes, form: str | None = None, **options: str) -> Reading:
    data = text if isinstance(text, bytes) else text.encode()
    return read_records(data, inventory_columns(**options, takes_names=True), form)


def hosts(reading: Reading) -> list[str]:
    assert reading.bad_lines == []
    return [record.values["host"] for record in reading.records]


# The same two hosts in the output of programs, with the lines on which they begin.
HOSTS = {
    "openstack -f csv -c Host": (f'"Host"\n"{C1}"\n"{C2}"\n', [2, 3]),
    "openstack -f csv": (
        f'"ID","Binary","Host","Zone","Status","State","Updated At"\n1,"nova-compute","{C1}",'
        f'"nova","enabled","up","2026-01-31T12:00:00.000000"\n2,"nova-compute","{C2}","nova",'
        '"enabled","down",""\n',
        [2, 3],
    ),
    "openstack -f value -c Host": (f"{C1}\n{C2}\n", [1, 2]),
    "openstack -f json": (
        f'[\n  {{\n    "ID": 1,\n    "Host": "{C1}"\n  }},\n  {{\n    "ID": 2,\n    "Host": "{C2}"'
        "\n  }\n]\n",
        [2, 6],
    ),
    "openstack -f yaml": (f"- Host: {C1}\n  ID: 1\n- Host: {C2}\n  ID: 2\n", [1, 3]),
    "openstack hypervisor list": (
        "+--------------------------------------+---------------------------+-----------------+\n"
        "| ID                                   | Hypervisor Hostname       | Hypervisor Type |\n"
        "+--------------------------------------+---------------------------+-----------------+\n"
        f"| 5f7ccc29-a9eb-417c-865e-b9bd78a72dcc | {C1} | QEMU            |\n"
        f"| bb8d6256-105b-420d-bf3d-05e61004e6bd | {C2} | QEMU            |\n"
        "+--------------------------------------+---------------------------+-----------------+\n",
        [4, 5],
    ),
    "jq .[].host": (f'"{C1}"\n"{C2}"\n', [1, 2]),
    "jq .": (
        f'{{\n  "host": "{C1}",\n  "tags": ["a", "b"]\n}}\n{{\n  "host": "{C2}"\n}}\n',
        [1, 5],
    ),
    "jq -c": (f'{{"host":"{C1}"}}\n{{"host":"{C2}"}}\n', [1, 2]),
    "an array of strings": (f'["{C1}",\n "{C2}"]', [1, 2]),
    "an array in an object": (f'{{"hosts": [\n"{C1}",\n"{C2}"\n]}}', [2, 3]),
    "objects in an object": (
        f'{{"count": 2, "services": [\n{{"host": "{C1}"}},\n{{"host": "{C2}"}}\n]}}',
        [2, 3],
    ),
    "yaml names": (f"# rack 9\n---\n- {C1}  # new\n- '{C2}'\n", [3, 4]),
    "yaml documents": (f"---\nhostName: {C1}\n---\nhostName: {C2}\n...\n", [2, 4]),
    "yaml in a mapping": (f"hosts:\n  - {C1}\n  - {C2}\n", [2, 3]),
    "a header of two words": (f"Host Name\n{C1}\n{C2}\n", [2, 3]),
    "a lone header": (f"Name\r\n{C1}\r\n{C2}\r\n", [2, 3]),
    "semicolons": (f"Host;Zone\n{C1};nova\n{C2};nova\n", [2, 3]),
    "tabs": (f"ID\tHypervisor Hostname\n1\t{C1}\n2\t{C2}\n", [2, 3]),
    "bars": (f"hypervisor_hostname|zone\n{C1}|nova\n{C2}|nova\n", [2, 3]),
    "Excel": (f"sep=;\r\nServer Name;Notes;\r\n{C1};;\r\n{C2};x;\r\n;;\r\n", [3, 4]),
    "fields with line breaks": (f'notes,FQDN\n"a\n# b\n\nc",{C1}\n,{C2}\n', [2, 6]),
    "netbox": (f"Name,Status,Site,Rack\n{C1},Active,ams,r1\n{C2},Active,ams,r1\n", [2, 3]),
    "pandas": (f",host_name,load\n0,{C1},\n1,{C2},1.5\n", [2, 3]),
    "kubectl get nodes": (
        "NAME                        STATUS   ROLES    AGE   VERSION\n"
        f"{C1}   Ready    <none>   5d    v1.30\n{C2}   Ready    <none>   5d    v1.30\n",
        [2, 3],
    ),
    "sqlite3 -column": (
        f"node                       n\n-------------------------  -\n{C1}  1\n{C2}  2\n",
        [3, 4],
    ),
    "sqlite3 -box": (
        f"┌───────────────────────────┐\n│           host            │\n├──────────────────────────"
        f"─┤\n│ {C1} │\n│ {C2} │\n└───────────────────────────┘\n",
        [4, 5],
    ),
    "rich": (
        f"┏━━━━┳━━━┓\n┃ host ┃ n ┃\n┡━━━━╇━━━┩\n│ {C1} │ 1 │\n│ {C2} │ 2 │\n└────┴───┘\n",
        [4, 5],
    ),
    "mysql": (
        f"+------+\n| host |\n+------+\n| {C1} |\n| {C2} |\n+------+\n2 rows in set (0.00 sec)\n",
        [4, 5],
    ),
    "psql": (
        f"           host            | n \n---------------------------+---\n {C1} | 1\n {C2} | 2\n"
        "(2 rows)\n\n",
        [3, 4],
    ),
    "psql, one column": (f"  host  \n--------\n {C1}\n {C2}\n(2 rows)\n\n", [3, 4]),
    "Markdown": (f"| Host | Rack |\n|------|:----:|\n| {C1} | 9 |\n| {C2} | 9 |\n", [3, 4]),
    "hammer": (
        f"---|---------------------------|-----\nID | NAME                      | HOST GROUP\n"
        f"---|---------------------------|-----\n1  | {C1} | g\n2  | {C2} | g\n"
        "---|---------------------------|-----\n",
        [4, 5],
    ),
    "Markdown without a frame": (f"Host | Rack\n-----|-----\n{C1} | 9\n{C2} | 9\n", [3, 4]),
    "psql with a title": (
        f"          Hosts\n           host            | n \n---------------------------+---\n"
        f" {C1} | 1\n {C2} | 2\n(2 rows)\n\n",
        [4, 5],
    ),
    "a line of dashes below columns": (
        f"Id   Node                        Rack\n-------------------------------------\n"
        f"1    {C1}   9\n2    {C2}   9\n",
        [3, 4],
    ),
    "ansible --list-hosts": (f"  hosts (2):\n    {C1}\n    {C2}\n", [2, 3]),
    "names of machines": (f"Id,Name,Operating System\n1,{C1},x\n2,{C2},x\n", [2, 3]),
    "two tables": (
        f"+--+\n| Host |\n+--+\n| {C1} |\n+--+\n+--+\n| Host |\n+--+\n| {C2} |\n+--+\n",
        [4, 9],
    ),
    "logs around a table": (
        "2026-01-31 12:00:00.123 1 WARNING oslo_policy.policy [-] JSON formatted policy_file\n"
        'Option "logdir" from group "DEFAULT" is deprecated.\n'
        f"+--+\n| Host |\n+--+\n| {C1} |\n| {C2} |\n+--+\n2026-01-31 12:00:01 1 INFO done\n",
        [6, 7],
    ),
}


@pytest.mark.parametrize(("text", "numbers"), HOSTS.values(), ids=HOSTS)
def test_formats_are_read(text: str, numbers: list[int]) -> None:
    reading = read(text)
    assert hosts(reading) == [C1, C2]
    assert [record.number for record in reading.records] == numbers


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(encoding: str, end: str) -> None:
    data = f"# rack 9{end}{end}host,zone{end}web-ω,x{end}".encode(encoding)
    [record] = read(data).records
    assert record == (4, {"host": "web-ω"})


def test_yaml_scalars_stay_text() -> None:
    names = ["no", "1e3", "0x10", "12:30", "2026-01-31", "0o7", "on", "fe80::1", "1_000"]
    assert hosts(read("".join(f"- {name}\n" for name in names))) == names
    assert hosts(read("- host: null\n  name: null\n- host: a\n", "lines"))[1:] != []
    reading = read("- {host: 'null', cell: ~}\n- {host: b, cell: 1e3}\n")
    assert [record.values for record in reading.records] == [
        {"host": "null"},
        {"host": "b", "cell": "1e3"},
    ]


def test_an_alias_in_yaml() -> None:
    reading = read("- {host: a, cell: &cell cell1}\n- {host: b, cell: *cell}\n")
    assert [record.values["cell"] for record in reading.records] == ["cell1", "cell1"]


# Refused input: the text, the bad line, and words of the message.
REFUSED = {
    "two columns": ("c-1 cell1\nc-2 cell1\n", 1, "'c-1 cell1' does not look like the name"),
    "openstack -f value": (f"{C1} nova enabled\n", 1, "read as plain lines"),
    "a separator without a header": ("Foo;Zone\nc-1;nova\n", 1, "its first line has to name"),
    "names on one line": ("c-1, c-2\n", 1, "if this is CSV"),
    "a remark behind #": ("c-1\nc-2  # broken\n", 2, "a comment needs a line of its own"),
    "a remark behind //": ("c-1\nc-2 // broken\n", 2, "a comment needs a line of its own"),
    "quotes": ("'c-1'\n'c-2'\n", 1, "write it without quotes"),
    "bullets": ("* c-1\n* c-2\n", 1, "does not look like"),
    "numbers": ("1\n2\n", 1, "'1' does not look like"),
    "a word in between": ("c-1\nhostname\n", 2, "'hostname' does not look like"),
    "no value": ("c-1\nNone\n", 2, "'None' does not look like"),
    "a lone word": ("Name\n", 1, "can be a header without hosts, a message, or a host"),
    "a message": ("Forbidden\n", 1, "--input-format lines for a host"),
    "words of no host": ("c-1\ntrue\n", 2, "'true' does not look like"),
    "a header of several": ("Hosts\nc-1\n", 1, "if it heads a column, write --host-column Hosts"),
    "openstack -f shell": ('id="1"\nhypervisor_hostname="c-1"\n', 1, "lines with ="),
    "tabs without a header": ("c-1\tcell1\n", 1, "its first line has to name the columns"),
    "kubectl -o name": ("node/c-1\n", 1, "write the name alone"),
    "ports": ("c-1:8774\n", 1, "write the name alone"),
    "ranges": ("c-[1-9]\n", 1, "patterns, as in an inventory of Ansible"),
    "ansible --list-hosts cut off": ("  hosts (3):\n    a\n    b\n", 1, "says 3 hosts: 2 are"),
    "TOML": ('[[hosts]]\nname = "c-1"\n', 1, "INI or TOML"),
    "a broken list of YAML": ("Warning: x\nc-1\n", 3, "is not YAML"),
    "controllers": (
        "ID,Binary,Host\n1,nova-compute,c-1\n2,nova-conductor,ctl-1\n",
        3,
        "host 'ctl-1' is listed for 'nova-conductor', not for nova-compute",
    ),
    "agents": ('[{"Host": "net-1", "Binary": "neutron-l3-agent"}]', 1, "not for nova-compute"),
    "aggregates": (
        '"ID","Name","Availability Zone"\n1,"agg","nova"\n',
        1,
        "something other than hosts",
    ),
    "aggregates of JSON": ('[{"ID": 1, "Name": "agg"}]', 1, "write --host-column Name"),
    "one aggregate": (
        '{"name": "agg", "hosts": ["a"], "properties": {}}',
        1,
        "without one clear list of hosts",
    ),
    "a group of hosts": ('{"name": "cell2", "hosts": ["a"]}', 1, "has 'name' beside the list"),
    "hosts of another cell": ('{"cell": "cell2", "hosts": ["a"]}', 1, "has 'cell' beside the list"),
    "the same in YAML": ("Cell UUID: x\nnodes:\n- name: a\n", 1, "has 'Cell UUID' beside"),
    "an error of JSON": ('{"name": "Error", "message": "no"}', 1, "something other than hosts"),
    "kubectl get namespaces": (
        "NAME      STATUS   AGE\ndefault   Active   5d\n",
        1,
        "something other than hosts",
    ),
    "kubectl get pods": (
        "NAME  READY  RESTARTS  AGE\na     1/1    0         5d\n",
        1,
        "something other than hosts",
    ),
    "virsh list": (
        " Id   Name   State\n----------------------\n 1    vm-1   running\n",
        1,
        "something other than hosts",
    ),
    "half a table of Markdown": ("| host | cell\n|---|---\n| a | b |\n", 1, "no | at its end"),
    "INI inventory": (
        "# ours\n[compute]\nhost1 ansible_host=10.0.0.1\n",
        2,
        "inventory of Ansible",
    ),
    "INI inventory of names": ("[compute]\nhost1\nhost2\n", 1, "inventory of Ansible"),
    "INI inventory of groups": ("[all:children]\ncompute\n", 1, "inventory of Ansible"),
    "inventory without a group": ("host1 ansible_host=10.0.0.1\n", 1, "inventory of Ansible"),
    "YAML inventory": ("all:\n  hosts:\n    compute-1:\n", 1, "without one clear list of hosts"),
    "JSON inventory": (
        '{"_meta": {}, "compute": {"hosts": ["a"]}}',
        1,
        "without one clear list of hosts",
    ),
    "a mapping of hosts": ('{"compute_hosts": {"a": {}}}', 1, "without one clear list of hosts"),
    "YAML mapping of hosts": ("compute-1: cell1\ncompute-2: cell1\n", 1, "has no host"),
    "two lists": ('{"hosts": ["a"], "old_hosts": ["b"]}', 1, "without one clear list of hosts"),
    "a list of other things": (
        '{"cells": [{"name": "cell1"}]}',
        1,
        "without one clear list of hosts",
    ),
    "rows as arrays": ('["a", "cell1"]\n["b", "cell1"]\n', 1, "one of several lists"),
    "arrays in an array": ('[["a", "cell1"]]', 1, "is not an object"),
    "numbers as hosts": ('{"host": 7}', 1, "host must be text"),
    "NaN": ('{"host": NaN}', 1, "host must be text"),
    "true": ('[{"host": "a"},\n{"host": true}]', 2, "host must be text"),
    "null": ("[null]", 1, "is not an object"),
    "a host of null": ('{"host": null}', 1, "has no host"),
    "a key twice": ('{"host": "a", "host": "b"}', 1, "names the key 'host' twice"),
    "two keys for one": ('{"host": "a", "Hostname": "b"}', 1, "choose one by --host-column"),
    "JSON cut off": ('[{"host": "a"},\n', 1, "is not JSON"),
    "JSON and more": ('[{"host": "a"}]\nhello\n', 2, "is not JSON"),
    "a bad line of JSON": ('{"host": "a"}\n{"host": b}\n{"host": "c"}\n', 2, "is not JSON"),
    "YAML in one line": ("[a, b]", 1, "if it is YAML, write --input-format yaml"),
    "YAML key twice": ("- host: a\n  host: b\n", 1, "names the key 'host' twice"),
    "YAML folded": ("- a\n- b\n  c\n", 2, "'b c' does not look like"),
    "YAML alias": ("- &a {host: a}\n- *a\n", 2, "alias"),
    "YAML merge": ("- {<<: {cell: cell1}, host: a}\n", 1, "merges keys by <<"),
    "YAML tag": ("- a\n- !vault b\n", 2, "tag"),
    "bad YAML": ("- a\n- 'b\n", 3, "is not YAML"),
    "two host columns": ("Host,Hypervisor Hostname\na,b\n", 1, "'Host' and 'Hypervisor Hostname'"),
    "MAAS": ("FQDN,MAC,hostname\na.b,00:11,a\n", 1, "choose one by --host-column"),
    "one column twice": ("host,host\na,b\n", 1, "names the host twice"),
    "instances": (
        "ID,Name,Status,Networks,Image,Flavor\n1,vm,ACTIVE,,,\n",
        1,
        "something other than hosts",
    ),
    "nova-manage list_cells": (
        "+--+\n| Name | UUID | Transport URL | Database Connection | Disabled |\n+--+\n",
        2,
        "is not a header",
    ),
    "a cell list": (
        "uuid,name,transport_url\nx,cell1,rabbit://a:s3cret@b/\n",
        1,
        "something other than hosts",
    ),
    "concatenated files": ("host\na\nhost\nb\n", 3, "repeats the header"),
    "a short row": ("host,zone\na\n", 2, "has 1 field, the header 2"),
    "an open quote": ('host,zone\na,"nova\nb,nova\n', 2, "cannot be read"),
    "a table without its end": ("+--+\n| Host |\n+--+\n| a |\n", 4, "cut off"),
    "a folded table": ("+--+\n| ID | Host |\n+--+\n| 1 | comp- |\n|  | 1 |\n+--+\n", 5, "folded"),
    "a folded header": ("+--+\n| Host |\n| Name |\n+--+\n| a |\n+--+\n", 3, "the line below"),
    "a shortened host": ("┏━━┓\n┃ host ┃\n┡━━┩\n│ compu… │\n└──┘\n", 4, "is cut off"),
    "a table's None": ("+--+\n| Host |\n+--+\n| None |\n+--+\n", 4, "stands for no value"),
    "a log in a table": ("+--+\n| Host |\n+--+\n| a |\nWARNING\n| b |\n+--+\n", 5, "is not a row"),
    "psql cut off": (" host | n\n------+---\n a | 1\n(2 rows)\n", 4, "says 2 rows"),
    "text across columns": ("NAME   STATUS\ncompute-11 Ready\n", 2, "across the columns"),
    "words and a header": ("host cell\na cell1 x\n", 2, "has 3 fields"),
    "NUL": ("host\na\0\n", 2, "NUL"),
    "UTF-16 without a mark": ("host\na\n".encode("utf-16-le"), 1, "NUL"),
    "broken UTF-16": ("host\n".encode("utf-16") + b"\x01", 1, "is not UTF-16"),
    "Latin-1": ("host\nhôst\n".encode("latin-1"), 2, "is not UTF-8"),
    "a spreadsheet": (b"PK\x03\x04rest", 1, "zip"),
    "gzip": (b"\x1f\x8b\x08\x00rest", 1, "gzip"),
    "a page": ("<html><body>Not found</body></html>\n", 1, "does not look like"),
    "an error": ("ERROR: no such host\n", 1, "has no host"),
    "columns without rows": ("NAME   STATUS\n", 1, "is a header without rows"),
    "a sentence": ("There is no host here\n", 1, "does not look like"),
    "/etc/hosts": ("10.0.0.1 c-1 c-1.example.org\n", 1, "does not look like"),
}


@pytest.mark.parametrize(("text", "number", "problem"), REFUSED.values(), ids=REFUSED)
def test_ambiguous_input_is_refused(cli: Cli, text: str | bytes, number: int, problem: str) -> None:
    result = cli("host", "import", "-", "--cell", "cell1", input=text, status=2)
    assert result.stdout == ""
    assert result.stderr.splitlines()[-1].endswith("nothing was written")
    [told] = [line for line in result.stderr.splitlines() if f"line {number}: " in line]
    assert problem in told
    assert "s3cret" not in result.stderr
    assert cli.revision() == 5


def test_deep_nesting_and_alias_bombs_are_refused() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefgh"))
    for text in (bomb, "- " * 5_000 + "a", "x: " + "[" * 100_000, "[" * 100_000, '{"a":' * 100_000):
        reading = read(text)
        assert reading.bad_lines
        assert not reading.records


def test_problems_of_one_kind_are_summarized(cli: Cli) -> None:
    text = "".join(f"c-{number};nova\n" for number in range(900))
    result = cli("host", "import", "-", "--cell", "cell1", input=f"Foo;Zone\n{text}", status=2)
    lines = result.stderr.splitlines()
    assert len(lines) == 12
    assert lines[-2] == (
        "hostmap: standard input: 891 more lines with problems of this kind, the first is line 11"
    )
    assert lines[-1] == "hostmap: standard input has 901 bad lines: nothing was written"
