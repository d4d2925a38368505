DELETE FROM mapping_revision;
