"""Statements on `mapping_changeset`, `host_mapping_change` and `cell_mapping_change`."""

from __future__ import annotations

from hostmap_sql.sql.statement import HOSTS_TABLE, Statement

_SELECT_HOST_CHANGE = """
SELECT host_change.revision, host_change.host,
       host_change.old_cell_uuid, host_change.new_cell_uuid,
       changeset.author, changeset.reason, changeset.created_at
  FROM host_mapping_change host_change
  JOIN mapping_changeset changeset ON changeset.revision = host_change.revision"""

# --- mapping_changeset ----------------------------------------------------------------------

# List a page of changesets, in the order of the primary key.
CHANGESET_LIST = Statement(
    "changeset_list",
    """
SELECT revision, change_id, author, reason, created_at
  FROM mapping_changeset
 WHERE revision > %(after)s
 ORDER BY revision LIMIT %(limit)s""",
)

# Look up the revision of one change_id, by the index mapping_changeset_change_id_key.
CHANGESET_OF_CHANGE_ID = Statement(
    "changeset_of_change_id",
    """
SELECT revision
  FROM mapping_changeset
 WHERE change_id = %(change_id)s""",
)

# Read the change_ids of a range of revisions, by primary key.
CHANGESET_IDS = Statement(
    "changeset_ids",
    """
SELECT revision, change_id
  FROM mapping_changeset
 WHERE revision > %(after)s AND revision <= %(until)s""",
)

# Find the first changeset of a time or later, in a full scan.
# Clients' clocks differ, so a later revision may carry an earlier time.
CHANGESET_FIRST_SINCE = Statement(
    "changeset_first_since",
    """
SELECT MIN(revision)
  FROM mapping_changeset
 WHERE created_at >= %(time)s""",
)

# Insert one changeset.
CHANGESET_INSERT = Statement(
    "changeset_insert",
    """
INSERT INTO mapping_changeset (revision, change_id, author, reason, created_at)
VALUES (%(revision)s, %(change_id)s, %(author)s, %(reason)s, %(created_at)s)""",
)

# Delete the changesets up to a revision, by primary key.
CHANGESET_DELETE = Statement(
    "changeset_delete",
    """
DELETE FROM mapping_changeset
 WHERE revision <= %(until)s""",
    role="pruner",
)

# --- host_mapping_change --------------------------------------------------------------------

# List the host changes of a range of revisions, by the primary keys of both tables.
HOST_CHANGE_LIST = Statement(
    "host_change_list",
    f"""{_SELECT_HOST_CHANGE}
 WHERE host_change.revision > %(after)s AND host_change.revision <= %(until)s
 ORDER BY host_change.revision, host_change.host""",
)

# List all changes of one host, by the index host_mapping_change_host_revision.
HOST_CHANGE_OF_HOST = Statement(
    "host_change_of_host",
    f"""{_SELECT_HOST_CHANGE}
 WHERE host_change.host = %(host)s
 ORDER BY host_change.revision""",
)

# List a page of one host's changes, by the index host_mapping_change_host_revision.
# The subquery limits before the join, as in HOST_LIST. It sorts by both columns of the index: by
# the revision alone, a database may scan the primary key instead.
HOST_CHANGE_PAGE_OF_HOST = Statement(
    "host_change_page_of_host",
    """
SELECT page.revision, page.host, page.old_cell_uuid, page.new_cell_uuid,
       changeset.author, changeset.reason, changeset.created_at, changeset.change_id
  FROM (SELECT revision, host, old_cell_uuid, new_cell_uuid
          FROM host_mapping_change
         WHERE host = %(host)s AND revision > %(after)s AND revision <= %(until)s
         ORDER BY host, revision LIMIT %(limit)s) page
  JOIN mapping_changeset changeset ON changeset.revision = page.revision
 ORDER BY page.revision""",
)

# List the hosts that a range of revisions changed, with their new cells, by primary key.
# A host may come more than once: its last row counts.
HOST_CHANGE_TARGETS = Statement(
    "host_change_targets",
    """
SELECT host, new_cell_uuid
  FROM host_mapping_change
 WHERE revision > %(after)s AND revision <= %(until)s
 ORDER BY revision, host""",
)

# Find the revision of the first host change beyond a page, in the order of the primary key.
HOST_CHANGE_BEYOND = Statement(
    "host_change_beyond",
    """
SELECT revision
  FROM host_mapping_change
 WHERE revision > %(after)s
 ORDER BY revision, host LIMIT 1 OFFSET %(size)s""",
)

# Insert one host change.
HOST_CHANGE_INSERT = Statement(
    "host_change_insert",
    """
INSERT INTO host_mapping_change (revision, host, old_cell_uuid, new_cell_uuid)
VALUES (%(revision)s, %(host)s, %(old_cell_uuid)s, %(new_cell_uuid)s)""",
)

# Insert the same change of many hosts.
HOST_CHANGE_INSERT_MANY = Statement(
    "host_change_insert_many",
    f"""
INSERT INTO host_mapping_change (revision, host, old_cell_uuid, new_cell_uuid)
SELECT %(revision)s, hosts.host, %(old_cell_uuid)s, %(new_cell_uuid)s
  FROM {HOSTS_TABLE}""",
)

# Delete the host changes up to a revision, by primary key.
HOST_CHANGE_DELETE = Statement(
    "host_change_delete",
    """
DELETE FROM host_mapping_change
 WHERE revision <= %(until)s""",
    role="pruner",
)

# --- cell_mapping_change --------------------------------------------------------------------

# List the cell changes of a range of revisions, by primary key.
CELL_CHANGE_LIST = Statement(
    "cell_change_list",
    """
SELECT revision, cell_uuid, action
  FROM cell_mapping_change
 WHERE revision > %(after)s AND revision <= %(until)s
 ORDER BY revision, cell_uuid""",
)

# List all changes of one cell, in a full scan: cells change rarely.
CELL_CHANGE_OF_CELL = Statement(
    "cell_change_of_cell",
    """
SELECT changeset.revision, changeset.change_id, changeset.author, changeset.reason,
       changeset.created_at, cell_change.action, cell_change.cell_uuid
  FROM cell_mapping_change cell_change
  JOIN mapping_changeset changeset ON changeset.revision = cell_change.revision
 WHERE cell_change.cell_uuid = %(cell_uuid)s
 ORDER BY cell_change.revision""",
)

# Insert one cell change.
CELL_CHANGE_INSERT = Statement(
    "cell_change_insert",
    """
INSERT INTO cell_mapping_change (revision, cell_uuid, action)
VALUES (%(revision)s, %(cell_uuid)s, %(action)s)""",
)

# Delete the cell changes up to a revision, by primary key.
CELL_CHANGE_DELETE = Statement(
    "cell_change_delete",
    """
DELETE FROM cell_mapping_change
 WHERE revision <= %(until)s""",
    role="pruner",
)
