"""JSON: one document or several, one a line or indented, as jq and `openstack -f json` print."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.input.documents import OTHER, EmptyItems, Invalid, mapping_of, read_documents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

# Where each line begins with an object, how many objects may still span several lines.
_MAX_TRIES = 10

_WHITE_SPACE = re.compile(r"[ \t\n]*")


def read_json(source: Source, reading: Reading) -> None:
    """Read all JSON documents of a text."""
    is_secret = source.columns.is_secret
    may_be_yaml = not (source.is_format_given or is_secret)

    def add_problem(number: int, problem: str, *, is_first: bool) -> None:
        hint = ": if it is YAML, write --input-format yaml" if may_be_yaml and is_first else ""
        reading.bad(number, "is not JSON" if is_secret else f"{problem}{hint}")

    read_documents(_Scanner(source.text, add_problem).documents(), source, reading)


def is_json(text: str) -> bool:
    """Return whether a text has a JSON document."""
    return next(_Scanner(text).documents(), None) is not None


def _ignore_problem(_number: int, _problem: str, *, is_first: bool) -> None:
    del is_first


class _Scanner:
    """Finds the documents of a text, and the lines on which they and their elements begin.

    :param add_problem: called with the number of each line that is not JSON, its fault, and whether
        no document is above it.
    """

    def __init__(self, text: str, add_problem: Callable[..., None] = _ignore_problem) -> None:
        self._add_problem = add_problem
        self._empty_documents = EmptyItems()
        self._text = text
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_mapping, parse_int=_other, parse_float=_other, parse_constant=_other
        )
        self._counted, self._line = 0, 1
        self._line_start, self._line_end = 0, -1
        self._line_of_objects: str | None = None
        self._tries = 0
        self._has_document = False

    def documents(self) -> Iterator[tuple[int, Any]]:
        """Yield the documents, each with the number of its line."""
        position = self._skip(0)
        while position < len(self._text):
            number, start = self._number(position), position
            try:
                self._check_line(start)
                value, position = self._value(start)
            except json.JSONDecodeError as error:
                self._add_error(error, 0 if error.doc is self._text else self._line_start)
                position = self._next_object_line(start)
            except RecursionError:
                self._report(start, "is nested too deeply for a list of hosts")
                return
            else:
                self._has_document = True
                self._empty_documents.check(number, value)
                yield number, value
            position = self._skip(position)

    def _check_line(self, start: int) -> None:
        """Parse one line alone, if each line has an object.

        The decoder counts all lines of its text for each error, so that many errors in a long
        text would take minutes.

        :raises json.JSONDecodeError: the object on the line is not JSON.
        """
        if start > self._line_end:  # a line may have many objects
            end = self._text.find("\n", start)
            has_next = self._next_object_line(start) < len(self._text)
            self._line_start, self._line_end = start, end if end >= 0 else len(self._text)
            self._line_of_objects = self._text[start:end] if has_next else None
        line = self._line_of_objects
        if line is None:
            return
        try:
            self._decoder.raw_decode(line, start - self._line_start)
        except json.JSONDecodeError as error:
            goes_on = not line[error.pos :].strip()
            self._tries += goes_on
            if not goes_on or self._tries > _MAX_TRIES:
                raise

    def _next_object_line(self, start: int) -> int:
        """Return the end of a line, if it and the next one begin with objects, or of the text."""
        end = self._text.find("\n", start)
        are_both = self._text.startswith("{", start) and self._text.startswith("{", end + 1)
        return end if end >= 0 and are_both else len(self._text)

    def _add_error(self, error: json.JSONDecodeError, start: int) -> None:
        # An error at the end belongs to the last line that is not blank.
        place = start + len(error.doc[: error.pos].rstrip())
        at_end = not error.doc[error.pos :].strip()
        place = place if at_end else start + error.pos
        column = place - self._text.rfind("\n", 0, place)
        self._report(place, f"is not JSON: {error.msg} (column {column})")

    def _value(self, position: int) -> tuple[Any, int]:
        """Return a value, its lists with the numbers of their lines, and where it ends."""
        if self._text.startswith("[", position):
            return self._array(position)
        value, end = self._decoder.raw_decode(self._text, position)
        if isinstance(value, dict) and any(isinstance(inner, list) for inner in value.values()):
            return self._object(position)
        return _without_bool(value), end

    def _array(self, position: int) -> tuple[list[tuple[int, Any]], int]:
        items: list[tuple[int, Any]] = []
        empty = EmptyItems()
        position = self._skip(position + 1)
        if self._text.startswith("]", position):
            return items, position + 1
        while True:
            number = self._number(position)
            value, position = self._decoder.raw_decode(self._text, position)
            empty.check(number, value)
            items.append((number, _without_bool(value)))
            position = self._skip(position)
            if self._text.startswith("]", position):
                return items, position + 1
            position = self._expect(",", position)

    def _object(self, position: int) -> tuple[Any, int]:
        pairs: list[tuple[str, Any]] = []
        position = self._skip(position + 1)
        while True:
            key, position = self._decoder.raw_decode(self._text, position)
            position = self._expect(":", self._skip(position))
            if self._text.startswith("[", position):
                value: Any
                value, position = self._array(position)
            else:
                value, position = self._decoder.raw_decode(self._text, position)
            pairs.append((key, value))
            position = self._skip(position)
            if self._text.startswith("}", position):
                return _mapping(pairs), position + 1
            position = self._expect(",", position)

    def _expect(self, character: str, position: int) -> int:
        if not self._text.startswith(character, position):
            raise json.JSONDecodeError(f"Expecting {character!r} delimiter", self._text, position)
        return self._skip(position + 1)

    def _skip(self, position: int) -> int:
        match = _WHITE_SPACE.match(self._text, position)
        return match.end() if match else position

    def _number(self, position: int) -> int:
        if position < self._counted:
            self._counted, self._line = 0, 1
        self._line += self._text.count("\n", self._counted, position)
        self._counted = position
        return self._line

    def _report(self, position: int, problem: str) -> None:
        self._add_problem(self._number(position), problem, is_first=not self._has_document)


def _other(_text: str) -> object:
    """Stand for a number: none is needed, and some are too long to convert."""
    return OTHER


def _without_bool(value: Any) -> Any:
    return OTHER if isinstance(value, bool) else value


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Invalid:
    return mapping_of([(key, _without_bool(value)) for key, value in pairs])
