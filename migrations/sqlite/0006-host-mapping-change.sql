-- What each changeset did to each host. NULL = absent: no old cell, created; no new cell, deleted.
-- No foreign keys: the record outlives the hosts and cells it tells of.
CREATE TABLE host_mapping_change (
    revision      INTEGER NOT NULL,
    host          TEXT    NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    old_cell_uuid TEXT    NULL,
    new_cell_uuid TEXT    NULL,
    PRIMARY KEY (revision, host)
) STRICT, WITHOUT ROWID;

CREATE INDEX host_mapping_change_host_revision ON host_mapping_change (host, revision);
