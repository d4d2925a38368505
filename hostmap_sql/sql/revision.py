"""Statements on `mapping_revision`, whose only row is the lock of all writers."""

from __future__ import annotations

from hostmap_sql.sql.statement import Statement

# Read the newest revision and the newest pruned one, by primary key.
REVISION_GET = Statement(
    "revision_get",
    """
SELECT revision, pruned_revision
  FROM mapping_revision
 WHERE id = 1""",
)

# Read the same with the change_id of one revision, by the primary keys of both tables.
# A reader compares the change_id with the one it knows: another one, or none, shows that the
# database was restored from a backup.
REVISION_POLL = Statement(
    "revision_poll",
    """
SELECT latest.revision, latest.pruned_revision, changeset.change_id
  FROM mapping_revision latest
  LEFT JOIN mapping_changeset changeset ON changeset.revision = %(revision)s
 WHERE latest.id = 1""",
)

# Lock the row and take the next revision, by primary key: the first statement of every write.
REVISION_TAKE = Statement(
    "revision_take",
    """
UPDATE mapping_revision
   SET revision = revision + 1
 WHERE id = 1
RETURNING revision""",
)

# Lower the revision by the one just taken, by primary key, so that no number is skipped.
REVISION_GIVE_BACK = Statement(
    "revision_give_back",
    """
UPDATE mapping_revision
   SET revision = revision - 1
 WHERE id = 1""",
)

# Lock the row and write nothing, by primary key, so that the commit waits for no replica.
REVISION_LOCK = Statement(
    "revision_lock",
    """
SELECT revision, pruned_revision
  FROM mapping_revision
 WHERE id = 1
   FOR UPDATE""",
    role="pruner",
)

# Raise the pruned revision, by primary key.
REVISION_PRUNE = Statement(
    "revision_prune",
    """
UPDATE mapping_revision
   SET pruned_revision = %(pruned_revision)s
 WHERE id = 1 AND pruned_revision < %(pruned_revision)s""",
    role="pruner",
)
