-- The one row that every write takes first: it orders the writes and keeps them apart.
CREATE TABLE mapping_revision (
    id              INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    pruned_revision INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT mapping_revision_one_row CHECK (id = 1)
) STRICT;
