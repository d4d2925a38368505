-- One row for each write transaction. change_id is made by the client before it begins.
CREATE TABLE mapping_changeset (
    revision   INTEGER NOT NULL,
    change_id  TEXT    NOT NULL CHECK (length(change_id) = 36),
    author     TEXT    NULL CHECK (length(author) <= 255),
    reason     TEXT    NULL CHECK (length(reason) <= 255),
    created_at TEXT    NOT NULL,
    PRIMARY KEY (revision),
    CONSTRAINT mapping_changeset_change_id_key UNIQUE (change_id)
) STRICT;
