-- The cell of each host. A host that is not mapped has no row: there is no "deleted" column.
CREATE TABLE host_mapping (
    host       TEXT    NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    cell_uuid  TEXT    NOT NULL,
    revision   INTEGER NOT NULL,
    created_at TEXT    NOT NULL,
    updated_at TEXT    NULL,
    PRIMARY KEY (host),
    CONSTRAINT host_mapping_cell_uuid_fkey FOREIGN KEY (cell_uuid) REFERENCES cell_mapping (uuid)
) STRICT, WITHOUT ROWID;

CREATE INDEX host_mapping_cell_uuid_host ON host_mapping (cell_uuid, host);
