-- The only row is the lock of all writers: each write first increments its revision.
CREATE TABLE mapping_revision (
    id              INTEGER NOT NULL,
    revision        BIGINT  NOT NULL,
    pruned_revision BIGINT  NOT NULL,
    CONSTRAINT mapping_revision_pkey PRIMARY KEY (id),
    CONSTRAINT mapping_revision_one_row CHECK (id OPERATOR(pg_catalog.=) 1)
);
