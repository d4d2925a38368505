-- The row itself. Data, so in a transaction and in a file of its own.
INSERT INTO mapping_revision (id, revision, pruned_revision) VALUES (1, 0, 0);
