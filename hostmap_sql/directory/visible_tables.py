"""The tables that a check can read: those that exist and that its account may read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hostmap_sql.directory.finding import Finding
from hostmap_sql.models import URL_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hostmap_sql.engine.session import ReadTransaction


# The columns that the check reads.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "cell_mapping": (
        "uuid",
        "name",
        *URL_FIELDS,
        "disabled",
        "revision",
        "created_at",
        "updated_at",
    ),
    "host_mapping": ("host", "cell_uuid", "revision"),
    "mapping_revision": ("id", "revision", "pruned_revision"),
    "mapping_changeset": ("revision",),
    "host_mapping_change": ("revision", "host", "new_cell_uuid"),
    "cell_mapping_change": ("revision", "cell_uuid", "action"),
}


class VisibleTables:
    """Finds out which tables exist, and which of them the account may read."""

    def __init__(self, snapshot: ReadTransaction) -> None:
        self._snapshot = snapshot
        self.are_complete = True
        """Whether all tables exist."""
        self.hidden: set[str] = set()
        """The tables that the account may not read, or may read only in part."""

    def findings(self) -> Iterator[Finding]:
        """Yield a finding for each missing table, then one for each that may not be read."""
        refused: list[Finding] = []
        for table, columns in _COLUMNS.items():
            readable = self._snapshot.readable_columns(table)
            if readable is None:
                self.are_complete = False
                problem = (
                    f"table {table} is missing, although its migration is recorded as applied: "
                    "restore it from a backup"
                )
                yield Finding("schema", problem)
            else:
                refused += self._refused(table, [c for c in columns if c not in readable], readable)
        for schema in self._snapshot.open_schemas():
            problem = (
                f"every account may create tables, functions and operators in the schema {schema}, "
                "where this account looks for the directory: "
                f"run REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC"
            )
            yield Finding("schema-open", problem)
        yield from refused

    def _refused(
        self, table: str, missing: list[str], readable: frozenset[str]
    ) -> Iterator[Finding]:
        if not self._snapshot.urls:
            missing = [column for column in missing if column not in URL_FIELDS]
        if not missing:
            return
        if set(missing) <= {*URL_FIELDS}:
            self._snapshot.leave_out_urls()
        else:
            self.hidden.add(table)
        columns = f"the columns {', '.join(missing)} of " if readable else ""
        problem = (
            f"this account may not read {columns}table {table}, so some checks were skipped: "
            "`hostmap grants --role lookup --urls` prints the statements to run"
        )
        yield Finding("not-permitted", problem)
