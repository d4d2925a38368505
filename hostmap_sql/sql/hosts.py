"""Statements on `host_mapping`."""

from __future__ import annotations

from hostmap_sql.sql.cells import CELL_COLUMNS
from hostmap_sql.sql.statement import HOSTS_TABLE, IN_HOSTS, Statement

_SELECT_HOST_WITH_CELL = f"""
SELECT host.host, host.revision, host.created_at, host.updated_at,
       {CELL_COLUMNS}
  FROM host_mapping host
  JOIN cell_mapping cell ON cell.uuid = host.cell_uuid"""

_SELECT_PAGE_WITH_CELL = f"""
SELECT page.host, page.revision, page.created_at, page.updated_at,
       {CELL_COLUMNS}"""

# Look up one host with its cell, by the primary keys of both tables.
HOST_GET = Statement(
    "host_get",
    f"""{_SELECT_HOST_WITH_CELL}
 WHERE host.host = %(host)s""",
)

# Look up many hosts with their cells, by the primary keys of both tables.
HOST_GET_MANY = Statement(
    "host_get_many",
    f"""{_SELECT_HOST_WITH_CELL}
 WHERE host.host {IN_HOSTS}""",
)

# Look up only the cell UUIDs of many hosts, by primary key.
HOST_CELLS = Statement(
    "host_cells",
    f"""
SELECT host, cell_uuid
  FROM host_mapping
 WHERE host {IN_HOSTS}""",
)

# List a page of hosts with their cells, in the order of the primary key.
# The subquery limits before the join: MySQL would otherwise join and sort every later host.
HOST_LIST = Statement(
    "host_list",
    f"""{_SELECT_PAGE_WITH_CELL}
  FROM (SELECT host, cell_uuid, revision, created_at, updated_at
          FROM host_mapping
         WHERE host > %(after)s AND host < %(until)s
         ORDER BY host LIMIT %(limit)s) page
  JOIN cell_mapping cell ON cell.uuid = page.cell_uuid
 ORDER BY page.host""",
)

# List a page of one cell's hosts with the cell, by the index host_mapping_cell_uuid_host.
HOST_LIST_OF_CELL = Statement(
    "host_list_of_cell",
    f"""{_SELECT_PAGE_WITH_CELL}
  FROM (SELECT host, cell_uuid, revision, created_at, updated_at
          FROM host_mapping
         WHERE cell_uuid = %(cell_uuid)s AND host > %(after)s AND host < %(until)s
         ORDER BY host LIMIT %(limit)s) page
  JOIN cell_mapping cell ON cell.uuid = page.cell_uuid
 ORDER BY page.host""",
)

# List a page of hosts without their cells, in the order of the primary key.
# A full iteration reads the few cells once: repeating them in each row costs most of the time.
HOST_PAGE = Statement(
    "host_page",
    """
SELECT host, cell_uuid, revision, created_at, updated_at
  FROM host_mapping
 WHERE host > %(after)s AND host < %(until)s
 ORDER BY host LIMIT %(limit)s""",
)

# List a page of one cell's hosts without the cell, by the index host_mapping_cell_uuid_host.
HOST_PAGE_OF_CELL = Statement(
    "host_page_of_cell",
    """
SELECT host, cell_uuid, revision, created_at, updated_at
  FROM host_mapping
 WHERE cell_uuid = %(cell_uuid)s AND host > %(after)s AND host < %(until)s
 ORDER BY host LIMIT %(limit)s""",
)

# List the names of one cell's first hosts, by the index host_mapping_cell_uuid_host.
HOST_NAMES_OF_CELL = Statement(
    "host_names_of_cell",
    """
SELECT host
  FROM host_mapping
 WHERE cell_uuid = %(cell_uuid)s
 ORDER BY host LIMIT %(limit)s""",
)

# List the names of one cell's next hosts, by the index host_mapping_cell_uuid_host.
HOST_NAMES_PAGE = Statement(
    "host_names_page",
    """
SELECT host
  FROM host_mapping
 WHERE cell_uuid = %(cell_uuid)s AND host > %(after)s
 ORDER BY host LIMIT %(limit)s""",
)

# Insert one host.
HOST_INSERT = Statement(
    "host_insert",
    """
INSERT INTO host_mapping (host, cell_uuid, revision, created_at)
VALUES (%(host)s, %(cell_uuid)s, %(revision)s, %(created_at)s)""",
)

# Insert many hosts of one cell.
# The values that all rows share are sent once.
HOST_INSERT_MANY = Statement(
    "host_insert_many",
    f"""
INSERT INTO host_mapping (host, cell_uuid, revision, created_at)
SELECT hosts.host, %(cell_uuid)s, %(revision)s, %(created_at)s
  FROM {HOSTS_TABLE}""",
)

# Move many hosts to one cell, by primary key.
HOST_MOVE_MANY = Statement(
    "host_move_many",
    f"""
UPDATE host_mapping
   SET cell_uuid = %(cell_uuid)s, revision = %(revision)s, updated_at = %(now)s
 WHERE host {IN_HOSTS}""",
)

# Delete many hosts, by primary key.
HOST_DELETE_MANY = Statement(
    "host_delete_many",
    f"""
DELETE FROM host_mapping
 WHERE host {IN_HOSTS}""",
)
