-- transactional: false
-- The cell of each host. A host that is not mapped has no row: there is no "deleted" column.
CREATE TABLE host_mapping (
    host       VARCHAR(255) NOT NULL,
    cell_uuid  VARCHAR(36)  NOT NULL,
    revision   BIGINT       NOT NULL,
    created_at DATETIME(6)  NOT NULL,
    updated_at DATETIME(6)  NULL,
    PRIMARY KEY (host),
    KEY host_mapping_cell_uuid_host (cell_uuid, host),
    CONSTRAINT host_mapping_cell_uuid_fkey FOREIGN KEY (cell_uuid) REFERENCES cell_mapping (uuid)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
