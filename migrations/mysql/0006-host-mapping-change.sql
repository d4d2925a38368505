-- transactional: false
-- The hosts that each changeset changed. A created host has no old cell, a deleted one no new cell.
-- There are no foreign keys: history outlives hosts and cells.
CREATE TABLE host_mapping_change (
    revision      BIGINT       NOT NULL,
    host          VARCHAR(255) NOT NULL,
    old_cell_uuid VARCHAR(36)  NULL,
    new_cell_uuid VARCHAR(36)  NULL,
    PRIMARY KEY (revision, host),
    KEY host_mapping_change_host_revision (host, revision)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
