"""Every SQL statement on the tables of Nova's databases, named; apart from ours.

They are written in the same common form, and the dialects adapt them in the same way.
"""

from __future__ import annotations

from enum import Enum

from hostmap_sql.statements import IN_NUMBERS


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
