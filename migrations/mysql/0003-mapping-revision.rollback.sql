-- transactional: false
DROP TABLE mapping_revision;
