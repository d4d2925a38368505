-- transactional: false
-- What each changeset did to each host. NULL = absent: no old cell, created; no new cell, deleted.
-- No foreign keys: the record outlives the hosts and cells it tells of.
CREATE TABLE host_mapping_change (
    revision      BIGINT       NOT NULL,
    host          VARCHAR(255) NOT NULL,
    old_cell_uuid VARCHAR(36)  NULL,
    new_cell_uuid VARCHAR(36)  NULL,
    PRIMARY KEY (revision, host),
    KEY host_mapping_change_host_revision (host, revision)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
