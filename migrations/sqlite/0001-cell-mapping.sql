-- The cells, with the URLs by which they are reached.
-- SQLite compares text byte by byte, so names are exact. CHECK constraints limit the lengths.
CREATE TABLE cell_mapping (
    uuid                TEXT    NOT NULL CHECK (length(uuid) = 36),
    name                TEXT    NOT NULL CHECK (length(name) BETWEEN 1 AND 255),
    transport_url       TEXT    NULL,
    database_connection TEXT    NULL,
    disabled            INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    revision            INTEGER NOT NULL,
    created_at          TEXT    NOT NULL,
    updated_at          TEXT    NULL,
    PRIMARY KEY (uuid),
    CONSTRAINT cell_mapping_name_key UNIQUE (name)
) STRICT, WITHOUT ROWID;
