"""The kinds of values that several commands take, and what the shell may complete them to."""

from __future__ import annotations

import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from hostmap_sql.cli.context import Settings
from hostmap_sql.models import BIGGEST
from hostmap_sql.urls import MASK

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hostmap_sql.hostmap import HostMap

# Whoever presses Tab does not wait long, and does not want all hosts there are.
_COMPLETION_TIMEOUT = 2.0
_MOST_COMPLETIONS = 100

# Copied from a list, most likely: it would take the password away.
IS_MASKED = (
    f"has {MASK} in the place of a secret: give the secret itself (a * of its own is written %2A)"
)


class FromDirectory(click.ParamType[str]):
    """A text of which the directory knows the possible values."""

    def __init__(self, name: str, values: Callable[[HostMap, str], Iterable[str]]) -> None:
        self.name = name
        self._values = values

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The values that begin so; none if anything goes wrong."""
        del param
        try:
            settings = Settings(**vars(ctx.ensure_object(Settings)))
            settings.timeout = min(settings.timeout, _COMPLETION_TIMEOUT)
            with settings.open() as hostmap:
                return [CompletionItem(value) for value in self._values(hostmap, incomplete)]
        except Exception:  # noqa: BLE001 - an error message would land in the line being typed
            return []


def _cells(hostmap: HostMap, prefix: str) -> Iterable[str]:
    return [cell.name for cell in hostmap.cells.list() if cell.name.startswith(prefix)]


def _hosts(hostmap: HostMap, prefix: str) -> Iterable[str]:
    mappings = hostmap.hosts.list(prefix=prefix, limit=_MOST_COMPLETIONS)
    return [mapping.host for mapping in mappings]


CELL = FromDirectory("cell", _cells)
HOST = FromDirectory("host", _hosts)


class Url(click.ParamType[str]):
    """The URL of a cell, or @FILE to read it from a file, where `ps` does not show it.

    :param takes_empty: whether the empty text means something: that there is to be none.
    """

    name = "url"

    def __init__(self, *, takes_empty: bool = False) -> None:
        self.takes_empty = takes_empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The URL itself; whether it is one, the library says."""
        if isinstance(value, str) and value.startswith("@"):
            value = self._read(value.removeprefix("@"), param, ctx)
        if MASK in value:
            self.fail(IS_MASKED, param, ctx)
        return value.strip()  # an environment variable may have the end of its file's last line

    def _read(self, path: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")
        except OSError as error:
            self.fail(f"{path!r} cannot be read: {error.strerror}", param, ctx)
        except UnicodeDecodeError:
            self.fail(f"{path!r} is not UTF-8 text", param, ctx)
        url = text.removeprefix("\ufeff").strip()
        if not url:
            # What should have written it has failed, say: not to be taken for "leave it without".
            self.fail(f"{path!r} is empty", param, ctx)
        return url


class Seconds(click.FloatRange):
    """A pause, in seconds: above 0, and a number."""

    def __init__(self) -> None:
        super().__init__(0, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        seconds = super().convert(value, param, ctx)
        if isnan(seconds):
            self.fail(f"{value!r} is not a number of seconds", param, ctx)
        return seconds


URL = Url()
URL_OR_NONE = Url(takes_empty=True)
SECONDS = Seconds()
REVISION = click.IntRange(0, BIGGEST)
