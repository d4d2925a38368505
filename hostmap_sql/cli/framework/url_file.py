"""``@FILE``: URLs that commands read from files, which keeps them out of the process list."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field

from hostmap_sql.concealing import conceal
from hostmap_sql.errors import InvalidValue
from hostmap_sql.small_files import SmallFile, read_small_file, read_small_stream


@dataclass(frozen=True)
class UrlFile:
    """The URL in a file, and a warning if other users have access to the file."""

    url: str = field(repr=False)
    warning: str | None = None


def read_url_file(path: str, place: str, *, takes_input: bool) -> UrlFile:
    """Read a URL from a file, without the white space around it. No error quotes it.

    :param place: what names the file, for messages.
    :param takes_input: whether "-" stands for standard input.
    :raises InvalidValue: the file cannot be used.
    """
    if not path.strip():
        raise InvalidValue(place, "is empty: give the name of a file that holds the URL")
    if "://" in path:
        raise InvalidValue(place, "holds a URL: give the name of a file that holds it")
    is_input = path == "-"
    if is_input and not takes_input:
        problem = "takes no -, because commands read their own input there: name a file"
        raise InvalidValue(place, problem)
    name = "standard input" if is_input else f"the URL file {path!r}"
    try:
        file = _read_input() if is_input else read_small_file(_expanded(path))
    except ValueError as error:
        raise InvalidValue(name, str(error)) from None
    url = conceal(file.text.strip())
    if not url:
        # The program that writes it may have failed: this does not mean "no URL".
        raise InvalidValue(name, "is empty: write the URL into it")
    if "\0" in url:
        raise InvalidValue(name, "holds a NUL: write it as UTF-8 text")
    if len(url.splitlines()) > 1:
        raise InvalidValue(name, "holds several lines: write the URL alone into it")
    if not file.is_open_to_others:
        return UrlFile(url)
    return UrlFile(url, f"other users have access to {name}: run chmod o= on it")


def _read_input() -> SmallFile:
    return SmallFile(read_small_stream(sys.stdin.buffer), is_open_to_others=False)


def _expanded(path: str) -> str:
    return os.path.expanduser(path)  # noqa: PTH111 - "~nobody" stays as it is
