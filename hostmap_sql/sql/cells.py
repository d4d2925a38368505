"""Statements on `cell_mapping`."""

from __future__ import annotations

from hostmap_sql.sql.statement import URL_COLUMNS, Statement

CELL_COLUMNS = f"""cell.uuid, cell.name, {URL_COLUMNS},
       cell.disabled, cell.revision, cell.created_at, cell.updated_at"""

_SELECT_CELL = f"""
SELECT {CELL_COLUMNS}
  FROM cell_mapping cell"""

# Look up one cell by UUID, by primary key.
CELL_GET = Statement(
    "cell_get",
    f"""{_SELECT_CELL}
 WHERE cell.uuid = %(uuid)s""",
)

# Look up one cell by name, by the index cell_mapping_name_key.
CELL_GET_BY_NAME = Statement(
    "cell_get_by_name",
    f"""{_SELECT_CELL}
 WHERE cell.name = %(name)s""",
)

# List all cells by name, in a full scan: cells are few.
CELL_LIST = Statement(
    "cell_list",
    f"""{_SELECT_CELL}
 ORDER BY cell.name""",
)

# List the UUIDs of cells that have this UUID or name, by primary key and cell_mapping_name_key.
CELL_TAKEN = Statement(
    "cell_taken",
    """
SELECT uuid
  FROM cell_mapping
 WHERE uuid = %(uuid)s OR name = %(name)s""",
)

# Count the hosts of one cell, by the index host_mapping_cell_uuid_host.
CELL_HOST_COUNT = Statement(
    "cell_host_count",
    """
SELECT COUNT(*)
  FROM host_mapping
 WHERE cell_uuid = %(uuid)s""",
)

# Count the hosts of each cell, in a full scan of the index host_mapping_cell_uuid_host.
CELL_HOST_COUNTS = Statement(
    "cell_host_counts",
    """
SELECT cell.uuid, COUNT(host.host)
  FROM cell_mapping cell
  LEFT JOIN host_mapping host ON host.cell_uuid = cell.uuid
 GROUP BY cell.uuid""",
)

# Insert one cell.
CELL_INSERT = Statement(
    "cell_insert",
    """
INSERT INTO cell_mapping
       (uuid, name, transport_url, database_connection, disabled, revision, created_at)
VALUES (%(uuid)s, %(name)s, %(transport_url)s, %(database_connection)s, %(disabled)s,
        %(revision)s, %(created_at)s)""",
    holds_secrets=True,
)

# Update one cell, by primary key.
CELL_UPDATE = Statement(
    "cell_update",
    """
UPDATE cell_mapping
   SET name = %(name)s,
       transport_url = %(transport_url)s,
       database_connection = %(database_connection)s,
       disabled = %(disabled)s,
       revision = %(revision)s,
       updated_at = %(updated_at)s
 WHERE uuid = %(uuid)s""",
    holds_secrets=True,
)

# Delete one cell, by primary key.
CELL_DELETE = Statement(
    "cell_delete",
    """
DELETE FROM cell_mapping
 WHERE uuid = %(uuid)s""",
    changes_secrets=True,
)
