"""The URLs of Nova's databases: read as Nova reads them, and trusted as far as they may be.

What the operator has typed counts in full. A URL of the table of cells may name no file on this
machine unless he allows it: whoever can write the table could have any file read, and be led by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from hostmap_sql.database_url import DatabaseUrl, is_flag
from hostmap_sql.dialects import dialect_of_scheme
from hostmap_sql.dialects.tls import SYSTEM
from hostmap_sql.dialects.url_options import plain
from hostmap_sql.errors import InvalidValue

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# What a warning was given of: of which database, and which option.
_warned: set[tuple[str, str]] = set()


def read_url(text: str) -> DatabaseUrl:
    """A URL of one of Nova's databases, without what only SQLAlchemy and its plugins know.

    :raises InvalidValue: it cannot be used.
    """
    given: object = text
    if not isinstance(given, str):
        return DatabaseUrl.parse(text)
    kept = without_bare(text)
    parsed = DatabaseUrl.parse(kept)
    if kept != text:
        _warn(parsed, "an option without a value")
    options = dict(parsed.options)
    for name in dialect_of_scheme(parsed.scheme).url_options.passed_over(options):
        del options[name]
        _warn(parsed, f"the option {name!r}, which only SQLAlchemy or another driver knows")
    return replace(parsed, options=options)


def without_bare(text: str) -> str:
    """The URL without options that have no value: as in SQLAlchemy, they are not there."""
    url, question, query = text.partition("?")
    if not question:
        return text
    fields = query.split("&")
    kept = [field for field in fields if "=" in field or is_flag(field)]
    return text if len(kept) == len(fields) else f"{url}?{'&'.join(kept)}".removesuffix("?")


def _warn(url: DatabaseUrl, what: str) -> None:
    """Say what is passed over, once for each database."""
    import logging  # noqa: PLC0415 - the command imports this module for all that it does

    if (str(url), what) not in _warned:
        _warned.add((str(url), what))
        logging.getLogger("hostmap_sql").warning("%s: its URL has %s: it is passed over", url, what)


def refuse_files(url: DatabaseUrl, typed: Mapping[str, str], trusted: Collection[str]) -> None:
    """Refuse the files that a URL names, unless the operator has typed or trusts their names.

    :param typed: the options that he has typed himself.
    :param trusted: the names that he trusts.
    :raises InvalidValue: it names another one.
    """
    named = dialect_of_scheme(url.scheme).url_options.naming_files(url.options)
    for name, value in named.items():
        if value in trusted or typed.get(plain(name)) == value:
            continue
        if plain(name) == "sslrootcert" and value == SYSTEM:
            continue
        # A group of a file that is trusted itself: see above.
        if plain(name) == "read_default_group" and any(
            plain(n) == "read_default_file" for n in named
        ):
            continue
        problem = f"has the option {name!r}, which names a file that only the operator may name"
        raise InvalidValue(
            "database_connection",
            f"{problem}: trust it (--trust-file), or say it yourself or drop it (--cell-options)",
        )


@dataclass(frozen=True)
class OptionChanges:
    """What is to become of the options of a URL: those that are set, and those that are dropped."""

    values: Mapping[str, str]
    """As they are written in a URL, by their names as `plain` makes them."""
    fields: tuple[str, ...]
    dropped: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> OptionChanges:
        """Read ``option=value&-option``: sets the one, whatever the URL has, and drops the other.

        :raises InvalidValue: it is not of that form.
        """
        values, fields, dropped = {}, [], set()
        for field in text.split("&"):
            name, equals, value = field.partition("=")
            if field.startswith("-") and len(field) > 1 and not equals:
                dropped.add(plain(unquote_plus(field[1:])))
            elif name and equals and not name.startswith("-"):
                fields.append(field)
                values[plain(unquote_plus(name))] = unquote_plus(value)
            else:
                problem = "must be of the form option=value&option=value, or -option to drop one"
                raise InvalidValue("options", problem)
        if dropped & values.keys() or len(values) < len(fields):
            raise InvalidValue("options", "must name each option once")
        return cls(values, tuple(fields), frozenset(dropped))

    def apply(self, url: str) -> str:
        """The URL with these options."""
        rest, _, query = url.partition("?")
        gone = self.dropped | self.values.keys()
        kept = [
            field
            for field in query.split("&")
            if field and plain(unquote_plus(field.partition("=")[0])) not in gone
        ]
        query = "&".join([*kept, *self.fields])
        return f"{rest}?{query}" if query else rest
