"""Suggestions for unknown cells and hosts: "did you mean 'cell1'?".

They are looked up after an error only, and only shown. A lookup reads a few hundred hosts at most.
"""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from itertools import chain, product
from string import ascii_lowercase
from time import monotonic
from typing import TYPE_CHECKING

from hostmap_sql.errors import CellMappingNotFound, HostMappingNotFound
from hostmap_sql.validation import MAX_NAME_LENGTH, canonical_uuid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from hostmap_sql.hostmap import HostMap
    from hostmap_sql.models import CellMapping

# The most names that a sentence suggests, and the most unknown hosts that get suggestions.
_MAX_SUGGESTIONS = 3
_MAX_UNKNOWN = 3

# The least similarity of a suggestion, from 0 to 1, and its greatest distance from the best one.
_MIN_SIMILARITY = 0.7
_MAX_BEHIND_BEST = 0.05

# The hosts that are read and compared, and the longest name whose misspellings are looked up.
_SAMPLE = 200
_MAX_SPELLED = 64

# The seconds after which the search for similar names is given up: some names take long to compare.
_MAX_SECONDS = 0.5

_NUMBER = re.compile(r"\d+")
_LETTERS = f"{ascii_lowercase}-._"


def add_suggestion(hostmap: HostMap, error: Exception) -> None:
    """Add a note with similar names to an error about an unknown cell or host.

    If the lookup fails, the error stays as it is.
    """
    try:
        found = [*dict.fromkeys(chain(*_similar(hostmap, error)))]
    except Exception:  # noqa: BLE001 - the first error is the one to show
        return
    if found:
        error.add_note(f"did you mean {question(found)}")


def question(names: Sequence[str]) -> str:
    """Format names as a question: "'cell1' or 'cell2'?"."""
    *others, last = map(repr, names[:_MAX_SUGGESTIONS])
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
    if len(hosts) <= _MAX_UNKNOWN:
        for host in hosts:
            yield similar_hosts(hostmap, host)


def similar_cells(name: str, cells: Collection[CellMapping]) -> Sequence[str]:
    """Find the names of cells that are similar to an unknown one."""
    return _most_similar(name, [cell.name for cell in cells])


def similar_hosts(hostmap: HostMap, host: str) -> Sequence[str]:
    """Find the hosts whose names are similar to an unknown one."""
    full = hostmap.hosts.list(prefix=f"{host}.", limit=2)
    if full:
        return [mapping.host for mapping in full] if len(full) == 1 else []
    short = host.partition(".")[0]
    spelled = hostmap.hosts.get_many(
        name for name in _misspellings(host, short) if not _differ_in_number(host, name)
    )
    if spelled:
        return _most_similar(host, spelled) or [*spelled][:_MAX_SUGGESTIONS]
    # Hosts that begin with the name, or with two thirds of it.
    prefixes = dict.fromkeys([host, host[: max(1, len(host) * 2 // 3)]])
    samples = (hostmap.hosts.list(prefix=prefix, limit=_SAMPLE) for prefix in prefixes)
    return _most_similar(host, {mapping.host for mapping in chain(*samples)})


def _most_similar(name: str, names: Iterable[str]) -> Sequence[str]:
    """Return the only name that `name` is a prefix of, or else the most similar few."""
    if len(name) > MAX_NAME_LENGTH:
        return []
    others = [*names]
    longer = [other for other in others if other.startswith(name)]
    if len(longer) == 1:
        return longer
    matcher = SequenceMatcher(b=name.lower())
    scores: list[tuple[float, str]] = []
    give_up = monotonic() + _MAX_SECONDS
    for other in others:
        if monotonic() > give_up:
            return []
        matcher.set_seq1(other.lower())
        if (
            not _differ_in_number(name, other)
            and matcher.quick_ratio() >= _MIN_SIMILARITY
            and (score := matcher.ratio()) >= _MIN_SIMILARITY
        ):
            scores.append((score, other))
    best = max(scores, default=(1.0, ""))[0]
    found = sorted(other for score, other in scores if score >= best - _MAX_BEHIND_BEST)
    return found if len(found) <= _MAX_SUGGESTIONS else []


def _differ_in_number(name: str, other: str) -> bool:
    """Return whether two names differ only in numbers: two machines, not a misspelling."""
    if _NUMBER.sub("", name) != _NUMBER.sub("", other):
        return False
    return [*map(int, _NUMBER.findall(name))] != [*map(int, _NUMBER.findall(other))]


def _misspellings(host: str, short: str) -> Iterator[str]:
    """Yield the short name, other cases, and all names one edit or one swap of letters away."""
    yield from dict.fromkeys(filter(None, (short, host.lower(), host.upper(), short.lower())))
    if len(host) > _MAX_SPELLED or not host.isascii():
        return
    halves = [(host[:place], host[place:]) for place in range(len(host) + 1)]
    names: Iterable[str] = chain(
        (head + tail[1:] for head, tail in halves if tail),
        (head + tail[1] + tail[0] + tail[2:] for head, tail in halves if len(tail) > 1),
        (head + letter + tail[1:] for (head, tail), letter in product(halves, _LETTERS) if tail),
        (head + letter + tail for (head, tail), letter in product(halves, _LETTERS)),
    )
    yield from (name for name in names if name and name == name.strip())
