-- transactional: false
DROP TABLE host_mapping;
