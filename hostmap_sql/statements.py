"""Every SQL statement, named, from top to bottom: what the library can ever ask of a database.

They are written in the form that PostgreSQL runs as it stands. A dialect replaces the few that its
database wants otherwise (`overrides` in each module of `dialects/`); SQLite's placeholders are
rewritten once. A statement's name travels to logs and errors.

Readers take no locks. Writers run under the lock of REVISION_TAKE, which each of them takes first,
so what a writer has read stays true until its commit.
"""

from __future__ import annotations

from enum import Enum

# Many hosts are one parameter. How the common form says "one of these hosts", and how it makes of
# them the table `hosts`; each dialect may say it in its own way. No name holds the end of a line.
IN_HOSTS = "= ANY(string_to_array(%(hosts)s, E'\\n'))"
HOSTS_TABLE = "unnest(string_to_array(%(hosts)s, E'\\n')) AS hosts (host)"
IN_NUMBERS = "= ANY(%(numbers)s)"

_CELL_COLUMNS = """c.uuid, c.name, c.transport_url, c.database_connection, c.disabled,
       c.revision, c.created_at, c.updated_at"""

_CELL = f"""
SELECT {_CELL_COLUMNS}
  FROM cell_mapping c"""

_HOST_WITH_CELL = f"""
SELECT h.host, h.revision, h.created_at, h.updated_at,
       {_CELL_COLUMNS}
  FROM host_mapping h JOIN cell_mapping c ON c.uuid = h.cell_uuid"""

_PAGE_WITH_CELL = f"""
SELECT page.host, page.revision, page.created_at, page.updated_at,
       {_CELL_COLUMNS}"""

_HOST_CHANGE = """
SELECT x.revision, x.host, x.old_cell_uuid, x.new_cell_uuid, s.author, s.reason, s.created_at
  FROM host_mapping_change x JOIN mapping_changeset s ON s.revision = x.revision"""


class Statement(Enum):
    """The statements. `name` is what logs and errors call one, `value` its text."""

    # --- hosts: reading -----------------------------------------------------------------------

    HOST_GET = f"{_HOST_WITH_CELL}\n WHERE h.host = %(host)s"

    HOST_GET_MANY = f"{_HOST_WITH_CELL}\n WHERE h.host {IN_HOSTS}"

    # A page after a host name: the index gives the order, whatever comes or goes between two pages.
    # The page is taken before the join: MySQL would join all that follow and sort them, each time.
    HOST_LIST = f"""{_PAGE_WITH_CELL}
  FROM (SELECT host, cell_uuid, revision, created_at, updated_at
          FROM host_mapping
         WHERE host > %(after)s AND host < %(until)s
         ORDER BY host LIMIT %(limit)s) page
  JOIN cell_mapping c ON c.uuid = page.cell_uuid
 ORDER BY page.host"""

    HOST_LIST_OF_CELL = f"""{_PAGE_WITH_CELL}
  FROM (SELECT host, cell_uuid, revision, created_at, updated_at
          FROM host_mapping
         WHERE cell_uuid = %(cell_uuid)s AND host > %(after)s AND host < %(until)s
         ORDER BY host LIMIT %(limit)s) page
  JOIN cell_mapping c ON c.uuid = page.cell_uuid
 ORDER BY page.host"""

    # The same pages alone, for those who read all of them: the cells of the hosts are few, and most
    # of what a page with its cells takes is to read them again in each row.
    HOST_PAGE = """
SELECT host, cell_uuid, revision, created_at, updated_at
  FROM host_mapping
 WHERE host > %(after)s AND host < %(until)s
 ORDER BY host LIMIT %(limit)s"""

    HOST_PAGE_OF_CELL = """
SELECT host, cell_uuid, revision, created_at, updated_at
  FROM host_mapping
 WHERE cell_uuid = %(cell_uuid)s AND host > %(after)s AND host < %(until)s
 ORDER BY host LIMIT %(limit)s"""

    # --- hosts: writing -----------------------------------------------------------------------

    # Where many hosts are now.
    HOST_CELLS = f"SELECT host, cell_uuid FROM host_mapping WHERE host {IN_HOSTS}"

    HOST_NAMES_OF_CELL = """
SELECT host FROM host_mapping
 WHERE cell_uuid = %(cell_uuid)s
 ORDER BY host LIMIT %(limit)s"""

    HOST_NAMES_PAGE = """
SELECT host FROM host_mapping
 WHERE cell_uuid = %(cell_uuid)s AND host > %(after)s
 ORDER BY host LIMIT %(limit)s"""

    # What was just created has no updated_at.
    HOST_INSERT = """
INSERT INTO host_mapping (host, cell_uuid, revision, created_at)
VALUES (%(host)s, %(cell_uuid)s, %(revision)s, %(created_at)s)"""

    # Many hosts of one cell: what is alike in all rows is sent once.
    HOST_INSERT_MANY = f"""
INSERT INTO host_mapping (host, cell_uuid, revision, created_at)
SELECT hosts.host, %(cell_uuid)s, %(revision)s, %(created_at)s
  FROM {HOSTS_TABLE}"""

    HOST_MOVE_MANY = f"""
UPDATE host_mapping SET cell_uuid = %(cell_uuid)s, revision = %(revision)s, updated_at = %(now)s
 WHERE host {IN_HOSTS}"""

    HOST_DELETE_MANY = f"DELETE FROM host_mapping WHERE host {IN_HOSTS}"

    # --- cells --------------------------------------------------------------------------------

    CELL_GET = f"{_CELL}\n WHERE c.uuid = %(uuid)s"

    CELL_GET_BY_NAME = f"{_CELL}\n WHERE c.name = %(name)s"

    CELL_LIST = f"{_CELL}\n ORDER BY c.name"

    CELL_HOST_COUNTS = """
SELECT c.uuid, COUNT(h.host)
  FROM cell_mapping c LEFT JOIN host_mapping h ON h.cell_uuid = c.uuid
 GROUP BY c.uuid"""

    CELL_HOST_COUNT = "SELECT COUNT(*) FROM host_mapping WHERE cell_uuid = %(uuid)s"

    # Who has the UUID or the name that a new or renamed cell is to have.
    CELL_TAKEN = "SELECT uuid FROM cell_mapping WHERE uuid = %(uuid)s OR name = %(name)s"

    CELL_INSERT = """
INSERT INTO cell_mapping (uuid, name, transport_url, database_connection, disabled,
                          revision, created_at)
VALUES (%(uuid)s, %(name)s, %(transport_url)s, %(database_connection)s, %(disabled)s,
        %(revision)s, %(created_at)s)"""

    CELL_UPDATE = """
UPDATE cell_mapping
   SET name = %(name)s, transport_url = %(transport_url)s,
       database_connection = %(database_connection)s, disabled = %(disabled)s,
       revision = %(revision)s, updated_at = %(updated_at)s
 WHERE uuid = %(uuid)s"""

    CELL_DELETE = "DELETE FROM cell_mapping WHERE uuid = %(uuid)s"

    # --- the revision: every write takes it first and holds it to its end ---------------------

    REVISION_TAKE = """
UPDATE mapping_revision SET revision = revision + 1 WHERE id = 1 RETURNING revision"""

    REVISION_GET = "SELECT revision, pruned_revision FROM mapping_revision WHERE id = 1"

    # Whether a copy of this revision is the newest, and whether it was this very change.
    REVISION_POLL = """
SELECT r.revision, r.pruned_revision, s.change_id
  FROM mapping_revision r LEFT JOIN mapping_changeset s ON s.revision = %(revision)s
 WHERE r.id = 1"""

    # The lock of all writers, and nothing written: whoever holds it waits for nobody's commit.
    REVISION_LOCK = """
SELECT revision, pruned_revision FROM mapping_revision WHERE id = 1 FOR UPDATE"""

    REVISION_PRUNE = """
UPDATE mapping_revision SET pruned_revision = %(pruned_revision)s
 WHERE id = 1 AND pruned_revision < %(pruned_revision)s"""

    # --- the record of changes ----------------------------------------------------------------

    CHANGESET_INSERT = """
INSERT INTO mapping_changeset (revision, change_id, author, reason, created_at)
VALUES (%(revision)s, %(change_id)s, %(author)s, %(reason)s, %(created_at)s)"""

    HOST_CHANGE_INSERT = """
INSERT INTO host_mapping_change (revision, host, old_cell_uuid, new_cell_uuid)
VALUES (%(revision)s, %(host)s, %(old_cell_uuid)s, %(new_cell_uuid)s)"""

    # Many hosts whose change was the same.
    HOST_CHANGE_INSERT_MANY = f"""
INSERT INTO host_mapping_change (revision, host, old_cell_uuid, new_cell_uuid)
SELECT %(revision)s, hosts.host, %(old_cell_uuid)s, %(new_cell_uuid)s
  FROM {HOSTS_TABLE}"""

    CELL_CHANGE_INSERT = """
INSERT INTO cell_mapping_change (revision, cell_uuid, action)
VALUES (%(revision)s, %(cell_uuid)s, %(action)s)"""

    CHANGESET_OF_CHANGE_ID = """
SELECT revision FROM mapping_changeset WHERE change_id = %(change_id)s"""

    CHANGESET_LIST = """
SELECT revision, change_id, author, reason, created_at
  FROM mapping_changeset WHERE revision > %(after)s
 ORDER BY revision LIMIT %(limit)s"""

    HOST_CHANGE_OF_HOST = f"{_HOST_CHANGE}\n WHERE x.host = %(host)s ORDER BY x.revision"

    # A page of the same, with the changeset; taken before the join, as HOST_LIST is. Its order is
    # that of the index, so that no database reads all changes in the order of their revisions.
    HOST_CHANGE_PAGE_OF_HOST = """
SELECT page.revision, page.host, page.old_cell_uuid, page.new_cell_uuid,
       s.author, s.reason, s.created_at, s.change_id
  FROM (SELECT revision, host, old_cell_uuid, new_cell_uuid
          FROM host_mapping_change
         WHERE host = %(host)s AND revision > %(after)s AND revision <= %(until)s
         ORDER BY host, revision LIMIT %(limit)s) page
  JOIN mapping_changeset s ON s.revision = page.revision
 ORDER BY page.revision"""

    HOST_CHANGE_LIST = f"""{_HOST_CHANGE}
 WHERE x.revision > %(after)s AND x.revision <= %(until)s
 ORDER BY x.revision, x.host"""

    # Where hosts went; of the same host, the last one counts.
    HOST_CHANGE_TARGETS = """
SELECT host, new_cell_uuid FROM host_mapping_change
 WHERE revision > %(after)s AND revision <= %(until)s
 ORDER BY revision, host"""

    # The revision in which the host comes that is one too many for a page.
    HOST_CHANGE_BEYOND = """
SELECT revision FROM host_mapping_change WHERE revision > %(after)s
 ORDER BY revision, host LIMIT 1 OFFSET %(size)s"""

    CELL_CHANGE_LIST = """
SELECT revision, cell_uuid, action
  FROM cell_mapping_change WHERE revision > %(after)s AND revision <= %(until)s
 ORDER BY revision, cell_uuid"""

    # Cells change so seldom that all changes of cells are read for it.
    CELL_CHANGE_OF_CELL = """
SELECT s.revision, s.change_id, s.author, s.reason, s.created_at, x.action, x.cell_uuid
  FROM cell_mapping_change x
  JOIN mapping_changeset s ON s.revision = x.revision
 WHERE x.cell_uuid = %(cell_uuid)s ORDER BY x.revision"""

    # --- pruning the record -------------------------------------------------------------------

    # The first changeset that is not older than a time. Clocks differ: one that is counts as kept
    # from there on, even where a later one says an earlier time.
    CHANGESET_FIRST_SINCE = """
SELECT MIN(revision) FROM mapping_changeset WHERE created_at >= %(time)s"""

    CHANGESET_DELETE = "DELETE FROM mapping_changeset WHERE revision <= %(until)s"

    HOST_CHANGE_DELETE = "DELETE FROM host_mapping_change WHERE revision <= %(until)s"

    CELL_CHANGE_DELETE = "DELETE FROM cell_mapping_change WHERE revision <= %(until)s"

    # --- checking, in one snapshot: each finds what should not be there -----------------------

    # Exactly one row, if all is well.
    REVISION_ROWS = """
SELECT id, revision, pruned_revision FROM mapping_revision ORDER BY id LIMIT %(limit)s"""

    CHANGESET_SPAN = """
SELECT MIN(revision), MAX(revision) FROM mapping_changeset WHERE revision > %(after)s"""

    # The first and the last of the revisions that are missing after one that is there.
    CHANGESET_GAPS = """
SELECT s.revision + 1,
       (SELECT MIN(n.revision) - 1 FROM mapping_changeset n WHERE n.revision > s.revision)
  FROM mapping_changeset s
 WHERE s.revision > %(pruned)s AND s.revision < %(newest)s
   AND NOT EXISTS (SELECT 1 FROM mapping_changeset f WHERE f.revision = (s.revision + 1))
 ORDER BY s.revision LIMIT %(limit)s"""

    CHANGESET_EMPTY = """
SELECT s.revision
  FROM mapping_changeset s
 WHERE NOT EXISTS (SELECT 1 FROM host_mapping_change x WHERE x.revision = s.revision)
   AND NOT EXISTS (SELECT 1 FROM cell_mapping_change x WHERE x.revision = s.revision)
 ORDER BY s.revision LIMIT %(limit)s"""

    HOST_CHANGE_ORPHANS = """
SELECT x.revision, COUNT(*)
  FROM host_mapping_change x
 WHERE NOT EXISTS (SELECT 1 FROM mapping_changeset s WHERE s.revision = x.revision)
 GROUP BY x.revision ORDER BY x.revision LIMIT %(limit)s"""

    CELL_CHANGE_ORPHANS = """
SELECT x.revision, COUNT(*)
  FROM cell_mapping_change x
 WHERE NOT EXISTS (SELECT 1 FROM mapping_changeset s WHERE s.revision = x.revision)
 GROUP BY x.revision ORDER BY x.revision LIMIT %(limit)s"""

    HOST_ORPHANS = """
SELECT h.host, h.cell_uuid
  FROM host_mapping h
 WHERE NOT EXISTS (SELECT 1 FROM cell_mapping c WHERE c.uuid = h.cell_uuid)
 ORDER BY h.host LIMIT %(limit)s"""

    # All names, page by page: which of them are valid, no SQL can tell. The first page has no lower
    # bound: what is not valid may come before the empty name.
    HOST_NAMES_FIRST = "SELECT host FROM host_mapping ORDER BY host LIMIT %(limit)s"

    HOST_NAMES_AFTER = """
SELECT host FROM host_mapping WHERE host > %(after)s ORDER BY host LIMIT %(limit)s"""

    # Rows whose revision has no change of the host; what was pruned may have told of it. Here and
    # in HOST_MISSING it is a join: of NOT EXISTS MariaDB makes a table of all changes, in ten times
    # the time.
    HOST_UNRECORDED = """
SELECT h.host, h.cell_uuid, h.revision
  FROM host_mapping h
  LEFT JOIN host_mapping_change x ON x.revision = h.revision AND x.host = h.host
 WHERE (h.revision > %(pruned)s OR h.revision < 1) AND x.host IS NULL
   AND NOT EXISTS (SELECT 1 FROM host_mapping_change l
                    WHERE l.host = h.host AND l.revision > h.revision)
 ORDER BY h.host LIMIT %(limit)s"""

    # Rows whose revision has a change of the host to another cell, or to none.
    HOST_DIFFERS = """
SELECT h.host, h.cell_uuid, h.revision, x.new_cell_uuid
  FROM host_mapping h
  JOIN host_mapping_change x ON x.revision = h.revision AND x.host = h.host
 WHERE x.new_cell_uuid IS NULL OR x.new_cell_uuid <> h.cell_uuid
 ORDER BY h.host LIMIT %(limit)s"""

    # Rows that are older than the newest change of their host.
    HOST_OUTDATED = """
SELECT h.host, h.cell_uuid, h.revision, MAX(x.revision)
  FROM host_mapping h
  JOIN host_mapping_change x ON x.host = h.host AND x.revision > h.revision
 GROUP BY h.host, h.cell_uuid, h.revision
 ORDER BY h.host LIMIT %(limit)s"""

    # Hosts that are not there, although the newest change of each says where. Asked for backwards
    # the index tells at once which that is. To see that none is newer, MySQL and MariaDB read, for
    # each change of a host, all the others.
    HOST_MISSING = """
SELECT x.host, x.new_cell_uuid, x.revision
  FROM host_mapping_change x LEFT JOIN host_mapping h ON h.host = x.host
 WHERE x.new_cell_uuid IS NOT NULL AND h.host IS NULL
   AND x.revision = (SELECT l.revision FROM host_mapping_change l
                      WHERE l.host = x.host ORDER BY l.host DESC, l.revision DESC LIMIT 1)
 ORDER BY x.host LIMIT %(limit)s"""

    # As of the hosts; what a cell was changed to is not on record.
    CELL_UNRECORDED = """
SELECT c.uuid, c.name, c.revision
  FROM cell_mapping c
 WHERE (c.revision > %(pruned)s OR c.revision < 1)
   AND NOT EXISTS (SELECT 1 FROM cell_mapping_change x
                    WHERE x.cell_uuid = c.uuid AND x.revision = c.revision
                      AND x.action <> %(deleted)s)
   AND NOT EXISTS (SELECT 1 FROM cell_mapping_change x
                    WHERE x.cell_uuid = c.uuid AND x.revision > c.revision)
 ORDER BY c.name LIMIT %(limit)s"""

    CELL_OUTDATED = """
SELECT c.uuid, c.name, c.revision, MAX(x.revision)
  FROM cell_mapping c
  JOIN cell_mapping_change x ON x.cell_uuid = c.uuid AND x.revision > c.revision
 GROUP BY c.uuid, c.name, c.revision
 ORDER BY c.name LIMIT %(limit)s"""

    CELL_MISSING = """
SELECT x.cell_uuid, x.revision
  FROM cell_mapping_change x
 WHERE x.action <> %(deleted)s
   AND NOT EXISTS (SELECT 1 FROM cell_mapping c WHERE c.uuid = x.cell_uuid)
   AND NOT EXISTS (SELECT 1 FROM cell_mapping_change l
                    WHERE l.cell_uuid = x.cell_uuid AND l.revision > x.revision)
 ORDER BY x.cell_uuid LIMIT %(limit)s"""

    # --- the schema ---------------------------------------------------------------------------

    # The table is yoyo's own: which migrations were applied. In the order of its only index.
    MIGRATIONS_APPLIED = "SELECT migration_id FROM _yoyo_migration ORDER BY migration_hash"


HOLDS_SECRETS = frozenset({Statement.CELL_INSERT, Statement.CELL_UPDATE})
"""Those whose parameters hold passwords: nothing of what the server says of them is shown."""
