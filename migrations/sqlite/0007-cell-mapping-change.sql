-- The cells that each changeset created, updated or deleted. URLs are not recorded.
CREATE TABLE cell_mapping_change (
    revision  INTEGER NOT NULL,
    cell_uuid TEXT    NOT NULL CHECK (length(cell_uuid) = 36),
    action    TEXT    NOT NULL,
    PRIMARY KEY (revision, cell_uuid),
    CONSTRAINT cell_mapping_change_action CHECK (action IN ('created', 'updated', 'deleted'))
) STRICT, WITHOUT ROWID;
