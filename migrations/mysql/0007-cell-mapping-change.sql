-- transactional: false
-- The cells that each changeset created, updated or deleted. URLs are not recorded.
CREATE TABLE cell_mapping_change (
    revision  BIGINT      NOT NULL,
    cell_uuid VARCHAR(36) NOT NULL,
    action    VARCHAR(16) NOT NULL,
    PRIMARY KEY (revision, cell_uuid),
    CONSTRAINT cell_mapping_change_action CHECK (action IN ('created', 'updated', 'deleted'))
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
