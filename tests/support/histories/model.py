"""A model of the directory in plain Python, without a database."""

from __future__ import annotations

from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hostmap_sql import (
    BulkResult,
    CellMappingExists,
    CellMappingInUse,
    CellMappingNotFound,
    Conflict,
    HistoryPruned,
    HostMappingExists,
    HostMappingNotFound,
    StaleMapping,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMES_OF_ACTIONS = {(False, True): "created", (True, True): "updated", (True, False): "deleted"}


@dataclass
class Cell:
    """The fields of a cell that the model keeps."""

    name: str
    disabled: bool
    revision: int


@dataclass
class Changeset:
    """The changes of one transaction: of hosts (old and new cell), of cells (before and after)."""

    revision: int
    hosts: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    cells: dict[str, tuple[bool, bool]] = field(default_factory=dict)


class Refused(Exception):
    """An operation that the library must refuse, with the kind of error."""

    def __init__(self, kind: type[Exception]) -> None:
        super().__init__(kind)
        self.kind = kind


class Model:
    """Cells, hosts, revisions and history."""

    def __init__(self) -> None:
        self.cells: dict[str, Cell] = {}
        self.hosts: dict[str, tuple[str, int]] = {}
        self.log: list[Changeset] = []
        self.revision = self.pruned = 0
        self._open: Changeset | None = None

    @contextmanager
    def transaction(self) -> Iterator[Changeset]:
        """Make one changeset of the block, or undo it."""
        if self._open is not None:
            yield self._open
            return
        before = deepcopy((self.cells, self.hosts))
        self._open = Changeset(self.revision + 1)
        try:
            yield self._open
            if self._open.hosts or self._open.cells:
                self.revision += 1
                self.log.append(self._open)
            else:
                self.cells, self.hosts = before
        except BaseException:
            self.cells, self.hosts = before
            raise
        finally:
            self._open = None

    # --- cells --------------------------------------------------------------------------------

    def create_cell(self, uuid: str, name: str, disabled: bool) -> None:  # noqa: FBT001
        with self.transaction() as changes:
            if uuid in self.cells or name in self._cell_names():
                raise Refused(CellMappingExists)
            self.cells[uuid] = Cell(name, disabled, changes.revision)
            self._note_cell(changes, uuid, was=False)

    def update_cell(
        self, uuid: str, changed: dict[str, object], expected_revision: int | None
    ) -> None:
        with self.transaction() as changes:
            cell = self._cell_expected(uuid, expected_revision)
            if all(getattr(cell, name) == value for name, value in changed.items()):
                return
            name = changed.get("name", cell.name)
            if name != cell.name and name in self._cell_names():
                raise Refused(CellMappingExists)
            for attribute, value in changed.items():
                setattr(cell, attribute, value)
            cell.revision = changes.revision
            self._note_cell(changes, uuid, was=True)

    def delete_cell(self, uuid: str, expected_revision: int | None) -> None:
        with self.transaction() as changes:
            self._cell_expected(uuid, expected_revision)
            if any(cell == uuid for cell, _ in self.hosts.values()):
                raise Refused(CellMappingInUse)
            del self.cells[uuid]
            self._note_cell(changes, uuid, was=True)

    # --- hosts --------------------------------------------------------------------------------

    def create(self, host: str, cell: str) -> None:
        with self.transaction():
            if host in self.hosts:
                raise Refused(HostMappingExists)
            self._need_cells(cell)
            self._put(host, cell)

    def move(
        self, host: str, cell: str, expected_cell_uuid: str | None, expected_revision: int | None
    ) -> None:
        with self.transaction():
            self._host_expected(host, expected_cell_uuid, expected_revision)
            if self.hosts[host][0] != cell:
                self._need_cells(cell)
                self._put(host, cell)

    def delete(
        self, host: str, expected_cell_uuid: str | None, expected_revision: int | None
    ) -> None:
        with self.transaction():
            self._host_expected(host, expected_cell_uuid, expected_revision)
            self._put(host, None)

    def create_many(self, pairs: list[tuple[str, str]], on_conflict: str) -> BulkResult:
        with self.transaction() as changes:
            self._need_cells(*(cell for _, cell in pairs))
            counts = {"created": 0, "unchanged": 0, "moved": 0}
            conflicts: list[Conflict] = []
            before = dict(self.hosts)
            for host, cell in pairs:
                actual = self.hosts.get(host, (None, 0))[0]
                if actual == cell:
                    counts["unchanged"] += 1
                elif actual is None or on_conflict == "move":
                    counts["created" if actual is None else "moved"] += 1
                    self.hosts[host] = (cell, changes.revision)
                elif on_conflict == "report":
                    conflicts.append(Conflict(host, cell, actual))
                else:
                    raise Refused(HostMappingExists)
            wrote = self._note_what_differs(changes, before)
            revision = changes.revision if wrote else None
            return BulkResult(**counts, conflicts=tuple(conflicts), revision=revision)

    def delete_many(self, hosts: list[str]) -> BulkResult:
        with self.transaction() as changes:
            present = set(hosts) & set(self.hosts)
            for host in present:
                self._put(host, None)
            revision = changes.revision if present else None
            return BulkResult(deleted=len(present), revision=revision)

    def move_all(self, source: str, target: str) -> BulkResult:
        with self.transaction() as changes:
            self._need_cells(source, target)
            hosts = [host for host, (cell, _) in self.hosts.items() if cell == source != target]
            for host in hosts:
                self._put(host, target)
            return BulkResult(moved=len(hosts), revision=changes.revision if hosts else None)

    # --- history --------------------------------------------------------------------------

    def prune(self, before: int) -> int:
        until = min(before - 1, self.revision - 1)
        self.pruned = max(self.pruned, until)
        kept = [changeset for changeset in self.log if changeset.revision > until]
        removed, self.log = len(self.log) - len(kept), kept
        return removed

    def since(self, revision: int) -> list[Changeset]:
        if revision < self.pruned:
            raise Refused(HistoryPruned)
        return [changeset for changeset in self.log if changeset.revision > revision]

    # --- inside -------------------------------------------------------------------------------

    def _cell_names(self) -> set[str]:
        return {cell.name for cell in self.cells.values()}

    def _need_cells(self, *uuids: str) -> None:
        if not set(uuids) <= set(self.cells):
            raise Refused(CellMappingNotFound)

    def _cell_expected(self, uuid: str, revision: int | None) -> Cell:
        self._need_cells(uuid)
        if revision not in (None, self.cells[uuid].revision):
            raise Refused(StaleMapping)
        return self.cells[uuid]

    def _host_expected(self, host: str, cell: str | None, revision: int | None) -> None:
        if host not in self.hosts:
            raise Refused(HostMappingNotFound)
        actual_cell, actual_revision = self.hosts[host]
        if cell not in (None, actual_cell) or revision not in (None, actual_revision):
            raise Refused(StaleMapping)

    def _put(self, host: str, cell: str | None) -> None:
        assert self._open
        old = self.hosts.pop(host, (None, 0))[0]
        if cell is not None:
            self.hosts[host] = (cell, self._open.revision)
        self._note_host(self._open, host, old, cell)

    def _note_what_differs(self, changes: Changeset, before: dict[str, tuple[str, int]]) -> bool:
        """Record only the first and the last cell of a host in a bulk call."""
        wrote = False
        for host, (cell, _) in list(self.hosts.items()):
            old = before.get(host)
            if old and old[0] == cell:
                self.hosts[host] = old
            elif old is None or old[0] != cell:
                self._note_host(changes, host, old and old[0], cell)
                wrote = True
        return wrote

    def _note_host(self, changes: Changeset, host: str, old: str | None, new: str | None) -> None:
        first = changes.hosts.pop(host, (old, None))[0]
        if first is not None or new is not None:
            changes.hosts[host] = (first, new)

    def _note_cell(self, changes: Changeset, uuid: str, *, was: bool) -> None:
        existed = changes.cells.pop(uuid, (was, True))[0]
        if existed or uuid in self.cells:
            changes.cells[uuid] = (existed, uuid in self.cells)
