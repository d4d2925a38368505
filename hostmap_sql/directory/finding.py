"""`Finding`: a fault in the directory, as `HostMap.check` returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KINDS = (
    "file-mode",
    "schema",
    "schema-open",
    "not-permitted",
    "revision-row",
    "revision-behind",
    "revision-gap",
    "changeset-empty",
    "change-without-changeset",
    "cell-invalid",
    "cell-unrecorded",
    "cell-outdated",
    "cell-missing",
    "host-without-cell",
    "host-in-cell0",
    "host-invalid",
    "host-unrecorded",
    "host-differs",
    "host-outdated",
    "host-missing",
    "cell-unsealed",
)
"""The kinds of findings, in the order of the report."""


@dataclass(frozen=True)
class Finding:
    """A fault in the directory.

    `kind` is one of `hostmap_sql.directory.finding.KINDS`. `problem` is a sentence with the fault
    and its remedy. `host`, `cell_uuid` and `revision` identify the faulty row, and are None where
    they do not apply.
    """

    kind: str
    problem: str
    host: str | None = None
    cell_uuid: str | None = None
    revision: int | None = None

    @property
    def about(self) -> str | None:
        """The faulty host, else the cell, else the revision, in words; None if there is none."""
        if self.host is not None:
            return f"host {self.host!r}"
        if self.cell_uuid is not None:
            return f"cell {self.cell_uuid}"
        return None if self.revision is None else f"revision {self.revision}"


def limited(kind: str, findings: Iterable[Finding], limit: int) -> Iterator[Finding]:
    """Yield the findings of a kind up to the limit, and a last one if there are more."""
    for number, finding in enumerate(findings):
        if number == limit:
            problem = f"there are more than these {limit:,}: repair them, then check again"
            yield Finding(kind, problem)
            return
        yield finding
