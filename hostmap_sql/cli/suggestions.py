"""Did you mean: the cells and hosts whose names are like one that is not there.

Only errors look for them, and nothing is ever done with what they find but to name it. No more than
some hundred hosts are read, however many there are.
"""

from __future__ import annotations

import re
from itertools import chain, product
from string import ascii_lowercase
from typing import TYPE_CHECKING

from hostmap_sql.errors import CellMappingNotFound, HostMappingNotFound
from hostmap_sql.uuids import canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping

# The most names that a sentence suggests, and the most names for which others are looked for.
_MOST_SUGGESTED = 3
_MOST_ASKED = 3

# How alike two names have to be, from 0 to 1, and how much less than the best one others may be.
_ALIKE = 0.7
_NEARLY_AS_GOOD = 0.05

# Hosts that are read to compare them, and the longest name of which all misspellings are looked up.
_SAMPLE = 200
_LONGEST_SPELLED = 64

_NUMBER = re.compile(r"\d+")
_LETTERS = f"{ascii_lowercase}-._"


def add_suggestion(hostmap: HostMap, error: Exception) -> None:
    """Add a note to an error about a cell or hosts that are not there: which may be meant.

    If that cannot be found out, the error stays as it is.
    """
    try:
        found = [*dict.fromkeys(chain(*_similar(hostmap, error)))]
    except Exception:  # noqa: BLE001 - the error itself matters, not why nothing can be suggested
        return
    if found:
        error.add_note(f"did you mean {question(found)}")


def question(names: Sequence[str]) -> str:
    """Some names as a question: "'cell1' or 'cell2'?"."""
    *others, last = map(repr, names[:_MOST_SUGGESTED])
    return f"{', '.join(others)} or {last}?" if others else f"{last}?"


def _similar(hostmap: HostMap, error: Exception) -> Iterator[Sequence[str]]:
    if isinstance(error, CellMappingNotFound):
        if canonical_uuid(error.cell) is None:
            yield similar_cells(error.cell, hostmap.cells.list())
        return
    if isinstance(error, HostMappingNotFound):
        hosts: Sequence[str] = [error.host]
    else:
        hosts = getattr(error, "missing_hosts", ())
    if len(hosts) <= _MOST_ASKED:
        for host in hosts:
            yield similar_hosts(hostmap, host)


def similar_cells(name: str, cells: Collection[CellMapping]) -> Sequence[str]:
    """The names of cells that may be meant by one that is not there."""
    return _most_alike(name, [cell.name for cell in cells])


def similar_hosts(hostmap: HostMap, host: str) -> Sequence[str]:
    """The hosts that may be meant by one that is not there."""
    full = hostmap.hosts.list(prefix=f"{host}.", limit=2)
    if full:
        return [mapping.host for mapping in full] if len(full) == 1 else []
    short = host.partition(".")[0]
    spelled = hostmap.hosts.get_many(
        name for name in _misspellings(host, short) if not _differ_in_number(host, name)
    )
    if spelled:
        return _most_alike(host, spelled) or [*spelled][:_MOST_SUGGESTED]
    # What begins so, or as most of it does.
    prefixes = dict.fromkeys([host, host[: max(1, len(host) * 2 // 3)]])
    samples = (hostmap.hosts.list(prefix=prefix, limit=_SAMPLE) for prefix in prefixes)
    return _most_alike(host, {mapping.host for mapping in chain(*samples)})


def _most_alike(name: str, names: Iterable[str]) -> Sequence[str]:
    """Those that begin so if it is one, or those most like it if they are few."""
    from difflib import SequenceMatcher  # noqa: PLC0415 - only for errors

    others = [*names]
    longer = [other for other in others if other.startswith(name)]
    if len(longer) == 1:
        return longer
    matcher = SequenceMatcher(b=name.lower())
    scores: list[tuple[float, str]] = []
    for other in others:
        matcher.set_seq1(other.lower())
        if (
            not _differ_in_number(name, other)
            and matcher.quick_ratio() >= _ALIKE
            and (score := matcher.ratio()) >= _ALIKE
        ):
            scores.append((score, other))
    best = max(scores, default=(1.0, ""))[0]
    found = sorted(other for score, other in scores if score >= best - _NEARLY_AS_GOOD)
    return found if len(found) <= _MOST_SUGGESTED else []


def _differ_in_number(name: str, other: str) -> bool:
    """Whether two names differ in a number alone: then they are two things, not a misspelling."""
    if _NUMBER.sub("", name) != _NUMBER.sub("", other):
        return False
    return [*map(int, _NUMBER.findall(name))] != [*map(int, _NUMBER.findall(other))]


def _misspellings(host: str, short: str) -> Iterator[str]:
    """The short name, other cases, and all names that differ in one letter, or in two exchanged."""
    yield from dict.fromkeys(filter(None, (short, host.lower(), host.upper(), short.lower())))
    if len(host) > _LONGEST_SPELLED or not host.isascii():
        return
    halves = [(host[:place], host[place:]) for place in range(len(host) + 1)]
    names: Iterable[str] = chain(
        (head + tail[1:] for head, tail in halves if tail),
        (head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1),
        (head + letter + tail[1:] for (head, tail), letter in product(halves, _LETTERS) if tail),
        (head + letter + tail for (head, tail), letter in product(halves, _LETTERS)),
    )
    yield from (name for name in names if name and name == name.strip())
