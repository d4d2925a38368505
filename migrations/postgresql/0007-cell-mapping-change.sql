-- The cells that each changeset created, updated or deleted. URLs are not recorded.
CREATE TABLE cell_mapping_change (
    revision  BIGINT                  NOT NULL,
    cell_uuid VARCHAR(36) COLLATE "C" NOT NULL,
    action    VARCHAR(16) COLLATE "C" NOT NULL,
    CONSTRAINT cell_mapping_change_pkey PRIMARY KEY (revision, cell_uuid),
    -- IN would take the operator = for VARCHAR of any account that may create one.
    CONSTRAINT cell_mapping_change_action
        CHECK (action OPERATOR(pg_catalog.=) ANY (ARRAY['created', 'updated', 'deleted']))
);
