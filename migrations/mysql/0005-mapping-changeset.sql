-- transactional: false
-- One row for each write transaction. The client makes change_id before the transaction begins.
CREATE TABLE mapping_changeset (
    revision   BIGINT       NOT NULL,
    change_id  VARCHAR(36)  NOT NULL,
    author     VARCHAR(255) NULL,
    reason     VARCHAR(255) NULL,
    created_at DATETIME(6)  NOT NULL,
    PRIMARY KEY (revision),
    CONSTRAINT mapping_changeset_change_id_key UNIQUE (change_id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
