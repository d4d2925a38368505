-- The cell of each host. A host that is not mapped has no row: there is no "deleted" column.
CREATE TABLE host_mapping (
    host       VARCHAR(255) COLLATE "C" NOT NULL,
    cell_uuid  VARCHAR(36)  COLLATE "C" NOT NULL,
    revision   BIGINT                   NOT NULL,
    created_at TIMESTAMP(6) WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP(6) WITH TIME ZONE NULL,
    CONSTRAINT host_mapping_pkey PRIMARY KEY (host),
    CONSTRAINT host_mapping_cell_uuid_fkey FOREIGN KEY (cell_uuid) REFERENCES cell_mapping (uuid)
);

CREATE INDEX host_mapping_cell_uuid_host ON host_mapping (cell_uuid, host);
