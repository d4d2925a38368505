DROP TABLE mapping_revision;
