"""Records from JSON and YAML documents: a list of hosts, an object, or a list in an object.

A document is a text, None, a dict, or a list of elements with the number of the line of each.
`Invalid` stands for a value that cannot be used, `OTHER` for a scalar that is not text.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.input.columns import (
    CELL_NAMES,
    CELL_UUID_NAMES,
    HOST_NAMES,
    ColumnProblem,
    simplified,
)
from hostmap_sql.cli.input.host_names import doubt_about
from hostmap_sql.cli.input.records import MAX_BAD_LINES, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

OTHER = object()
"""A number, true or false."""

_EXAMPLE = '{"host": "compute-1", "cell": "cell1"}'

# Beside a list of hosts, these keys may name the cell of all of them.
_LABELS = CELL_NAMES | CELL_UUID_NAMES | {"name"}

_LIST_NAMES = HOST_NAMES | {"name"}


@dataclass(frozen=True)
class Invalid:
    """Stands for a value that cannot be used, and says why: "names the key 'host' twice"."""

    problem: str


def mapping_of(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any] | Invalid:
    """Return the mapping of some keys and values; `Invalid` if a key occurs twice."""
    mapping = dict(pairs)
    if len(mapping) == len(pairs):
        return mapping
    numbers = Counter(key for key, _ in pairs)
    twice = next(key for key, number in numbers.items() if number > 1)
    return Invalid(f"names the key {twice[:40]!r} twice")


class EmptyItems:
    """Counts the empty lists and objects in one list, of which hostile files have many."""

    def __init__(self) -> None:
        self._number = 0

    def check(self, number: int, value: Any) -> None:
        """Count a value if it is empty.

        :raises Unreadable: there are too many.
        """
        if isinstance(value, dict | list) and not value:
            self._number += 1
            if self._number == MAX_BAD_LINES:
                problem = f"has the {MAX_BAD_LINES:,}th empty list or object: reading stopped"
                raise Unreadable(number, problem)


def read_documents(documents: Iterable[tuple[int, Any]], source: Source, reading: Reading) -> None:
    """Add the records of all documents of a file, each with the number of its line."""
    parser = _Parser(source)
    remaining = iter(documents)
    first = [*islice(remaining, 2)]
    for line, document in chain(first, remaining):
        for number, item in parser.items(line, document, is_only=len(first) == 1):
            try:
                reading.add(number, parser.record(number, item))
            except Unreadable as error:
                reading.bad(error.number, error.problem)


class _Parser:
    """Finds the items in documents, and the record of each item."""

    def __init__(self, source: Source) -> None:
        self._columns = source.columns
        self._is_format_given = source.is_format_given
        self._places: dict[tuple[str, ...], Mapping[str, int] | ColumnProblem] = {}

    def items(self, number: int, document: Any, *, is_only: bool) -> Iterable[tuple[int, Any]]:
        """Return the items of a document, each with the number of its line.

        :param is_only: whether the file has no other document.
        """
        if isinstance(document, list):
            if is_only or not any(isinstance(item, str) for _, item in document):
                return document
            problem = "is one of several lists: write one list of hosts, or objects"
            return [(number, Invalid(problem))]
        if not isinstance(document, dict) or self._has_key(document):
            return [(number, document)]
        inner = {key: value for key, value in document.items() if isinstance(value, dict | list)}
        if is_only and len(inner) == 1:
            key, value = inner.popitem()
            if self._is_list_of_hosts(key, value):
                label = next((key for key in document if simplified(key) in _LABELS), None)
                return value if label is None else [(number, _labelled(label))]
            inner = {key: value}
        if not inner or self._columns.is_secret:
            return [(number, document)]
        problem = (
            "is an object without one clear list of hosts: write a list of hosts, or of objects "
            f"such as {_EXAMPLE}"
        )
        return [(number, Invalid(problem))]

    def record(self, number: int, item: Any) -> dict[str, Any]:
        """Return the values of an item, by role.

        :raises Unreadable: it has no values that can be used.
        """
        if isinstance(item, Invalid):
            raise Unreadable(number, item.problem)
        if isinstance(item, dict):
            return self._record_of_object(number, item)
        if not isinstance(item, str) or not self._columns.takes_names:
            raise Unreadable(number, self._not_an_object())
        doubt = None if self._is_format_given else doubt_about(item, in_a_list=True)
        if doubt is not None:
            raise Unreadable(number, f"{doubt} (--input-format says that it is one)")
        return {"host": item}

    def _record_of_object(self, number: int, item: dict[str, Any]) -> dict[str, Any]:
        try:
            places = self._find(item)
        except ColumnProblem as error:
            raise Unreadable(number, self._no_columns(error)) from None
        given = [*item.values()]
        values = {role: given[place] for role, place in places.items()}
        values = {role: value for role, value in values.items() if value is not None}
        for role, value in values.items():
            if type(value) is not str:
                raise Unreadable(number, f"{role} must be text")
        if self._columns.key not in values:
            raise Unreadable(number, self._columns.no_key)
        return values

    def _find(self, item: dict[str, Any]) -> Mapping[str, int]:
        """Return the places of the columns among the keys of an object.

        :raises ColumnProblem: they cannot be found.
        """
        names = (*item,)
        places = self._places.get(names)
        if places is None:
            try:
                places = self._columns.find(names)
            except ColumnProblem as problem:
                places = problem
            self._places[names] = places
        if isinstance(places, ColumnProblem):
            raise ColumnProblem(str(places), is_header=places.is_header)
        return places

    def _has_key(self, document: dict[str, Any]) -> bool:
        """Return whether an object itself has the key column, such as a host."""
        try:
            place = self._find(document)[self._columns.key]
        except ColumnProblem:
            return False
        return not isinstance([*document.values()][place], dict | list)

    def _is_list_of_hosts(self, key: str, value: Any) -> bool:
        if not isinstance(value, list):
            return False
        name = simplified(key)
        is_named_so = bool(
            self._columns.takes_names and {name, name.removesuffix("s")} & _LIST_NAMES
        )
        items = [item for _, item in value]
        if all(isinstance(item, str) for item in items):
            return is_named_so
        if not all(isinstance(item, dict) for item in items):
            return False
        # "name" alone may be the name of anything: then the key of the list has to tell.
        return is_named_so or not any("name" in map(simplified, item) for item in items)

    def _no_columns(self, error: ColumnProblem) -> str:
        if self._columns.is_secret:
            return self._not_an_object() if error.is_header else str(error)
        if error.is_header or self._columns.chosen:
            return str(error)
        return f"{error}: write objects such as {_EXAMPLE}, or --host-column KEY"

    def _not_an_object(self) -> str:
        if self._columns.is_secret:
            keys = self._columns.example.replace(",", ", ")
            return f"is not an object with the keys {keys} alone"
        alone = "" if self._columns.takes_names else ": names alone need --cell"
        return f"is not an object such as {_EXAMPLE}{alone}"


def _labelled(key: str) -> Invalid:
    return Invalid(
        f"has {key!r} beside the list of hosts, which may name their cell: write the list alone, "
        f"or objects such as {_EXAMPLE}"
    )
