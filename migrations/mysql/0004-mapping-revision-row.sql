-- The only row. It is data, so it has a file of its own, which runs in a transaction.
INSERT INTO mapping_revision (id, revision, pruned_revision) VALUES (1, 0, 0);
