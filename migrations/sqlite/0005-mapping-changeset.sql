-- One row for each write transaction. The client makes change_id before the transaction begins.
CREATE TABLE mapping_changeset (
    revision   INTEGER NOT NULL,
    change_id  TEXT    NOT NULL CHECK (length(change_id) = 36),
    author     TEXT    NULL CHECK (length(author) <= 255),
    reason     TEXT    NULL CHECK (length(reason) <= 255),
    created_at TEXT    NOT NULL,
    PRIMARY KEY (revision),
    CONSTRAINT mapping_changeset_change_id_key UNIQUE (change_id)
) STRICT;
