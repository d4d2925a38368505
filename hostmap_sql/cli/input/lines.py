"""Names of hosts, one a line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hostmap_sql.cli.input.host_names import doubt_about, is_word, lone_word
from hostmap_sql.cli.input.records import Unreadable

if TYPE_CHECKING:
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

# The line that `ansible --list-hosts` prints above the names, which it indents.
_ANSIBLE_COUNT = re.compile(r"\s*hosts \((\d{1,12})\):\Z")


def read_lines(source: Source, reading: Reading) -> None:
    """Read names of hosts; refuse text that does not look like one, unless the format is given."""
    if source.is_format_given:
        for number, line in source.significant_lines():
            reading.add(number, {"host": line})
        return
    lines = [*source.significant_lines()]
    number, first = lines[0]
    if len(lines) == 1 and is_word(first):
        raise Unreadable(number, lone_word(first))
    if count := _ANSIBLE_COUNT.match(first):
        lines = [(number, line.strip(" ")) for number, line in lines[1:]]
        if int(count[1]) != len(lines):
            reading.bad(number, f"says {count[1]} hosts: {len(lines)} are below")
    for number, line in lines:
        doubt = doubt_about(line.rstrip("\t "))
        if doubt is None:
            reading.add(number, {"host": line})
        else:
            advice = "read as plain lines; --input-format lines takes each line as it is"
            reading.bad(number, f"{doubt} ({advice})")
