"""YAML: lists of hosts or mappings. Scalars stay as written: no, 1e3 and 12:30 are names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hostmap_sql.cli.input.documents import EmptyItems, Invalid, mapping_of, read_documents
from hostmap_sql.cli.input.records import Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hostmap_sql.cli.input.records import Reading
    from hostmap_sql.cli.input.source import Source

_NULLS = ("", "~", "null", "Null", "NULL")
_TEXT_TAGS = (None, "!", "tag:yaml.org,2002:str")
_MERGE = "<<"

# Deeper than any list of hosts.
_MAX_DEPTH = 20


def read_yaml(source: Source, reading: Reading) -> None:
    """Read all YAML documents of a text, up to the first error."""
    read_documents(_usable_documents(source, reading), source, reading)


def _usable_documents(source: Source, reading: Reading) -> Iterator[tuple[int, Any]]:
    """Yield the documents that are not empty, up to the first error, which becomes a bad line."""
    try:
        for number, document in _documents(source):
            if type(document) is str:
                reading.bad(number, "is text, not a YAML list: write each host as - compute-1")
                return
            if document is not None:
                yield number, document
    except Unreadable as error:
        reading.bad(error.number, error.problem)


@dataclass
class _Collection:
    """A list or a mapping between the events of its start and its end."""

    number: int
    is_list: bool
    items: list[tuple[int, Any]] = field(default_factory=list)
    empty: EmptyItems = field(default_factory=EmptyItems)

    def add(self, number: int, item: Any) -> None:
        """Add an item of a list, or a key or value of a mapping.

        :raises Unreadable: the list has too many empty items.
        """
        if self.is_list:
            self.empty.check(number, item)
        self.items.append((number, item))

    def value(self) -> Any:
        """Return the list or the mapping; `Invalid` if it has a key that cannot be used."""
        if self.is_list:
            return self.items
        keys = [key for _, key in self.items[::2]]
        values = [value for _, value in self.items[1::2]]
        if not all(type(key) is str for key in keys):
            return Invalid("has a key that is not text")
        if _MERGE in keys:
            return Invalid("merges keys by <<, which is not supported: write the keys here")
        return mapping_of([*zip(keys, values, strict=True)])


def _documents(source: Source) -> Iterator[tuple[int, Any]]:
    """Yield the documents, each with the number of its line.

    They are built from the parser's events, so that aliases cannot multiply text.

    :raises Unreadable: the text is not YAML, or is YAML that no list of hosts needs.
    """
    anchors: dict[str, str] = {}
    empty_documents = EmptyItems()
    stack: list[_Collection] = []
    for number, event in _events(source):
        start, value = number, None
        match type(event).__name__:
            case "SequenceStartEvent" | "MappingStartEvent" as kind:
                stack.append(_Collection(number, is_list=kind == "SequenceStartEvent"))
                if len(stack) > _MAX_DEPTH:
                    raise Unreadable(number, "is nested too deeply for a list of hosts")
                continue
            case "SequenceEndEvent" | "MappingEndEvent":
                collection = stack.pop()
                start, value = collection.number, collection.value()
            case "ScalarEvent":
                value = _scalar(event)
                if event.anchor and type(value) is str:
                    anchors[event.anchor] = value
            case "AliasEvent" if event.anchor in anchors:
                value = anchors[event.anchor]
            case "AliasEvent":
                problem = "has an alias of a list or a mapping, which is not supported"
                raise Unreadable(number, problem)
            case _:
                continue
        if stack:
            stack[-1].add(start, value)
        else:
            empty_documents.check(start, value)
            yield start, value


def _events(source: Source) -> Iterator[tuple[int, Any]]:
    """Yield the events of the parser, each with the number of its line.

    :raises Unreadable: the text is not YAML.
    """
    import yaml  # noqa: PLC0415 - only for commands that read YAML

    # The parser in C is ten times faster; not every build of PyYAML has it.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    last = len(source.lines)  # YAML knows more line breaks than editors
    event: Any
    try:
        for event in yaml.parse(source.text, Loader=loader):
            yield min(event.start_mark.line + 1, last), event
    except yaml.YAMLError as error:
        number, problem = 1, None
        if isinstance(error, yaml.MarkedYAMLError):
            problem = error.problem
            number = min(error.problem_mark.line + 1, last) if error.problem_mark else 1
        quoted = "" if source.columns.is_secret or not problem else f": {problem}"
        hint = "" if source.is_format_given else ": if it is not YAML, write --input-format"
        raise Unreadable(number, f"is not YAML{quoted}{hint}") from None


def _scalar(event: Any) -> str | Invalid | None:
    if event.tag not in _TEXT_TAGS:
        return Invalid("has a value with a tag, which is not supported")
    if event.implicit[0] and event.value in _NULLS:
        return None
    value: str = event.value
    return value
