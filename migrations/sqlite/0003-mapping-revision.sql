-- The only row is the lock of all writers: each write first increments its revision.
CREATE TABLE mapping_revision (
    id              INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    pruned_revision INTEGER NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT mapping_revision_one_row CHECK (id = 1)
) STRICT;
