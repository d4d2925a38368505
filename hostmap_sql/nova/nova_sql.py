"""Every SQL statement on Nova's databases, in the same common form as ``hostmap_sql.sql``."""

from __future__ import annotations

from hostmap_sql.sql.statement import IN_HOSTS, IN_NUMBERS, Statement

# --- reading the API database -------------------------------------------------------------

# List all cells, in the order of the primary key.
CELLS = Statement(
    "cells",
    """
SELECT uuid, name, transport_url, database_connection, disabled
  FROM cell_mappings
 ORDER BY id""",
)

# List all hosts with the UUIDs of their cells, in the order of the primary key.
HOSTS = Statement(
    "hosts",
    """
SELECT host.host, cell.uuid
  FROM host_mappings host
  JOIN cell_mappings cell ON cell.id = host.cell_id
 ORDER BY host.id""",
)

# --- the database of a cell ---------------------------------------------------------------

# List all compute nodes, in a full scan.
# There is no GROUP BY host, because Nova's MySQL tables equate names that differ only by case.
COMPUTE_NODES = Statement(
    "compute_nodes",
    """
SELECT id, host, mapped
  FROM compute_nodes
 WHERE deleted = 0 AND host IS NOT NULL""",
)

# List the hosts of all nova-compute services, in a full scan.
COMPUTE_SERVICES = Statement(
    "compute_services",
    """
SELECT service.host
  FROM services service
 WHERE service.deleted = 0 AND service.binary = 'nova-compute' AND service.host IS NOT NULL""",
)

# Mark compute nodes as mapped, by primary key.
# Not by host, because MySQL would also mark names that differ only by case. Marked nodes are left
# out, because PostgreSQL would rewrite them elsewhere in the table, and two processes that mark the
# same nodes would lock them in different orders and deadlock.
COMPUTE_NODES_MARK = Statement(
    "compute_nodes_mark",
    f"""
UPDATE compute_nodes
   SET mapped = 1
 WHERE id {IN_NUMBERS} AND (mapped IS NULL OR mapped = 0)""",
)

# --- writing the API database: cells ------------------------------------------------------

# List all cells with their ids and newest times, in the order of the primary key.
CELL_ROWS = Statement(
    "cell_rows",
    """
SELECT id, uuid, name, transport_url, database_connection, disabled,
       COALESCE(updated_at, created_at)
  FROM cell_mappings
 ORDER BY id""",
)

# Lock one cell and read it again, by the index uniq_cell_mappings0uuid.
CELL_ROW_LOCK = Statement(
    "cell_row_lock",
    """
SELECT id, uuid, name, transport_url, database_connection, disabled,
       COALESCE(updated_at, created_at)
  FROM cell_mappings
 WHERE uuid = %(uuid)s
   FOR UPDATE""",
)

# Count the hosts of one cell, by the index cell_id, which PostgreSQL lacks.
CELL_ROW_HOSTS = Statement(
    "cell_row_hosts",
    """
SELECT COUNT(*)
  FROM host_mappings
 WHERE cell_id = %(id)s""",
)

# Count the instances of one cell, by the index cell_id, which PostgreSQL lacks.
CELL_ROW_INSTANCES = Statement(
    "cell_row_instances",
    """
SELECT COUNT(*)
  FROM instance_mappings
 WHERE cell_id = %(id)s""",
)

# Insert one cell.
CELL_ROW_INSERT = Statement(
    "cell_row_insert",
    """
INSERT INTO cell_mappings
       (created_at, uuid, name, transport_url, database_connection, disabled)
VALUES (%(now)s, %(uuid)s, %(name)s, %(transport_url)s, %(database_connection)s, %(disabled)s)""",
    holds_secrets=True,
)

# Update one cell, by primary key.
CELL_ROW_UPDATE = Statement(
    "cell_row_update",
    """
UPDATE cell_mappings
   SET name = %(name)s,
       transport_url = %(transport_url)s,
       database_connection = %(database_connection)s,
       disabled = %(disabled)s,
       updated_at = %(now)s
 WHERE id = %(id)s AND uuid = %(uuid)s""",
    holds_secrets=True,
)

# Delete one cell, by primary key.
CELL_ROW_DELETE = Statement(
    "cell_row_delete",
    """
DELETE FROM cell_mappings
 WHERE id = %(id)s AND uuid = %(uuid)s""",
    changes_secrets=True,
)

# --- writing the API database: hosts ------------------------------------------------------

# List all hosts with their ids and newest times, in the order of the primary key.
HOST_ROWS = Statement(
    "host_rows",
    """
SELECT id, host, cell_id, COALESCE(updated_at, created_at)
  FROM host_mappings
 ORDER BY id""",
)

# Lock many hosts and read them again, by primary key.
HOST_ROWS_OF_IDS = Statement(
    "host_rows_of_ids",
    f"""
SELECT id, host, cell_id, COALESCE(updated_at, created_at)
  FROM host_mappings
 WHERE id {IN_NUMBERS}
   FOR UPDATE""",
)

# Look up which of these hosts exist, by the index uniq_host_mappings0host.
# Names are compared by the collation of the column, which in MySQL ignores case.
HOSTS_LIKE = Statement(
    "hosts_like",
    f"""
SELECT host
  FROM host_mappings
 WHERE host {IN_HOSTS}""",
)

# Compare two names by the collation of host_mappings.host, by primary key.
# No row has a negative id: the subquery gives NULL, and its collation to the comparison.
SAME_HOST = Statement(
    "same_host",
    """
SELECT COALESCE((SELECT host FROM host_mappings WHERE id < 0), %(one)s) = %(other)s""",
)

# Insert one host.
HOST_ROW_INSERT = Statement(
    "host_row_insert",
    """
INSERT INTO host_mappings (created_at, cell_id, host)
VALUES (%(now)s, %(cell_id)s, %(host)s)""",
)

# Move many hosts out of one cell, by primary key.
HOST_ROWS_MOVE = Statement(
    "host_rows_move",
    f"""
UPDATE host_mappings
   SET cell_id = %(cell_id)s, updated_at = %(now)s
 WHERE cell_id = %(old_cell_id)s AND id {IN_NUMBERS}""",
)

# Delete many hosts of one cell, by primary key.
HOST_ROWS_DELETE = Statement(
    "host_rows_delete",
    f"""
DELETE FROM host_mappings
 WHERE cell_id = %(old_cell_id)s AND id {IN_NUMBERS}""",
)
