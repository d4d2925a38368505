"""The declared shape of the tables, the same for every database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """The columns of a table, with whether they are nullable, and its keys and indexes."""

    columns: tuple[tuple[str, bool], ...]
    primary_key: tuple[str, ...]
    unique: frozenset[tuple[str, ...]] = frozenset()
    indexes: frozenset[tuple[str, ...]] = frozenset()
    references: frozenset[tuple[str, str, str]] = frozenset()
    """(column, referenced table, referenced column)."""


def columns(required: str, nullable: str = "") -> tuple[tuple[str, bool], ...]:
    """Return the columns in the order of their names."""
    named = [(name, False) for name in required.split()]
    return tuple(sorted(named + [(name, True) for name in nullable.split()]))


DECLARED = {
    "cell_mapping": Table(
        columns(
            "uuid name disabled revision created_at",
            "transport_url database_connection updated_at",
        ),
        ("uuid",),
        unique=frozenset({("name",)}),
    ),
    "host_mapping": Table(
        columns("host cell_uuid revision created_at", "updated_at"),
        ("host",),
        indexes=frozenset({("cell_uuid", "host")}),
        references=frozenset({("cell_uuid", "cell_mapping", "uuid")}),
    ),
    "mapping_revision": Table(columns("id revision pruned_revision"), ("id",)),
    "mapping_changeset": Table(
        columns("revision change_id created_at", "author reason"),
        ("revision",),
        unique=frozenset({("change_id",)}),
    ),
    "host_mapping_change": Table(
        columns("revision host", "old_cell_uuid new_cell_uuid"),
        ("revision", "host"),
        indexes=frozenset({("host", "revision")}),
    ),
    "cell_mapping_change": Table(columns("revision cell_uuid action"), ("revision", "cell_uuid")),
}
"""The tables that the migrations make."""
