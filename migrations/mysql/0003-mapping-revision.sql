-- transactional: false
-- The only row is the lock of all writers: each write first increments its revision.
CREATE TABLE mapping_revision (
    id              INT    NOT NULL,
    revision        BIGINT NOT NULL,
    pruned_revision BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT mapping_revision_one_row CHECK (id = 1)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
