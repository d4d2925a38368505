-- transactional: false
DROP TABLE mapping_changeset;
