-- The hosts that each changeset changed. A created host has no old cell, a deleted one no new cell.
-- There are no foreign keys: history outlives hosts and cells.
CREATE TABLE host_mapping_change (
    revision      BIGINT                   NOT NULL,
    host          VARCHAR(255) COLLATE "C" NOT NULL,
    old_cell_uuid VARCHAR(36)  COLLATE "C" NULL,
    new_cell_uuid VARCHAR(36)  COLLATE "C" NULL,
    CONSTRAINT host_mapping_change_pkey PRIMARY KEY (revision, host)
);

CREATE INDEX host_mapping_change_host_revision ON host_mapping_change (host, revision);
