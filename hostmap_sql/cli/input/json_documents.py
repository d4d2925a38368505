"""JSON: one document or several, one a line or indented, as jq and `openstack -f json` print."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.input.documents import OTHER, DocumentReader
from hostmap_sql.cli.input.records import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

# How often an object is looked for on more than one line, where each line begins with one.
_MOST_TRIES = 10

_WHITE_SPACE = re.compile(r"[ \t\n]*")


def read_json(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read all JSON documents of a text."""
    is_certain = is_sure or columns.is_secret
    scanner = _Scanner(text.text, reading, is_secret=columns.is_secret, is_certain=is_certain)
    DocumentReader(columns, reading, is_sure).read(scanner.documents())


def is_json(text: Text) -> bool:
    """Whether the first document is JSON."""
    scanner = _Scanner(text.text, None)
    return next(scanner.documents(), None) is not None


class _Scanner:
    """Finds the documents of a text, and the lines on which they and their elements begin."""

    def __init__(
        self,
        text: str,
        reading: Reading | None,
        *,
        is_secret: bool = False,
        is_certain: bool = False,
    ) -> None:
        self._text = text
        self._reading = reading
        self._is_secret = is_secret
        self._is_certain = is_certain
        self._decoder = json.JSONDecoder(
            object_pairs_hook=_mapping, parse_int=_other, parse_float=_other, parse_constant=_other
        )
        self._counted, self._line = 0, 1
        self._tries = 0

    def documents(self) -> Iterator[tuple[int, Any]]:
        position = self._skip(0)
        while position < len(self._text):
            number, start = self._number(position), position
            try:
                self._check_line(start)
                value, position = self._value(start)
            except json.JSONDecodeError as error:
                self._report(error, 0 if error.doc is self._text else start)
                position = self._next_object_line(start)
            except RecursionError:
                self._bad(start, "is not JSON that is needed for hosts: it is nested too deeply")
                return
            else:
                self._is_certain = True
                yield number, value
            position = self._skip(position)

    def _check_line(self, start: int) -> None:
        """Look at one line alone, where each has an object.

        To say where in a whole text something is wrong takes longer the longer the text is.
        """
        end = self._next_object_line(start)
        if end == len(self._text):
            return
        line = self._text[start:end]
        try:
            self._decoder.raw_decode(line)
        except json.JSONDecodeError as error:
            goes_on = not line[error.pos :].strip()
            self._tries += goes_on
            if not goes_on or self._tries > _MOST_TRIES:
                raise

    def _next_object_line(self, start: int) -> int:
        """Where the line ends that begins with an object, if the next one does too; or the end."""
        end = self._text.find("\n", start)
        are_both = self._text.startswith("{", start) and self._text.startswith("{", end + 1)
        return end if end >= 0 and are_both else len(self._text)

    def _report(self, error: json.JSONDecodeError, start: int) -> None:
        # What is missing at the end is missing on the last line with something on it.
        place = start + len(error.doc[: error.pos].rstrip())
        at_end = not error.doc[error.pos :].strip()
        place = place if at_end else start + error.pos
        column = place - self._text.rfind("\n", 0, place)
        self._bad(place, f"is not JSON: {error.msg} (column {column})")

    def _value(self, position: int) -> tuple[Any, int]:
        """A value whose lists have the numbers of their lines, and where it ends."""
        if self._text.startswith("[", position):
            return self._array(position)
        value, end = self._decoder.raw_decode(self._text, position)
        if isinstance(value, dict) and any(isinstance(inner, list) for inner in value.values()):
            return self._object(position)
        if value is True or value is False:
            value = OTHER
        return value, end

    def _array(self, position: int) -> tuple[list[tuple[int, Any]], int]:
        items: list[tuple[int, Any]] = []
        position = self._skip(position + 1)
        if self._text.startswith("]", position):
            return items, position + 1
        while True:
            number = self._number(position)
            value, position = self._decoder.raw_decode(self._text, position)
            items.append((number, OTHER if isinstance(value, bool) else value))
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

    def _bad(self, position: int, problem: str) -> None:
        if self._reading is not None:
            hint = "" if self._is_certain else ": if it is YAML, write --input-format yaml"
            text = "is not JSON" if self._is_secret else f"{problem}{hint}"
            self._reading.bad(self._number(position), text)


def _other(_text: str) -> object:
    """Stand for a number: none is needed, and some are too long to be made."""
    return OTHER


def _mapping(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Flaw:
    mapping = {key: OTHER if isinstance(value, bool) else value for key, value in pairs}
    if len(mapping) == len(pairs):
        return mapping
    keys = [key for key, _ in pairs]
    twice = next(key for key in keys if keys.count(key) > 1)
    return Flaw(f"names the key {twice[:40]!r} twice")
