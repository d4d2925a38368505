"""Every SQL statement on the tables of Nova's databases, named; apart from ours.

They are written in the same common form, and the dialects adapt them in the same way.
"""

from __future__ import annotations

from enum import Enum

from hostmap_sql.statements import IN_HOSTS, IN_NUMBERS


class NovaStatement(Enum):
    """The statements. `name` is what errors call one, `value` its text."""

    # --- the API database ---------------------------------------------------------------------

    CELLS = """
SELECT uuid, name, transport_url, database_connection, disabled
  FROM cell_mappings
 ORDER BY id"""

    HOSTS = """
SELECT h.host, c.uuid
  FROM host_mappings h JOIN cell_mappings c ON c.id = h.cell_id
 ORDER BY h.id"""

    # --- the database of a cell ---------------------------------------------------------------

    # Not grouped by host: Nova's tables in MySQL take two names that differ by case for one.
    COMPUTE_NODES = """
SELECT id, host, mapped
  FROM compute_nodes
 WHERE deleted = 0 AND host IS NOT NULL"""

    COMPUTE_SERVICES = """
SELECT s.host
  FROM services s
 WHERE s.deleted = 0 AND s.binary = 'nova-compute' AND s.host IS NOT NULL"""

    # By id, since by host those of another name might be meant too: see above. And none again: in
    # PostgreSQL a row that was just written lies elsewhere, so of several who mark at once one
    # would take the locks in another order than the next, for a deadlock.
    COMPUTE_NODES_MARK = f"""
UPDATE compute_nodes SET mapped = 1
 WHERE id {IN_NUMBERS} AND (mapped IS NULL OR mapped = 0)"""

    # --- writing to the API database: rows keep their ids --------------------------------------

    CELL_ROWS = """
SELECT id, uuid, name, transport_url, database_connection, disabled,
       COALESCE(updated_at, created_at)
  FROM cell_mappings
 ORDER BY id"""

    HOST_ROWS = """
SELECT id, host, cell_id, COALESCE(updated_at, created_at)
  FROM host_mappings
 ORDER BY id"""

    # Whether the table takes two names for one, by the collation of its column.
    SAME_HOST = """
SELECT COALESCE((SELECT host FROM host_mappings WHERE id < 0), %(one)s) = %(other)s"""

    # Each looks again at what was read before: somebody else may have changed it.
    CELL_ROW_INSERT = """
INSERT INTO cell_mappings
       (created_at, uuid, name, transport_url, database_connection, disabled)
VALUES (%(now)s, %(uuid)s, %(name)s, %(transport_url)s, %(database_connection)s, %(disabled)s)"""

    CELL_ROW_UPDATE = """
UPDATE cell_mappings
   SET name = %(name)s, transport_url = %(transport_url)s,
       database_connection = %(database_connection)s, disabled = %(disabled)s, updated_at = %(now)s
 WHERE id = %(id)s AND uuid = %(uuid)s"""

    CELL_ROW_DELETE = "DELETE FROM cell_mappings WHERE id = %(id)s AND uuid = %(uuid)s"

    CELL_ROW_HOSTS = "SELECT COUNT(*) FROM host_mappings WHERE cell_id = %(id)s"

    CELL_ROW_INSTANCES = "SELECT COUNT(*) FROM instance_mappings WHERE cell_id = %(id)s"

    CELL_ROW_LOCK = """
SELECT id, uuid, name, transport_url, database_connection, disabled,
       COALESCE(updated_at, created_at)
  FROM cell_mappings WHERE uuid = %(uuid)s FOR UPDATE"""

    # As the table compares names, which in MySQL is not exactly.
    HOSTS_LIKE = f"SELECT host FROM host_mappings WHERE host {IN_HOSTS}"

    HOST_ROW_INSERT = """
INSERT INTO host_mappings (created_at, cell_id, host) VALUES (%(now)s, %(cell_id)s, %(host)s)"""

    HOST_ROWS_MOVE = f"""
UPDATE host_mappings SET cell_id = %(cell_id)s, updated_at = %(now)s
 WHERE cell_id = %(old_cell_id)s AND id {IN_NUMBERS}"""

    HOST_ROWS_DELETE = f"""
DELETE FROM host_mappings WHERE cell_id = %(old_cell_id)s AND id {IN_NUMBERS}"""

    HOST_ROWS_OF_IDS = f"""
SELECT id, host, cell_id, COALESCE(updated_at, created_at)
  FROM host_mappings WHERE id {IN_NUMBERS} FOR UPDATE"""
