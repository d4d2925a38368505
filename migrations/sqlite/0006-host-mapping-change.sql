-- The hosts that each changeset changed. A created host has no old cell, a deleted one no new cell.
-- There are no foreign keys: history outlives hosts and cells.
CREATE TABLE host_mapping_change (
    revision      INTEGER NOT NULL,
    host          TEXT    NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    old_cell_uuid TEXT    NULL,
    new_cell_uuid TEXT    NULL,
    PRIMARY KEY (revision, host)
) STRICT, WITHOUT ROWID;

CREATE INDEX host_mapping_change_host_revision ON host_mapping_change (host, revision);
