-- One row for each write transaction. The client makes change_id before the transaction begins.
CREATE TABLE mapping_changeset (
    revision   BIGINT                   NOT NULL,
    change_id  VARCHAR(36)  COLLATE "C" NOT NULL,
    author     VARCHAR(255) COLLATE "C" NULL,
    reason     VARCHAR(255) COLLATE "C" NULL,
    created_at TIMESTAMP(6) WITH TIME ZONE NOT NULL,
    CONSTRAINT mapping_changeset_pkey PRIMARY KEY (revision),
    CONSTRAINT mapping_changeset_change_id_key UNIQUE (change_id)
);
