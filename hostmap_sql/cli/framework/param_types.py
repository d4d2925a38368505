"""The types of parameters that several commands take, with their completion in a shell."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hostmap_sql.cli.framework.errors import print_status
from hostmap_sql.cli.framework.settings import Settings
from hostmap_sql.cli.framework.url_file import read_url_file
from hostmap_sql.errors import InvalidValue
from hostmap_sql.masking import MASK
from hostmap_sql.validation import MAX_BIGINT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostmap_sql.hostmap import HostMap

# Completion must be quick, and its list short.
_COMPLETION_TIMEOUT = 2.0
_MAX_COMPLETIONS = 100

# A masked URL was probably copied from a list: writing it would lose the password.
IS_MASKED = (
    f"has {MASK} in the place of a secret: give the secret itself (write a * of its own as %2A)"
)


class DirectoryName(click.ParamType[str]):
    """A name of something in the directory, which a shell can complete."""

    def __init__(self, name: str, complete: Callable[[HostMap, str], Iterable[str]]) -> None:
        self.name = name
        self._complete = complete

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Return the names that begin with a prefix; none after an error."""
        del param
        try:
            settings = ctx.ensure_object(Settings)
            settings.typed.clear()  # a key file that is not usable yet does not matter
            timeout = _COMPLETION_TIMEOUT
            with settings.open(max_timeout=timeout, warns=False, needs_keys=False) as hostmap:
                found = self._complete(hostmap, incomplete)
                # A shell prints them unescaped.
                return [CompletionItem(value) for value in found if value.isprintable()]
        except Exception:  # noqa: BLE001 - a message would end up in the line being typed
            return []


def _complete_cells(hostmap: HostMap, prefix: str) -> Iterable[str]:
    return [cell.name for cell in hostmap.cells.list() if cell.name.startswith(prefix)]


def _complete_hosts(hostmap: HostMap, prefix: str) -> Iterable[str]:
    mappings = hostmap.hosts.list(prefix=prefix, limit=_MAX_COMPLETIONS)
    return [mapping.host for mapping in mappings]


class Url(click.ParamType[str]):
    """A URL, or @FILE to read it from a file, which keeps it out of the process list.

    :param takes_empty: accept the empty text, which stands for no URL.
    """

    name = "url"

    def __init__(self, *, takes_empty: bool = False) -> None:
        self.takes_empty = takes_empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the URL; the library validates it."""
        value = value.strip()  # an environment variable may end with a line break
        if value.startswith("@") and not (ctx and ctx.resilient_parsing):
            value = self._read(value.removeprefix("@"), param, ctx)
        if MASK in value:
            self.fail(IS_MASKED, param, ctx)
        return value

    def _read(self, path: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            file = read_url_file(path, "@", takes_input=True)
        except InvalidValue as error:
            self.fail(str(error), param, ctx)
        if file.warning:
            print_status(f"warning: {file.warning}")
        return file.url


class Seconds(click.FloatRange):
    """A duration in seconds, above 0."""

    def __init__(self) -> None:
        super().__init__(0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number; NaN, which passes every range, is refused."""
        seconds = super().convert(value, param, ctx)
        if isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


CELL = DirectoryName("cell", _complete_cells)
HOST = DirectoryName("host", _complete_hosts)
URL = Url()
URL_OR_NONE = Url(takes_empty=True)
SECONDS = Seconds()
REVISION = click.IntRange(0, MAX_BIGINT)
