"""YAML: lists of hosts or of mappings. All scalars stay as written: no, 1e3 and 12:30 are names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.input.documents import DocumentReader
from hostmap_sql.cli.input.records import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.cli.input.columns import Columns
    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.text import Text

_NULLS = ("", "~", "null", "Null", "NULL")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_MERGE = "<<"

# Deeper than any list of hosts.
_MAX_DEPTH = 20


def read_yaml(text: Text, columns: Columns, reading: Reading, *, is_sure: bool) -> None:
    """Read all YAML documents of a text."""
    import yaml  # noqa: PLC0415 - only for those who read it

    documents: list[tuple[int, Any]] = []
    try:
        documents.extend(_documents(text.text))
    except _Refused as error:
        reading.bad(error.number, error.problem)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        number = 1 if mark is None else min(mark.line + 1, len(text.lines))
        problem = getattr(error, "problem", None)
        quoted = "" if columns.is_secret or not problem else f": {problem}"
        hint = "" if is_sure else " (--input-format says so if it is something else)"
        reading.bad(number, f"is not YAML{quoted}{hint}")
    bare = [number for number, value in documents if type(value) is str]
    if bare:
        reading.bad(bare[0], "is text, not a YAML list: write each host as - compute-1")
        return
    found = [document for document in documents if document[1] is not None]
    DocumentReader(columns, reading, is_sure).read(found)


class _Refused(Exception):
    def __init__(self, number: int, problem: str) -> None:
        super().__init__(number, problem)
        self.number = number
        self.problem = problem


@dataclass
class _Builder:
    """Builds one list or mapping from the events between its start and its end."""

    number: int
    is_list: bool
    items: list[tuple[int, Any]] = field(default_factory=list)

    def value(self) -> Any:
        if self.is_list:
            return self.items
        keys = [key for _, key in self.items[::2]]
        values = [value for _, value in self.items[1::2]]
        if not all(type(key) is str for key in keys):
            return Flaw("has a key that is no text")
        if _MERGE in keys:
            return Flaw("takes keys from elsewhere by <<, which is not read: write them here")
        mapping = dict(zip(keys, values, strict=True))
        if len(mapping) < len(keys):
            twice = next(key for key in keys if keys.count(key) > 1)
            return Flaw(f"names the key {twice[:40]!r} twice")
        return mapping


def _documents(text: str) -> Iterator[tuple[int, Any]]:
    """The documents, built from the parser's events: no alias can make more of them than there is.

    :raises _Refused: something is there that no list of hosts needs.
    """
    anchors: dict[str, str] = {}
    stack: list[_Builder] = []
    for number, event in _events(text):
        match type(event).__name__:
            case "SequenceStartEvent" | "MappingStartEvent":
                stack.append(_Builder(number, is_list=type(event).__name__[0] == "S"))
                if len(stack) > _MAX_DEPTH:
                    raise _Refused(number, "is nested too deeply for a list of hosts")
                continue
            case "SequenceEndEvent" | "MappingEndEvent":
                built = stack.pop()
                number, value = built.number, built.value()  # noqa: PLW2901 - where it began
            case "ScalarEvent":
                value = _scalar(event)
                if event.anchor and type(value) is str:
                    anchors[event.anchor] = value
            case "AliasEvent" if event.anchor in anchors:
                value = anchors[event.anchor]
            case "AliasEvent":
                problem = "has an alias of something other than text, which is not read"
                raise _Refused(number, problem)
            case _:
                continue
        if stack:
            stack[-1].items.append((number, value))
        else:
            yield number, value


def _events(text: str) -> Iterator[tuple[int, Any]]:
    """What the parser finds, each with the number of its line."""
    import yaml  # noqa: PLC0415 - only for those who read it

    # The parser in C is ten times faster; not every build of PyYAML has it.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    events: Iterator[Any] = yaml.parse(text, Loader=loader)
    last = text.count("\n") + 1  # YAML knows other line breaks too
    for event in events:
        yield min(event.start_mark.line + 1, last), event


def _scalar(event: Any) -> str | None:
    if event.tag not in _TEXT_TAGS:
        return Flaw("has a value with a tag, which is not read")
    if event.implicit[0] and event.value in _NULLS:
        return None
    value: str = event.value
    return value
