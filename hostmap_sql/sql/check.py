"""Statements of the consistency check, which run in one snapshot.

Each scans a whole table and finds rows that contradict others. Only the lookups for each scanned
row have indexes, named above each statement.
"""

from __future__ import annotations

from hostmap_sql.sql.statement import Statement

# --- mapping_revision and mapping_changeset -------------------------------------------------

# List the rows of mapping_revision, in the order of the primary key: there must be exactly one.
REVISION_ROWS = Statement(
    "revision_rows",
    """
SELECT id, revision, pruned_revision
  FROM mapping_revision
 ORDER BY id LIMIT %(limit)s""",
)

# Find the first and the last changeset after a revision, by primary key.
CHANGESET_SPAN = Statement(
    "changeset_span",
    """
SELECT MIN(revision), MAX(revision)
  FROM mapping_changeset
 WHERE revision > %(after)s""",
)

# Find gaps between the revisions of changesets, by primary key: the first and the last missing.
CHANGESET_GAPS = Statement(
    "changeset_gaps",
    """
SELECT changeset.revision + 1,
       (SELECT MIN(later.revision) - 1
          FROM mapping_changeset later
         WHERE later.revision > changeset.revision)
  FROM mapping_changeset changeset
 WHERE changeset.revision > %(pruned)s AND changeset.revision < %(newest)s
   AND NOT EXISTS (SELECT 1
                     FROM mapping_changeset later
                    WHERE later.revision = (changeset.revision + 1))
 ORDER BY changeset.revision LIMIT %(limit)s""",
)

# Find changesets without changes, by the primary keys of all three tables.
CHANGESET_EMPTY = Statement(
    "changeset_empty",
    """
SELECT changeset.revision
  FROM mapping_changeset changeset
 WHERE NOT EXISTS (SELECT 1
                     FROM host_mapping_change host_change
                    WHERE host_change.revision = changeset.revision)
   AND NOT EXISTS (SELECT 1
                     FROM cell_mapping_change cell_change
                    WHERE cell_change.revision = changeset.revision)
 ORDER BY changeset.revision LIMIT %(limit)s""",
)

# Find host changes without a changeset, by its primary key.
HOST_CHANGE_ORPHANS = Statement(
    "host_change_orphans",
    """
SELECT host_change.revision, COUNT(*)
  FROM host_mapping_change host_change
 WHERE NOT EXISTS (SELECT 1
                     FROM mapping_changeset changeset
                    WHERE changeset.revision = host_change.revision)
 GROUP BY host_change.revision
 ORDER BY host_change.revision LIMIT %(limit)s""",
)

# Find cell changes without a changeset, by its primary key.
CELL_CHANGE_ORPHANS = Statement(
    "cell_change_orphans",
    """
SELECT cell_change.revision, COUNT(*)
  FROM cell_mapping_change cell_change
 WHERE NOT EXISTS (SELECT 1
                     FROM mapping_changeset changeset
                    WHERE changeset.revision = cell_change.revision)
 GROUP BY cell_change.revision
 ORDER BY cell_change.revision LIMIT %(limit)s""",
)

# --- cell_mapping ---------------------------------------------------------------------------

# Find cells whose revision records no change of them, by the primary key of the changes.
# Pruned revisions may have recorded it, and CELL_OUTDATED reports later changes.
CELL_UNRECORDED = Statement(
    "cell_unrecorded",
    """
SELECT cell.uuid, cell.name, cell.revision
  FROM cell_mapping cell
 WHERE (cell.revision > %(pruned)s OR cell.revision < 1)
   AND NOT EXISTS (SELECT 1
                     FROM cell_mapping_change cell_change
                    WHERE cell_change.cell_uuid = cell.uuid
                      AND cell_change.revision = cell.revision
                      AND cell_change.action <> %(deleted)s)
   AND NOT EXISTS (SELECT 1
                     FROM cell_mapping_change later
                    WHERE later.cell_uuid = cell.uuid AND later.revision > cell.revision)
 ORDER BY cell.name LIMIT %(limit)s""",
)

# Find cells older than their newest change, in a full scan of the changes.
CELL_OUTDATED = Statement(
    "cell_outdated",
    """
SELECT cell.uuid, cell.name, cell.revision, MAX(cell_change.revision)
  FROM cell_mapping cell
  JOIN cell_mapping_change cell_change
       ON cell_change.cell_uuid = cell.uuid AND cell_change.revision > cell.revision
 GROUP BY cell.uuid, cell.name, cell.revision
 ORDER BY cell.name LIMIT %(limit)s""",
)

# Find missing cells whose newest change did not delete them, by cell_mapping's primary key.
CELL_MISSING = Statement(
    "cell_missing",
    """
SELECT cell_change.cell_uuid, cell_change.revision
  FROM cell_mapping_change cell_change
 WHERE cell_change.action <> %(deleted)s
   AND NOT EXISTS (SELECT 1
                     FROM cell_mapping cell
                    WHERE cell.uuid = cell_change.cell_uuid)
   AND NOT EXISTS (SELECT 1
                     FROM cell_mapping_change later
                    WHERE later.cell_uuid = cell_change.cell_uuid
                      AND later.revision > cell_change.revision)
 ORDER BY cell_change.cell_uuid LIMIT %(limit)s""",
)

# --- host_mapping ---------------------------------------------------------------------------

# Find hosts without a cell, by cell_mapping's primary key.
HOST_ORPHANS = Statement(
    "host_orphans",
    """
SELECT host.host, host.cell_uuid
  FROM host_mapping host
 WHERE NOT EXISTS (SELECT 1
                     FROM cell_mapping cell
                    WHERE cell.uuid = host.cell_uuid)
 ORDER BY host.host LIMIT %(limit)s""",
)

# List the first page of host names, in the order of the primary key: the library validates them.
# It has no lower bound, because an invalid name may sort before the empty string.
HOST_NAMES_FIRST = Statement(
    "host_names_first",
    """
SELECT host
  FROM host_mapping
 ORDER BY host LIMIT %(limit)s""",
)

# List the next page of host names, in the order of the primary key.
HOST_NAMES_AFTER = Statement(
    "host_names_after",
    """
SELECT host
  FROM host_mapping
 WHERE host > %(after)s
 ORDER BY host LIMIT %(limit)s""",
)

# Find hosts whose revision records no change of them, by the primary key of the changes.
# Pruned revisions may have recorded it, and HOST_OUTDATED reports later changes (found here by the
# index host_mapping_change_host_revision). The outer join replaces a NOT EXISTS, which MariaDB
# would materialize: ten times slower.
HOST_UNRECORDED = Statement(
    "host_unrecorded",
    """
SELECT host.host, host.cell_uuid, host.revision
  FROM host_mapping host
  LEFT JOIN host_mapping_change host_change
       ON host_change.revision = host.revision AND host_change.host = host.host
 WHERE (host.revision > %(pruned)s OR host.revision < 1)
   AND host_change.host IS NULL
   AND NOT EXISTS (SELECT 1
                     FROM host_mapping_change later
                    WHERE later.host = host.host AND later.revision > host.revision)
 ORDER BY host.host LIMIT %(limit)s""",
)

# Find hosts in a cell other than the recorded one, by the primary key of the changes.
HOST_DIFFERS = Statement(
    "host_differs",
    """
SELECT host.host, host.cell_uuid, host.revision, host_change.new_cell_uuid
  FROM host_mapping host
  JOIN host_mapping_change host_change
       ON host_change.revision = host.revision AND host_change.host = host.host
 WHERE host_change.new_cell_uuid IS NULL OR host_change.new_cell_uuid <> host.cell_uuid
 ORDER BY host.host LIMIT %(limit)s""",
)

# Find hosts older than their newest change, by the index host_mapping_change_host_revision.
HOST_OUTDATED = Statement(
    "host_outdated",
    """
SELECT host.host, host.cell_uuid, host.revision, MAX(host_change.revision)
  FROM host_mapping host
  JOIN host_mapping_change host_change
       ON host_change.host = host.host AND host_change.revision > host.revision
 GROUP BY host.host, host.cell_uuid, host.revision
 ORDER BY host.host LIMIT %(limit)s""",
)

# Find missing hosts whose newest change names a cell, by host_mapping_change_host_revision.
# The subquery reads one entry from the end of that index; for a NOT EXISTS, MySQL and MariaDB read
# all changes of a host for each of them. MariaDB would materialize the other NOT EXISTS, too.
HOST_MISSING = Statement(
    "host_missing",
    """
SELECT host_change.host, host_change.new_cell_uuid, host_change.revision
  FROM host_mapping_change host_change
  LEFT JOIN host_mapping host ON host.host = host_change.host
 WHERE host_change.new_cell_uuid IS NOT NULL
   AND host.host IS NULL
   AND host_change.revision = (SELECT later.revision
                                 FROM host_mapping_change later
                                WHERE later.host = host_change.host
                                ORDER BY later.host DESC, later.revision DESC LIMIT 1)
 ORDER BY host_change.host LIMIT %(limit)s""",
)
