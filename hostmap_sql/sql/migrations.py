"""Statements on `_yoyo_migration`, yoyo's own table."""

from __future__ import annotations

from hostmap_sql.sql.statement import Statement

# List the migrations that are applied, in the order of the primary key.
MIGRATIONS_APPLIED = Statement(
    "migrations_applied",
    """
SELECT migration_id
  FROM _yoyo_migration
 ORDER BY migration_hash""",
)
