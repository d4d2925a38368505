"""Records from the documents of JSON and YAML: lists of hosts, objects, a list in an object.

A document is a text, None, a dict, or a list of elements with the number of the line of each. A
`Flaw` stands for a mapping that cannot be used, `OTHER` for a scalar that is no text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.input.columns import (
    CELL_NAMES,
    CELL_UUID_NAMES,
    HOST_NAMES,
    ColumnProblem,
    simplified,
)
from hostmap_sql.cli.input.plain import doubt_about
from hostmap_sql.cli.input.records import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading

OTHER = object()
"""A number, true or false."""

_EXAMPLE = '{"host": "compute-1", "cell": "cell1"}'

# What may say of all hosts of a list in which cell they are.
_LABELS = CELL_NAMES | CELL_UUID_NAMES | {"name"}

_LIST_NAMES = HOST_NAMES | {"name"}


@dataclass
class DocumentReader:
    """Takes documents and adds their records to a reading."""

    columns: Columns
    reading: Reading
    is_sure: bool
    _places: dict[tuple[str, ...], dict[str, int] | str] = field(default_factory=dict)

    def read(self, documents: Iterable[tuple[int, Any]]) -> None:
        """Take all documents of a file, each with the number of its line."""
        all_of_them = [*documents]
        for number, document in all_of_them:
            if isinstance(document, list):
                if len(all_of_them) > 1 and _has_texts(document):
                    problem = "is one of several lists: write one list of hosts, or objects"
                    self.reading.bad(number, problem)
                    continue
                self._take_all(document)
            elif isinstance(document, dict) and not self._is_record(document):
                self._take_object(number, document, is_only=len(all_of_them) == 1)
            else:
                self._take(number, document)

    def _is_record(self, document: dict[str, Any]) -> bool:
        places = self._find(document)
        if isinstance(places, str):
            return False
        return not isinstance([*document.values()][places[self.columns.needed]], dict | list)

    def _take_all(self, items: Iterable[tuple[int, Any]]) -> None:
        for number, item in items:
            self._take(number, item)

    def _take(self, number: int, item: Any) -> None:
        if isinstance(item, Flaw):
            self.reading.bad(number, str(item))
        elif isinstance(item, dict):
            self._take_record(number, item)
        elif isinstance(item, str) and self.columns.takes_names:
            self._take_name(number, item)
        else:
            self.reading.bad(number, self._not_an_object())

    def _take_name(self, number: int, name: str) -> None:
        doubt = None if self.is_sure else doubt_about(name, is_quoted=True)
        if doubt is None:
            self.reading.add(number, {"host": name})
        else:
            self.reading.bad(number, f"{doubt} (--input-format says that it is one)")

    def _take_record(self, number: int, item: dict[str, Any]) -> None:
        places = self._find(item)
        if isinstance(places, str):
            self.reading.bad(number, places)
            return
        given = [*item.values()]
        values = {role: given[place] for role, place in places.items()}
        values = {role: value for role, value in values.items() if value is not None}
        wrong = [role for role, value in values.items() if type(value) is not str]
        if wrong:
            self.reading.bad(number, f"{wrong[0]} must be text")
        elif self.columns.needed not in values:
            self.reading.bad(number, self.columns.lacking)
        else:
            self.reading.add(number, values)

    def _find(self, item: dict[str, Any]) -> dict[str, int] | str:
        """Where the columns are in an object, or why they cannot be found."""
        key = (*item,)
        found = self._places.get(key)
        if found is None:
            try:
                found = self.columns.find(key)
            except ColumnProblem as problem:
                is_other = self.columns.is_secret and problem.is_header
                found = self._not_an_object() if is_other else str(problem)
                if not (problem.is_header or self.columns.chosen or self.columns.is_secret):
                    found = f"{problem}: write objects such as {_EXAMPLE}, or --host-column KEY"
            self._places[key] = found
        return found

    def _take_object(self, number: int, document: dict[str, Any], *, is_only: bool) -> None:
        """Take the list of hosts in an object that is none itself, if there is one for sure."""
        inner = [(key, value) for key, value in document.items() if isinstance(value, dict | list)]
        if not inner:
            self._take_record(number, document)
            return
        if is_only and len(inner) == 1 and self._is_list_of_hosts(*inner[0]):
            beside = next((key for key in document if simplified(key) in _LABELS), None)
            if beside is None:
                self._take_all(inner[0][1])
            else:
                problem = (
                    f"has {beside!r} beside the list of hosts, of which it may say the cell: write "
                    f"the list alone, or objects such as {_EXAMPLE}"
                )
                self.reading.bad(number, problem)
            return
        if self.columns.is_secret:
            self._take_record(number, document)
            return
        problem = (
            "is an object in which the list of hosts cannot be told: write a list of hosts, or of "
            f"objects such as {_EXAMPLE}"
        )
        self.reading.bad(number, problem)

    def _is_list_of_hosts(self, key: str, value: Any) -> bool:
        if not isinstance(value, list):
            return False
        name = simplified(key)
        names_hosts = {name, name.removesuffix("s")} & _LIST_NAMES and self.columns.takes_names
        items = [item for _, item in value]
        if all(isinstance(item, str) and not isinstance(item, Flaw) for item in items):
            return bool(names_hosts)
        if not all(isinstance(item, dict) for item in items):
            return False
        # "name" alone may be that of anything: then the key of the list has to say of what.
        return bool(names_hosts) or not any("name" in map(simplified, item) for item in items)

    def _not_an_object(self) -> str:
        if self.columns.is_secret:
            return f"is not an object with the keys {self.columns.header.replace(',', ', ')} alone"
        alone = "" if self.columns.takes_names else ": names alone need --cell"
        return f"is not an object such as {_EXAMPLE}{alone}"


def _has_texts(items: Iterable[tuple[int, Any]]) -> bool:
    return any(isinstance(item, str) for _, item in items)
