"""The URLs of Nova's databases, read as Nova reads them; those of cells are not trusted.

An attacker with write access to the table of cells could have any file read, and the operator's own
password sent to any server. So a cell's URL is used alone, without the environment and the home
folder, and may use files and sockets of this machine only if the operator allows them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

from hostmap_sql.concealing import HiddenFrames
from hostmap_sql.dialects import dialect_of_scheme
from hostmap_sql.dialects.database_url import DatabaseUrl, is_flag
from hostmap_sql.dialects.tls import SYSTEM
from hostmap_sql.dialects.url_options import plain
from hostmap_sql.errors import InvalidValue
from hostmap_sql.quoting import show_option

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

# The masked URL and the option of each warning that was logged.
_warned: set[tuple[str, str]] = set()


def read_url(text: str) -> DatabaseUrl:
    """Read a URL without the options that only SQLAlchemy and its plugins know.

    A warning is logged for each such option, once for each database.

    :raises InvalidValue: the URL cannot be used.
    """
    with HiddenFrames():
        return _read_url(text)


def _read_url(text: str) -> DatabaseUrl:
    given: object = text
    if not isinstance(given, str):
        return DatabaseUrl.parse(text)
    kept = drop_bare_options(text)
    parsed = DatabaseUrl.parse(kept)
    if kept != text:
        _warn(parsed, "an option without a value")
    options = dict(parsed.options)
    for name in dialect_of_scheme(parsed.scheme).url_options.passed_over(options):
        del options[name]
        _warn(parsed, f"{show_option(name)}, which only SQLAlchemy or another driver knows")
    return replace(parsed, options=options)


def drop_bare_options(text: str) -> str:
    """Remove the options that have no value from a URL, as SQLAlchemy does."""
    url, question, query = text.partition("?")
    if not question:
        return text
    fields = query.split("&")
    kept = [field for field in fields if "=" in field or is_flag(field)]
    return text if len(kept) == len(fields) else f"{url}?{'&'.join(kept)}".removesuffix("?")


def _warn(url: DatabaseUrl, ignored: str) -> None:
    import logging  # noqa: PLC0415 - most commands that import this module never warn

    if (str(url), ignored) not in _warned:
        _warned.add((str(url), ignored))
        logging.getLogger("hostmap_sql").warning("%s: its URL has %s: ignored", url, ignored)


def isolate(
    url: DatabaseUrl,
    *,
    own_options: Mapping[str, str],
    base_options: Mapping[str, str],
    trusted_files: Collection[str],
    has_operators_login: bool,
) -> DatabaseUrl:
    """Isolate the URL of a cell: it is used without the environment and the home folder.

    :param own_options: the options that the operator set, by their canonical names: see `plain`.
    :param base_options: the options of the URL that fills templates, by their canonical names.
        The files that they name are trusted, except files with passwords.
    :param trusted_files: the names of other files that the operator trusts.
    :param has_operators_login: whether the operator's user or password was filled into the URL.
    :raises InvalidValue: it is not on a server, or has an option that only the operator may set.
    """
    dialect = dialect_of_scheme(url.scheme)
    if not dialect.has_server:
        problem = "names a file, and the database of a cell is on a server: write mysql:// or"
        raise InvalidValue("database_connection", f"{problem} postgresql://")
    known = dialect.url_options
    if known.login_files & {*map(plain, url.options)}:
        has_operators_login = True
    allowed = known.harmless if has_operators_login else known.harmless | known.protecting
    operators = {}
    for name, value in url.options.items():
        option = plain(name)
        if own_options.get(option) == value:
            operators[option] = value
        elif option in known.files:
            of_base = None if option in known.login_files else base_options.get(option)
            _refuse_untrusted_file(url, name, {*trusted_files, of_base})
        elif known.known(option) and option not in allowed:
            problem = f"has {show_option(name)}, which only the operator may set"
            advice = "set or drop it yourself (--cell-options)"
            raise InvalidValue("database_connection", f"{problem}: {advice}")
    return replace(url, operator_options=frozenset(operators))


def _refuse_untrusted_file(url: DatabaseUrl, name: str, trusted: Collection[str | None]) -> None:
    """Refuse an option that names a file, unless the file is trusted.

    :raises InvalidValue: it is not.
    """
    option, value = plain(name), url.options[name]
    if value in trusted or (option == "sslrootcert" and value == SYSTEM):
        return
    # A group belongs to a file, whose own option is checked.
    if option == "read_default_group" and "read_default_file" in map(plain, url.options):
        return
    problem = f"has {show_option(name)}, which names a file that only the operator may name"
    advice = "trust it (--trust-file), or set or drop the option yourself (--cell-options)"
    raise InvalidValue("database_connection", f"{problem}: {advice}")


@dataclass(frozen=True)
class OptionChanges:
    """Changes to the options of a URL: those to set, and those to drop."""

    values: Mapping[str, str]
    """The options to set, by their canonical names: see `plain`."""
    fields: tuple[str, ...]
    """The same, as written in a URL."""
    dropped: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> OptionChanges:
        """Read ``option=value&-option``: sets one, overriding the URL's own, and drops the other.

        :raises InvalidValue: the text is not of that form.
        """
        with HiddenFrames():
            return cls._parse(text)

    @classmethod
    def _parse(cls, text: str) -> OptionChanges:
        if not isinstance(text, str):
            raise InvalidValue("options", "must be text: option=value&option=value")
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
        """Return the URL with these changes."""
        rest, _, query = url.partition("?")
        replaced = self.dropped | self.values.keys()
        kept = [
            field
            for field in query.split("&")
            if field and plain(unquote_plus(field.partition("=")[0])) not in replaced
        ]
        query = "&".join([*kept, *self.fields])
        return f"{rest}?{query}" if query else rest
