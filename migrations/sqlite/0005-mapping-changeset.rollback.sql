DROP TABLE mapping_changeset;
